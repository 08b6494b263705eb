package compile_test

import (
	"slices"
	"testing"

	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// Masks do not multiply: a rule takes what it asks, and the rest is there once.
func TestMasks(t *testing.T) {
	r := arbitrary.New(1)
	pair := func(arg policy.Arg) func(int) []policy.Condition {
		return func(i int) []policy.Condition { return []policy.Condition{arg.Masked(1<<i|1<<(i+12), 1<<i)} }
	}
	for _, test := range []struct {
		name     string
		n, of    int // rules, and the most instructions of one
		when     func(i int) []policy.Condition
		abis     []seccomp.ABI
		syscall  string
		fallback seccomp.Action
	}{
		{"pairs of bits", 12, 3, pair(1), []seccomp.ABI{seccomp.X86_64}, "ioctl", seccomp.ReturnErrno(seccomp.EPERM)},
		{"bits of both halves", 40, 6, func(int) []policy.Condition {
			return []policy.Condition{policy.Arg(1).Masked(r.Uint64()|1|1<<63, r.Uint64())}
		}, []seccomp.ABI{seccomp.X86_64}, "ioctl", seccomp.KillProcess},
		{"two arguments", 12, 6, func(i int) []policy.Condition {
			return slices.Concat(pair(0)(i), pair(3)(i))
		}, []seccomp.ABI{seccomp.S390X}, "ioctl", seccomp.Allow},
		{"three ABIs", 12, 3, pair(1), []seccomp.ABI{seccomp.X86_64, seccomp.X86, seccomp.X32}, "fcntl", seccomp.Log},
		{"by itself and through a multiplexer", 12, 9, pair(2), []seccomp.ABI{seccomp.X86}, "semget", seccomp.ReturnErrno(seccomp.EBADF)},
	} {
		b := policy.New(test.fallback, test.abis...).Allow("getpid", "exit_group")
		for i := range test.n {
			b.Rule(seccomp.ReturnErrno(seccomp.Errno(1+i/5)), test.syscall, test.when(i)...)
		}
		p, err := b.Build()
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		for _, goal := range []compile.Goal{compile.Speed, compile.Size} {
			program, err := compile.Compile(p, compile.Options{Optimize: goal})
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			most := test.n*test.of*len(test.abis) + 30
			t.Logf("%s, goal %d: %d instructions, of at most %d", test.name, goal, len(program), most)
			if len(program) > most {
				t.Errorf("%s: %d instructions, at most %d are needed", test.name, len(program), most)
			}
		}
	}
}

// What random rules with masks mean does not depend on how they are asked, says
// the proof.
func TestMasksAtRandom(t *testing.T) {
	r := arbitrary.New(2)
	abis := []seccomp.ABI{seccomp.X32, seccomp.X86_64, seccomp.X86, seccomp.ARM, seccomp.AARCH64}
	for range 300 {
		listed := abis[r.IntN(2)*3:][:1+r.IntN(2)]
		b := policy.New(seccomp.ReturnErrno(seccomp.EPERM), listed...)
		for range 3 + r.IntN(8) {
			var when []policy.Condition
			for range 1 + r.IntN(3) {
				arg, v := policy.Arg(r.IntN(3)), r.Uint64()>>r.IntN(64)
				when = append(when, []policy.Condition{
					arg.Masked(r.Uint64()>>r.IntN(64)&0xf0f0f0f, v), arg.Masked(1<<r.IntN(64), v),
					arg.Masked(v, v), arg.EQ(v), arg.NE(v), arg.GE(v), arg.LT(v),
				}[r.IntN(7)])
			}
			action := []seccomp.Action{seccomp.Allow, seccomp.Log, seccomp.KillProcess, seccomp.ReturnErrno(9)}[r.IntN(4)]
			rule := policy.Rule{Syscall: []string{"ioctl", "semget", ""}[r.IntN(3)], When: when, Action: action}
			if rule.Syscall == "" {
				rule.Number = 0x3ffffffe // not a number of x32
			}
			b.Add(rule)
		}
		p, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		for _, goal := range []compile.Goal{compile.Speed, compile.Size} {
			if _, err := compile.Compile(p, compile.Options{Optimize: goal}); err != nil {
				t.Errorf("%v\n%v", err, p)
			}
		}
	}
}
