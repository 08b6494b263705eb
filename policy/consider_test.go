package policy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

func considered(t *testing.T, p *Policy, d seccomp.Data, known uint8) string {
	t.Helper()
	list, err := p.Consider(d, known)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, c := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		for _, cond := range c.When {
			fmt.Fprintf(&b, "%v ", cond)
		}
		fmt.Fprintf(&b, "-> %v", c.Action)
	}
	return b.String()
}

func TestConsider(t *testing.T) {
	p, err := Build(Rules{
		ABIs:     []seccomp.ABI{seccomp.X86_64, seccomp.X86},
		Default:  seccomp.ReturnErrno(1),
		Unlisted: seccomp.KillProcess,
		Rules: []Rule{
			{Syscall: "write", Action: seccomp.Allow, When: []Condition{{Arg: 0, Op: EQ, Value: 1}, {Arg: 2, Op: LE, Value: 512}}},
			{Syscall: "write", Action: seccomp.Log, When: []Condition{{Arg: 2, Op: GT, Value: 1000}}},
			{Syscall: "read", Action: seccomp.Allow},
			{Syscall: "socket", Action: seccomp.Allow},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	const x86_64, x86 = 0xc000003e, 0x40000003
	for _, c := range []struct {
		d     seccomp.Data
		known uint8
		want  string
	}{
		{seccomp.Data{Arch: x86_64, NR: 1}, 0, "a2 > 1000 -> LOG; a0 == 1 a2 <= 512 -> ALLOW; -> ERRNO(EPERM)"},
		{seccomp.Data{Arch: x86_64, NR: 1, Args: [6]uint64{1}}, 1, "a2 > 1000 -> LOG; a2 <= 512 -> ALLOW; -> ERRNO(EPERM)"},
		{seccomp.Data{Arch: x86_64, NR: 1, Args: [6]uint64{2}}, 1, "a2 > 1000 -> LOG; -> ERRNO(EPERM)"},
		{seccomp.Data{Arch: x86_64, NR: 1, Args: [6]uint64{1, 0, 512}}, 5, "-> ALLOW"},
		{seccomp.Data{Arch: x86_64, NR: 0}, 0, "-> ALLOW"},
		{seccomp.Data{Arch: x86_64, NR: 2}, 0, "-> ERRNO(EPERM)"},
		{seccomp.Data{Arch: x86, NR: 102}, 0, "a0 & 0xffffffff == 0x1 -> ALLOW; -> ERRNO(EPERM)"},
		{seccomp.Data{Arch: x86, NR: 102, Args: [6]uint64{1}}, 1, "-> ALLOW"},
		{seccomp.Data{Arch: 0xc00000b7, NR: 1}, 0, "-> KILL_PROCESS"},
	} {
		if got := considered(t, p, c.d, c.known); got != c.want {
			t.Errorf("%+v, known %b: %s\nwant %s", c.d, c.known, got, c.want)
		}
	}
	if _, err := Constant(seccomp.Allow).Consider(seccomp.Data{}, 0); !errors.Is(err, ErrNoRules) {
		t.Errorf("a policy without rules says %v, want ErrNoRules", err)
	}
}

// The first candidate whose conditions hold is what the policy answers,
// whatever is known.
func TestConsiderAgreesWithEval(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	number := func() uint64 { return random.Uint64N(4) }
	for range 300 {
		r := Rules{ABIs: []seccomp.ABI{seccomp.X86_64}, Default: seccomp.KillProcess}
		for range 1 + random.IntN(5) {
			rule := Rule{Syscall: "write", Action: seccomp.Kinds()[random.IntN(8)]}
			for range random.IntN(3) {
				rule.When = append(rule.When, Condition{Arg: random.IntN(3), Op: EQ + Op(random.IntN(7)), Value: number(), Mask: number()})
			}
			r.Rules = append(r.Rules, rule)
		}
		p, err := Build(r)
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			d := seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 1, Args: [6]uint64{number(), number(), number()}}
			known := uint8(random.IntN(8))
			list, err := p.Consider(d, known)
			if err != nil {
				t.Fatal(err)
			}
			if got := first(list, d); got.Action != p.Eval(d) {
				t.Fatalf("%v: %+v, known %b: %v, want %v", r.Rules, d, known, got, p.Eval(d))
			}
		}
	}
}

func first(list []Candidate, d seccomp.Data) Candidate {
next:
	for _, c := range list {
		for _, cond := range c.When {
			if !cond.Holds(seccomp.X86_64, d.Args) {
				continue next
			}
		}
		return c
	}
	return Candidate{}
}
