package compile_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// compiled is the policy of rules, and its program.
func compiled(t testing.TB, rules policy.Rules) (*policy.Policy, bpf.Program) {
	t.Helper()
	p, err := policy.Build(rules)
	if err != nil {
		t.Fatal(err)
	}
	program, err := compile.Compile(p, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p, program
}

// Random rules, compiled, run and lifted: the program answers as the rules
// do, one by one, and lifts to the same diagram.
func TestRandomPolicies(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 200
	}
	for seed := range uint64(n) {
		rules := arbitrary.Rules(arbitrary.New(seed), 10)
		p, program := compiled(t, rules)
		order := rules.ABIs[0].ByteOrder()
		filter, err := bpf.Load(program, order)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		lifted, err := lift.Program(program, order)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if same, err := policy.Equal(p, lifted); !same {
			t.Fatalf("seed %d: the lifted program is not the policy (%v)", seed, err)
		}
		r := arbitrary.New(seed ^ 1<<40)
		for range 50 {
			d := arbitrary.Call(r, rules)
			want, err := p.Decide(d)
			if err != nil {
				t.Fatal(err)
			}
			if got := filter.Run(d); got != want.Action {
				t.Fatalf("seed %d: %+v: program %v, rules %v", seed, d, got, want.Action)
			}
		}
	}
}

// Any program lifts to a policy that compiles, whatever it asks about.
func TestRandomPrograms(t *testing.T) {
	compiled := 0
	for seed := range uint64(300) {
		s := policy.NewSpace(1 << 15)
		n, err := lift.Into(s, arbitrary.Program(arbitrary.New(seed), 12), binary.LittleEndian)
		if err != nil {
			continue
		}
		_, err = compile.Compile(s.FromNode(n), compile.Options{})
		var tooLong *compile.TooLongError
		if err != nil && !errors.As(err, &tooLong) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err == nil {
			compiled++
		}
	}
	if compiled < 200 {
		t.Errorf("only %d of 300 compiled", compiled)
	}
}

// The same policy gives the same program, also when it is made anew.
func TestReproducible(t *testing.T) {
	for seed := range uint64(50) {
		var first bpf.Program
		for range 4 {
			p, err := policy.Build(arbitrary.Rules(arbitrary.New(seed), 20))
			if err != nil {
				t.Fatal(err)
			}
			program, err := compile.Compile(p, compile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = program
			}
			if !slices.Equal(first, program) {
				t.Fatalf("seed %d: two programs for one policy", seed)
			}
		}
	}
}

// The kernel's bitmap has every call that a policy allows whatever its arguments,
// and no other.
func TestConstantAllow(t *testing.T) {
	for seed := range uint64(150) {
		rules := arbitrary.Rules(arbitrary.New(seed), 10)
		p, err := policy.Build(rules)
		if err != nil {
			t.Fatal(err)
		}
		for _, goal := range []compile.Goal{compile.Speed, compile.Size, compile.Unchanged} {
			program, err := compile.Compile(p, compile.Options{Optimize: goal})
			if err != nil {
				t.Fatal(err)
			}
			f, err := bpf.Load(program, rules.ABIs[0].ByteOrder())
			if err != nil {
				t.Fatal(err)
			}
			s := p.Space()
			for _, abi := range rules.ABIs {
				numbers := s.Fix(p.Root(), policy.WordArch, abi.Arch())
				for nr := range syscalls.All(abi) {
					a, constant := s.Action(s.Fix(numbers, policy.WordNR, nr))
					if want := constant && a == seccomp.Allow; f.ConstantAllow(abi.Arch(), nr) != want {
						t.Fatalf("seed %d: number %d of %v: want %t\n%v", seed, nr, abi, want, program)
					}
				}
			}
		}
	}
}

// conditions is a policy with n values of one argument, without a pattern
// that would make the diagram small.
func conditions(n int) *policy.Builder {
	b := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64)
	r := arbitrary.New(1)
	for range n {
		b.Rule(seccomp.Allow, "write", policy.Arg(0).EQ(uint64(r.Uint32())))
	}
	return b
}

// Programs far beyond the reach of a conditional jump are laid out right up
// to the kernel's limit.
func TestSize(t *testing.T) {
	last := 0
	for _, n := range []int{10, 300, 1000, 1900} {
		p, err := conditions(n).Build()
		if err != nil {
			t.Fatal(err)
		}
		program, err := compile.Compile(p, compile.Options{})
		if err != nil {
			t.Fatalf("%d values: %v", n, err)
		}
		if len(program) <= last || len(program) > bpf.MaxInstructions {
			t.Errorf("%d values: %d instructions after %d", n, len(program), last)
		}
		last = len(program)
		t.Logf("%d values: %d instructions", n, len(program))
	}
}

func TestTooLong(t *testing.T) {
	b := conditions(5000)
	b.Add(policy.Rule{Syscall: "read", Action: seccomp.Log, When: []policy.Condition{policy.Arg(2).LT(5)}})
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	_, err = compile.Compile(p, compile.Options{})
	var tooLong *compile.TooLongError
	if !errors.As(err, &tooLong) {
		t.Fatalf("error %v, want a TooLongError", err)
	}
	first := tooLong.Costs[0]
	if name, _ := syscalls.Name(first.ABI, first.Numbers.Low); name != "write" || len(first.Rules) != 5000 {
		t.Errorf("most for %v with %d rules, want write with 5000", name, len(first.Rules))
	}
	if !strings.Contains(err.Error(), "x86_64 write") || tooLong.Instructions < bpf.MaxInstructions {
		t.Errorf("error says %v", err)
	}
}

// Whatever takes the room is named by what people wrote, also where they
// wrote about calls that are made through the one that takes it; and what
// several ABIs share is named once.
func TestTooLongNames(t *testing.T) {
	b := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86, seccomp.ARM)
	r := arbitrary.New(1)
	for i := range 4000 {
		b.Add(policy.Rule{
			Syscall: "semget", Action: seccomp.Allow, When: []policy.Condition{policy.Arg(0).EQ(uint64(r.Uint32()))},
			Origin: policy.Origin{File: "web.json", Line: i + 1, Rule: i},
		})
	}
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	_, err = compile.Compile(p, compile.Options{})
	var tooLong *compile.TooLongError
	if !errors.As(err, &tooLong) {
		t.Fatalf("error %v, want a TooLongError", err)
	}
	if len(tooLong.Costs) != 2 || !strings.Contains(err.Error(), "x86 ipc ") ||
		!strings.Contains(err.Error(), "semget ") || !strings.Contains(err.Error(), "(4000 rules from web.json:1)") {
		t.Errorf("error says %v, want ipc of x86 and semget with 4000 rules from web.json:1", err)
	}
	for _, c := range tooLong.Costs {
		if len(c.Rules) != 4000 {
			t.Errorf("%v has %d rules, want 4000", c, len(c.Rules))
		}
	}

	short := &compile.TooLongError{Instructions: 4000, Costs: []compile.Cost{
		{ABI: seccomp.X86_64, Numbers: policy.Range{Low: 5, High: 9}, Instructions: 3900}}}
	const want = "compile: the policy takes 4000 instructions, a filter has room for 4096, and needs more to bridge long jumps; most for x86_64 numbers 5..9 3900"
	if short.Error() != want {
		t.Errorf("error says %v\nwant %v", short, want)
	}
}

func TestByteOrder(t *testing.T) {
	p, err := policy.New(seccomp.Allow, seccomp.X86_64, seccomp.S390X).Build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compile.Compile(p, compile.Options{}); err == nil || !strings.Contains(err.Error(), "byte orders") {
		t.Errorf("error %v, want one about byte orders", err)
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if _, err := compile.Compile(p, compile.Options{ByteOrder: order}); err != nil {
			t.Errorf("%v: %v", order, err)
		}
	}
}

// dockerDefault is Docker's default profile on the three ABIs of x86_64.
func dockerDefault(t testing.TB) *policy.Policy {
	t.Helper()
	src, err := source.Open("docker:default", source.Options{
		Env: profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6, Minor: 12}),
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := src.Policy()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Small programs stay small: a compiler that does better may lower the bounds.
func TestInstructions(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *policy.Policy
		most int
	}{
		{"one answer", policy.Constant(seccomp.Log), 1},
		{"Docker's default on three ABIs", dockerDefault(t), 214},
	} {
		program, err := compile.Compile(c.p, compile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(program) > c.most {
			t.Errorf("%s: %d instructions, at most %d before\n%v", c.name, len(program), c.most, program)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	p := dockerDefault(b)
	var program bpf.Program
	for b.Loop() {
		var err error
		if program, err = compile.Compile(p, compile.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(program)), "insns")
}

func ExampleCompile() {
	p, err := policy.New(seccomp.KillProcess, seccomp.X86_64).
		Allow("exit_group", "getpid", "brk").
		Rule(seccomp.Allow, "write", policy.Arg(0).EQ(1), policy.Arg(2).LE(512)).
		Deny(seccomp.EBADF, "read").
		Build()
	if err != nil {
		panic(err)
	}
	program, err := compile.Compile(p, compile.Options{})
	if err != nil {
		panic(err)
	}
	call := seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 1, Args: [6]uint64{1, 0, 513}}
	verdict, err := program.Run(binary.LittleEndian, call)
	if err != nil {
		panic(err)
	}
	fmt.Println("513 bytes to fd 1:", verdict)
	// Output: 513 bytes to fd 1: KILL_PROCESS
}
