package compile_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// resolvedDefault is Docker's default for its capabilities, with ENOSYS for the
// numbers beyond the newest that it names, as runc has it, for some ABIs.
func resolvedDefault(t testing.TB, abis ...seccomp.ABI) *policy.Policy {
	t.Helper()
	data, err := os.ReadFile(need.Data(t, "docker-default-resolved.json"))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := profile.Parse("default.json", data, profile.OCI)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Resolve(profile.Env{Engine: profile.OCI, ABI: seccomp.X86_64})
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := r.Rules()
	if err != nil {
		t.Fatal(err)
	}
	rules.ABIs = abis
	built, err := policy.Build(rules)
	if err != nil {
		t.Fatal(err)
	}
	s := built.Space()
	root := built.Root()
	for _, abi := range abis {
		newest := uint32(0)
		for _, r := range rules.Rules {
			if nr, ok := syscalls.Number(abi, r.Syscall); ok {
				newest = max(newest, nr)
			}
		}
		beyond := s.And(s.Equal(policy.WordArch, abi.Arch()), s.AtLeast(policy.WordNR, newest+1))
		x32 := s.And(s.AtLeast(policy.WordNR, seccomp.X32.Base()), s.Not(s.Equal(policy.WordNR, 0xffffffff)))
		switch abi {
		case seccomp.X86_64:
			beyond = s.And(beyond, s.Not(x32))
		case seccomp.X32:
			beyond = s.And(beyond, x32)
		}
		root = s.IfThenElse(beyond, s.Return(seccomp.ReturnErrno(seccomp.ENOSYS)), root)
	}
	return s.FromNode(root)
}

var allOfX86 = []seccomp.ABI{seccomp.X86_64, seccomp.X86, seccomp.X32}

// TestDockerDefault holds the filter of Docker's default to bounds that no other
// compiler reaches.
func TestDockerDefault(t *testing.T) {
	for _, c := range []struct {
		name               string
		abis               []seccomp.ABI
		goal               compile.Goal
		most, max, longest int
		mean               float64
	}{
		{"three ABIs", allOfX86, compile.Speed, 220, 13, 20, 9.3},
		{"three ABIs, small", allOfX86, compile.Size, 200, 13, 20, 9.8},
		{"x86_64", allOfX86[:1], compile.Speed, 72, 13, 15, 9.2},
		{"x86_64, small", allOfX86[:1], compile.Size, 66, 12, 13, 9.7},
	} {
		program, err := compile.Compile(resolvedDefault(t, c.abis...), compile.Options{Optimize: c.goal})
		if err != nil {
			t.Fatal(err)
		}
		sum, longest, calls := 0, 0, 0
		for nr := range syscalls.All(seccomp.X86_64) {
			n := executed(t, program, nr)
			sum, longest, calls = sum+n, max(longest, n), calls+1
		}
		mean := float64(sum) / float64(calls)
		t.Logf("%s: %d instructions, executed %.2f and at most %d, with arguments %d", c.name, len(program), mean, longest, longestWay(program))
		if len(program) > c.most || mean > c.mean || longest > c.max || longestWay(program) > c.longest {
			t.Errorf("%s: it was %d, %.2f, %d, %d before", c.name, c.most, c.mean, c.max, c.longest)
		}
	}
}

// executed is the number of instructions that a call without arguments meets.
func executed(t testing.TB, program bpf.Program, nr uint32) int {
	t.Helper()
	steps, _, err := program.Trace(binary.LittleEndian, seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: nr})
	if err != nil {
		t.Fatal(err)
	}
	return len(steps)
}

// longestWay is the longest way through a program, whether or not a call takes it.
func longestWay(program bpf.Program) int {
	longest := make([]int, len(program))
	for pc := len(program) - 1; pc >= 0; pc-- {
		switch i := program[pc]; {
		case i.IsReturn():
			longest[pc] = 1
		case i.Code == bpf.JumpAlways:
			longest[pc] = 1 + longest[pc+1+int(i.K)]
		case i.IsJump():
			longest[pc] = 1 + max(longest[pc+1+int(i.JT)], longest[pc+1+int(i.JF)])
		default:
			longest[pc] = 1 + longest[pc+1]
		}
	}
	return longest[0]
}

// TestWeights lays Docker's default out for what workloads call, and compares it
// with the optimal tree of comparisons.
func TestWeights(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(need.Data(t, "traces"), "syscalls.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	workloads := map[string]compile.Weights{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		nr, err1 := strconv.ParseUint(f[1], 10, 32)
		count, err2 := strconv.ParseUint(f[3], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%q", line)
		}
		if workloads[f[0]] == nil {
			workloads[f[0]] = compile.Weights{seccomp.X86_64: {}}
		}
		workloads[f[0]][seccomp.X86_64][uint32(nr)] += count
	}
	for _, abis := range [][]seccomp.ABI{allOfX86, allOfX86[:1]} {
		p := resolvedDefault(t, abis...)
		for name, w := range workloads {
			program, err := compile.Compile(p, compile.Options{Weights: w})
			if err != nil {
				t.Fatal(err)
			}
			sum, calls := 0.0, 0.0
			for nr, n := range w[seccomp.X86_64] {
				sum += float64(n) * float64(executed(t, program, nr))
				calls += float64(n)
			}
			// The architecture and the number are loaded, one test is of the
			// architecture, and a return is last.
			bound := 4 + optimal(t, p, w[seccomp.X86_64])
			t.Logf("%d ABIs, %s: executed %.3f, bound %.3f: %+.1f %%", len(abis), name, sum/calls, bound, 100*(sum/calls/bound-1))
			if sum/calls > 1.08*bound {
				t.Errorf("more than 8 %% above the bound")
			}
		}
	}
}

// optimal is the mean number of tests of the best tree of comparisons of the
// number, without tests for equality.
func optimal(t *testing.T, p *policy.Policy, counts map[uint32]uint64) float64 {
	t.Helper()
	s := p.Space()
	regions, ok := s.Regions(s.Fix(p.Root(), policy.WordArch, seccomp.X86_64.Arch()), policy.WordNR, 1000)
	if !ok {
		t.Fatal("too many ranges")
	}
	below := []float64{0} // calls before each region
	for _, r := range regions {
		sum := below[len(below)-1]
		for nr, n := range counts {
			if r.Low <= nr && nr <= r.High {
				sum += float64(n)
			}
		}
		below = append(below, sum)
	}
	n := len(regions)
	cost := make([][]float64, n)
	for i := n - 1; i >= 0; i-- {
		cost[i] = make([]float64, n)
		for j := i + 1; j < n; j++ {
			best := cost[i][i] + cost[i+1][j]
			for k := i + 2; k <= j; k++ {
				best = min(best, cost[i][k-1]+cost[k][j])
			}
			cost[i][j] = best + below[j+1] - below[i]
		}
	}
	return cost[0][n-1] / below[n]
}

// TestLarge has policies that are far larger than people's: those that fit, and
// those of which the error says what takes the room.
func TestLarge(t *testing.T) {
	most := map[string]int{
		"750 values of 32 bits": 907, "1500 values of 32 bits": 1801, "3000 values of 32 bits": 3593,
		"750 values of 64 bits": 2420, "770 rules with conditions": 1341, "23 ABIs": 1519,
		"1600 numbers of four ABIs": 1900,
	}
	for name, p := range large(t) {
		for _, goal := range []compile.Goal{compile.Speed, compile.Size, compile.Unchanged} {
			program, err := compile.Compile(p, compile.Options{Optimize: goal, ByteOrder: binary.LittleEndian})
			var tooLong *compile.TooLongError
			switch {
			case errors.As(err, &tooLong):
				if most[name] != 0 && goal != compile.Unchanged {
					t.Errorf("%s: %v", name, err)
				}
				if tooLong.Instructions < bpf.MaxInstructions || len(tooLong.Costs) == 0 && name != "1600 numbers of four ABIs" {
					t.Errorf("%s: %v", name, err)
				}
				for _, c := range tooLong.Costs {
					if c.Instructions > tooLong.Instructions || len(c.Rules) == 0 {
						t.Errorf("%s: of %d instructions %v", name, tooLong.Instructions, c)
					}
				}
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case len(program) > most[name] && goal != compile.Unchanged:
				t.Errorf("%s: %d instructions, %d before", name, len(program), most[name])
			}
		}
	}
}

// What is counted is near, also where there are few ranges; and counts of nothing,
// or of what the policy does not know, are none.
func TestCounts(t *testing.T) {
	p, err := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64).Allow("mkdir", "mkdirat", "rmdir", "epoll_wait").Build()
	if err != nil {
		t.Fatal(err)
	}
	compiled := func(w compile.Weights) bpf.Program {
		program, err := compile.Compile(p, compile.Options{Weights: w})
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	for _, name := range []string{"mkdir", "rmdir", "epoll_wait", "read"} {
		nr, _ := syscalls.Number(seccomp.X86_64, name)
		for _, n := range []uint64{1, 1 << 20, 1<<64 - 1} {
			program := compiled(compile.Weights{seccomp.X86_64: {nr: n}})
			if got := executed(t, program, nr); got > 6 {
				t.Errorf("%s, %d times: %d instructions are executed\n%v", name, n, got, program)
			}
		}
	}
	plain := compiled(nil)
	for _, w := range []compile.Weights{{}, {seccomp.X86_64: {1: 0}}, {seccomp.AARCH64: {1: 5}}, {200: {1: 5}}} {
		if !slices.Equal(compiled(w), plain) {
			t.Errorf("%v makes another program", w)
		}
	}
}

func large(t testing.TB) map[string]*policy.Policy {
	t.Helper()
	policies := map[string]*policy.Builder{}
	for _, n := range []int{750, 1500, 3000} {
		r := arbitrary.New(1)
		half := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64)
		whole := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64)
		for range n {
			half.Rule(seccomp.Allow, "write", policy.Arg(0).EQ(uint64(r.Uint32())))
			whole.Rule(seccomp.Allow, "write", policy.Arg(0).EQ(r.Uint64()))
		}
		policies[fmt.Sprintf("%d values of 32 bits", n)] = half
		policies[fmt.Sprintf("%d values of 64 bits", n)] = whole
	}
	many := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64)
	i := uint64(0)
	for nr, name := range syscalls.All(seccomp.X86_64) {
		many.Rule(seccomp.Trace|seccomp.Action(nr%7), name, policy.Arg(int(i%6)).EQ(i), policy.Arg(int((i+1)%6)).LE(2*i))
		many.Rule(seccomp.ReturnErrno(seccomp.Errno(1+nr%5)), name, policy.Arg(int(i%6)).Masked(0xff, i))
		i++
	}
	all := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.ABIs()...)
	for _, name := range syscalls.Names() {
		if len(name)%2 == 0 {
			all.Allow(name)
		}
	}
	four := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64, seccomp.X86, seccomp.ARM, seccomp.AARCH64)
	for i := range uint32(1600) {
		nr := 1000 + i*37%9973
		for _, abi := range []seccomp.ABI{seccomp.X86_64, seccomp.X86, seccomp.ARM, seccomp.AARCH64} {
			four.Number(seccomp.Allow, abi, nr)
		}
	}
	policies["1600 numbers of four ABIs"] = four
	policies["770 rules with conditions"], policies["23 ABIs"] = many, all
	built := map[string]*policy.Policy{}
	for name, b := range policies {
		p, err := b.Build()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		built[name] = p
	}
	return built
}

func BenchmarkLarge(b *testing.B) {
	policies := large(b)
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		p := policies[name]
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			for b.Loop() {
				program, err := compile.Compile(p, compile.Options{ByteOrder: binary.LittleEndian, Unproven: true})
				_ = err
				b.ReportMetric(float64(len(program)), "insns")
			}
		})
	}
}
