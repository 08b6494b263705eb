package compile_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// What is measured is what the machine does: by random policies, for all known
// calls, and for random ones with any arguments.
func TestMeasureRandomPolicies(t *testing.T) {
	longest, reachedLongest := 0, 0
	for seed := range uint64(100) {
		r := arbitrary.New(seed)
		rules := arbitrary.Rules(r, 6)
		p, program := compiled(t, rules)
		order := rules.ABIs[0].ByteOrder()
		weights := compile.Weights{rules.ABIs[0]: {rules.ABIs[0].Base(): 3, rules.ABIs[0].Base() + 7: 1}}
		stats, err := compile.Measure(p, program, order, weights)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		executed := func(d seccomp.Data) []bpf.Step {
			steps, _, err := program.Trace(order, d)
			if err != nil {
				t.Fatal(err)
			}
			return steps
		}
		if stats.Instructions != len(program) || len(stats.ABIs) != len(rules.ABIs) || stats.Bounded {
			t.Fatalf("seed %d: %+v of %d instructions", seed, stats, len(program))
		}
		for _, a := range stats.ABIs {
			calls, sum, least, most := 0, 0, math.MaxInt, 0
			for nr := range syscalls.All(a.ABI) {
				n := len(executed(seccomp.Data{Arch: a.ABI.Arch(), NR: nr}))
				calls, sum, least, most = calls+1, sum+n, min(least, n), max(most, n)
			}
			if a.Calls != calls || a.Min != least || a.Max != most || math.Abs(a.Mean-float64(sum)/float64(calls)) > 1e-9 {
				t.Errorf("seed %d: %+v, want %d calls with %d to %d, %d in all", seed, a, calls, least, most, sum)
			}
			if a.Own > a.Instructions || a.Instructions > len(program) || a.Longest < most || a.Longest > stats.Longest || a.Bitmap > a.Allowed {
				t.Errorf("seed %d: %+v", seed, a)
			}
		}
		base := seccomp.Data{Arch: rules.ABIs[0].Arch(), NR: rules.ABIs[0].Base()}
		seventh := base
		seventh.NR += 7
		if want := float64(3*len(executed(base))+len(executed(seventh))) / 4; stats.ABIs[0].Weighted != want {
			t.Errorf("seed %d: weighted %v, want %v", seed, stats.ABIs[0].Weighted, want)
		}
		most := 0
		for range 3000 {
			most = max(most, len(executed(arbitrary.Call(r, rules))))
		}
		if most > stats.Longest {
			t.Errorf("seed %d: a call executes %d instructions, more than the longest, %d", seed, most, stats.Longest)
		}
		longest++
		if most == stats.Longest {
			reachedLongest++
		}
	}
	if reachedLongest < longest*8/10 {
		t.Errorf("of %d policies only %d have a call that executes as many instructions as are said to be the most", longest, reachedLongest)
	}
}

// A way that no call takes is not the longest, and what only other ABIs reach
// is not counted.
func TestMeasure(t *testing.T) {
	p, err := policy.New(seccomp.Allow, seccomp.X86_64, seccomp.X86).Deny(seccomp.EPERM, "mkdir").Build()
	if err != nil {
		t.Fatal(err)
	}
	program, err := bpf.Assemble(`
		0: ld   arch
		1: jne  #0xc000003e, 6
		2: ld   nr
		3: jge  #84, 11
		4: jgt  #83, 9
		5: jeq  #83, 12, 11
		6: jne  #0x40000003, 13
		7: ld   nr
		8: jeq  #39, 12, 11
		9: ld   nr
		10: jeq #39, 12, 11
		11: ret ALLOW
		12: ret ERRNO(EPERM)
		13: ret KILL_THREAD`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := compile.Measure(p, program, binary.LittleEndian, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Longest != 7 || s.Shared != 4 || s.ABIs[0].Instructions != 8 || s.ABIs[0].Own != 4 || s.ABIs[1].Instructions != 7 || s.ABIs[1].Own != 3 {
		t.Errorf("%+v", s)
	}
	x86_64 := s.ABIs[0]
	if x86_64.Tests <= x86_64.Optimal || x86_64.Allowed != x86_64.Calls-1 || x86_64.Bitmap != x86_64.Allowed {
		t.Errorf("%+v", x86_64)
	}
}

// The kernel sees of each call of Docker's default that it is allowed, if it
// keeps a bit for the call at all.
func TestMeasureDocker(t *testing.T) {
	p := dockerDefault(t)
	measured := map[compile.Goal]compile.Stats{}
	for _, goal := range []compile.Goal{compile.Speed, compile.Size, compile.Unchanged} {
		program, err := compile.Compile(p, compile.Options{Optimize: goal})
		if err != nil {
			t.Fatal(err)
		}
		s, err := compile.Measure(p, program, binary.LittleEndian, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("goal %v: %+v", goal, s)
		measured[goal] = s
		for _, a := range s.ABIs {
			if want := map[bool]int{false: a.Allowed}[a.ABI == seccomp.X32]; a.Bitmap != want || a.Allowed < 200 {
				t.Errorf("%v: %d of %d allowed calls are in the bitmap, want %d", a.ABI, a.Bitmap, a.Allowed, want)
			}
		}
	}
	speed, size, plain := measured[compile.Speed], measured[compile.Size], measured[compile.Unchanged]
	if speed.ABIs[0].Mean >= plain.ABIs[0].Mean || size.Instructions >= plain.Instructions {
		t.Error("a plain tree is as good as what is made for a goal")
	}
}

func BenchmarkMeasure(b *testing.B) {
	p := dockerDefault(b)
	program, err := compile.Compile(p, compile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := compile.Measure(p, program, binary.LittleEndian, nil); err != nil {
			b.Fatal(err)
		}
	}
}
