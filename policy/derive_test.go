package policy_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/lift"
	. "github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// derived are the rules of a policy given as text, one on a line.
func derived(t *testing.T, text string) (string, error) {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Derive()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, rule := range r.Rules {
		b.WriteString(rule.String())
		if rule.ABIs != nil {
			for _, abi := range rule.ABIs {
				b.WriteString(" " + abi.String())
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("else: " + r.Default.String())
	if len(r.ABIs) > 0 {
		built, err := p.Space().Build(r)
		if err != nil {
			t.Fatal(err)
		}
		if built.Root() != p.Root() {
			t.Errorf("%s\nmakes the rules\n%s\nwhich are another policy", text, &b)
		}
	}
	return b.String(), nil
}

func TestDerive(t *testing.T) {
	for _, c := range []struct{ policy, want string }{
		{"x86_64 { ALLOW: read, write else: ERRNO(EPERM) } else: KILL_THREAD",
			"read: ALLOW\nwrite: ALLOW\nelse: ERRNO(EPERM)"},
		{"x86_64 { write { a0 == 1: ALLOW else: TRAP(3) } else: ERRNO(EPERM) } else: KILL_THREAD",
			"write when a0 != 1: TRAP(3)\nwrite when a0 == 1: ALLOW\nelse: ERRNO(EPERM)"},
		{"x86_64 { write { a0 <= 3 { a2 >= 9: ALLOW else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: KILL_THREAD",
			"write when a0 <= 3 && a2 >= 9: ALLOW\nelse: ERRNO(EPERM)"},
		{"x86_64 { clone { a0 & 0x7e020000 == 0: ALLOW else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: KILL_THREAD",
			"clone when a0 & 0x7e020000 == 0x0: ALLOW\nelse: ERRNO(EPERM)"},
		{"x86_64 { clone { a0 & 0x11 == 0x10: ERRNO(EPERM) else: TRAP(1) } else: ERRNO(EPERM) } else: KILL_THREAD",
			"clone when a0 & 0x10 == 0x0: TRAP(1)\nclone when a0 & 0x11 == 0x11: TRAP(1)\nelse: ERRNO(EPERM)"},
		{"x86_64 { read { a0 & 0xffffffff == 7: ALLOW else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: KILL_THREAD",
			"read when a0 & 0xffffffff == 0x7: ALLOW\nelse: ERRNO(EPERM)"},
		{"x86_64 { read { a0 & 0xf <= 5: ALLOW else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: KILL_THREAD",
			"read when a0 & 0xc == 0x0: ALLOW\nread when a0 & 0xe == 0x4: ALLOW\nelse: ERRNO(EPERM)"},
		{"x86_64 { ALLOW: 1000 else: ERRNO(EPERM) } else: KILL_THREAD",
			"1000: ALLOW x86_64\nelse: ERRNO(EPERM)"},
		{"x86_64 { ALLOW: read, open else: ERRNO(EPERM) } aarch64 { ALLOW: read, openat else: ERRNO(EPERM) } else: KILL_PROCESS",
			"read: ALLOW\nopen: ALLOW\nopenat: ALLOW aarch64\nelse: ERRNO(EPERM)"},
		{"ppc { ALLOW: 102 ipc { a0 & 0xffff == 1: ALLOW else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: KILL_THREAD",
			"socketcall: ALLOW\nipc when a0 & 0xffff == 0x1: ALLOW\nelse: ERRNO(EPERM)"},
		{"else: ALLOW", "else: ALLOW"},
	} {
		got, err := derived(t, c.policy)
		if err != nil || got != c.want {
			t.Errorf("%s\n%s (%v)\nwant\n%s", c.policy, got, err, c.want)
		}
	}
}

func TestDeriveInexpressible(t *testing.T) {
	for _, c := range []struct{ policy, want string }{
		{"x86_64 { ALLOW: 500..1000000 else: ERRNO(EPERM) } else: KILL_THREAD", "numbers 500..0xf4240 of x86_64, which have no names, get ALLOW"},
		{"x86_64 { read { ip >= 4096: ALLOW else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: KILL_THREAD", "read of x86_64: it depends on the instruction pointer"},
		{"x86 { read { a0 >= 0x100000000: ALLOW else: ERRNO(EPERM) } else: ERRNO(EPERM) } else: KILL_THREAD", "the upper half of argument 0"},
		{"x86 { ALLOW: connect else: ERRNO(EPERM) } else: KILL_THREAD", "socketcall of x86 gets ERRNO(EPERM), but"},
		{"x86_64 { else: ERRNO(EPERM) } x86 { else: ALLOW } else: KILL_THREAD", "which have no names, get"},
		{"arch == 0x1234: ALLOW else: KILL_THREAD", "architectures that are no known ABI's"},
		{"x86_64 { nr & 1 == 1: ALLOW else: ERRNO(EPERM) } else: KILL_THREAD", "single bits"},
	} {
		got, err := derived(t, c.policy)
		if !errors.Is(err, ErrInexpressible) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n%s (%v)\nwant an error with %q", c.policy, got, err, c.want)
		}
	}
}

// Rules that were built, and forgotten, come back as rules for the same
// policy.
func TestDeriveRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	number := func() uint64 {
		return []uint64{0, 1, 2, 3, 7, 40, 512, 0xffffffff, 1 << 32, 1<<32 + 1, 1<<64 - 1, 0x7e020000}[random.IntN(12)]
	}
	names := []string{"read", "write", "socket", "clone", "mkdir", "semop", "openat"}
	abis := [][]seccomp.ABI{{seccomp.X86_64}, {seccomp.X86_64, seccomp.X86, seccomp.X32}, {seccomp.S390X}, {seccomp.AARCH64, seccomp.ARM}}
	expressed, refused := 0, 0
	for range 400 {
		r := Rules{ABIs: abis[random.IntN(len(abis))], Default: seccomp.ReturnErrno(1), Unlisted: seccomp.KillThread}
		for range 1 + random.IntN(6) {
			rule := Rule{Syscall: names[random.IntN(len(names))], Action: seccomp.Kinds()[random.IntN(8)]}
			for range random.IntN(3) {
				rule.When = append(rule.When, Condition{Arg: random.IntN(3), Op: EQ + Op(random.IntN(7)), Value: number(), Mask: number()})
			}
			r.Rules = append(r.Rules, rule)
		}
		p, err := Build(r)
		if err != nil {
			t.Fatal(err)
		}
		forgotten := p.Space().FromNode(p.Root())
		again, err := forgotten.Derive()
		if errors.Is(err, ErrInexpressible) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		built, err := p.Space().Build(again)
		if err != nil {
			t.Fatal(err)
		}
		if built.Root() != p.Root() {
			t.Fatalf("%v\ncomes back as\n%v", r, again)
		}
		expressed++
	}
	t.Logf("%d expressed, %d refused", expressed, refused)
	if expressed < 350 {
		t.Errorf("only %d of 400 policies that were made from rules came back", expressed)
	}
}

// Whatever a program does, it becomes rules for the same policy or an error.
func TestDerivePrograms(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		program := arbitrary.Program(random, 25)
		p, err := lift.Program(program, binary.LittleEndian)
		if err != nil {
			continue // too large
		}
		r, err := p.Derive()
		switch {
		case errors.Is(err, ErrInexpressible):
			continue
		case err != nil:
			t.Fatalf("%v\n%v", program, err)
		case len(r.ABIs) == 0:
			if a, ok := p.Space().Action(p.Root()); !ok || a != r.Default {
				t.Fatalf("%v\ngives every call %v", program, r.Default)
			}
			continue
		}
		built, err := p.Space().Build(r)
		if err != nil || built.Root() != p.Root() {
			t.Fatalf("%v\nbecomes %v (%v)", program, r, err)
		}
	}
}
