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
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Each rule that decides a call is among the origins of the return that the call
// executes.
func TestOriginsOfRandomPolicies(t *testing.T) {
	decided := 0
	for seed := range uint64(300) {
		rules := arbitrary.Rules(arbitrary.New(seed), 10)
		for i := range rules.Rules {
			rules.Rules[i].Origin.Line = i + 1
		}
		p, program := compiled(t, rules)
		order := rules.ABIs[0].ByteOrder()
		origins, err := compile.OriginsOf(p, program, order)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		r := arbitrary.New(seed)
		for range 100 {
			d := arbitrary.Call(r, rules)
			decision, err := p.Decide(d)
			if err != nil || decision.Reason != policy.ByRule {
				continue
			}
			decided++
			steps, _, err := program.Trace(order, d)
			if err != nil {
				t.Fatal(err)
			}
			at := origins.At(steps[len(steps)-1].PC)
			if !slices.ContainsFunc(at, func(r *policy.Rule) bool { return r.Origin == decision.Rule.Origin }) {
				t.Fatalf("seed %d: %+v is decided by %v, but comes to an instruction that comes from %v", seed, d, decision.Rule, at)
			}
		}
	}
	if decided < 1000 {
		t.Errorf("only %d calls were decided by a rule", decided)
	}
}

func TestOrigins(t *testing.T) {
	allow, deny := seccomp.Allow, seccomp.ReturnErrno(seccomp.EPERM)
	for _, c := range []struct {
		name    string
		abis    []seccomp.ABI
		rules   []policy.Rule
		program string // behind each instruction, the places of its rules from 1
	}{
		{"a call", []seccomp.ABI{seccomp.AARCH64}, []policy.Rule{{Syscall: "mkdirat", Action: deny}}, `
			0: ld    arch
			1: jne   #0xc00000b7, 4
			2: ld    nr
			3: jeq   #34, 5 ; 1
			4: ret   ALLOW
			5: ret   ERRNO(EPERM) ; 1`},
		{"both sides of a bound", []seccomp.ABI{seccomp.AARCH64}, []policy.Rule{
			{Number: 1, Action: allow}, {Number: 0, Action: allow}, {Number: 2, Action: seccomp.Log}, {Number: 3, Action: seccomp.Log},
		}, `
			0: ld    arch
			1: jne   #0xc00000b7, 7
			2: ld    nr
			3: jge   #2, 5 ; 1 3
			4: ret   ALLOW ; 1 2
			5: jgt   #3, 7 ; 4
			6: ret   LOG ; 3 4
			7: ret   ERRNO(EPERM)`},
		{"two ABIs in one test", []seccomp.ABI{seccomp.X86_64, seccomp.X32}, []policy.Rule{
			{Syscall: "mkdir", ABIs: []seccomp.ABI{seccomp.X86_64}, Action: deny}, {Syscall: "mkdir", ABIs: []seccomp.ABI{seccomp.X32}, Action: deny},
		}, `
			0: ld    arch
			1: jne   #0xc000003e, 5
			2: ld    nr
			3: and   #0xbfffffff
			4: jeq   #83, 6 ; 1 2
			5: ret   ALLOW
			6: ret   ERRNO(EPERM) ; 1 2`},
		{"arguments", []seccomp.ABI{seccomp.ARM}, []policy.Rule{
			{Syscall: "personality", Action: deny, When: []policy.Condition{policy.Arg(0).EQ(8)}},
			{Syscall: "personality", Action: seccomp.Log, When: []policy.Condition{policy.Arg(1).EQ(9)}},
		}, `
			0: ld    arch
			1: jne   #0x40000028, 8
			2: ld    nr
			3: jne   #136, 8 ; 1 2
			4: ld    [16] ; 1
			5: jeq   #8, 9 ; 1
			6: ld    [24] ; 2
			7: jeq   #9, 10 ; 2
			8: ret   ALLOW
			9: ret   ERRNO(EPERM) ; 1
			10: ret  LOG ; 2`},
		{"multiplexers", []seccomp.ABI{seccomp.X86}, []policy.Rule{
			{Syscall: "socketpair", Action: deny},
			{Syscall: "semget", Action: deny, When: []policy.Condition{policy.Arg(1).EQ(5)}},
		}, `
			0: ld    arch
			1: jne   #0x40000003, 9
			2: ld    nr
			3: jeq   #117, 7 ; 2
			4: jne   #102, 9 ; 1
			5: ld    [16] ; 1
			6: jeq   #8, 10, 9 ; 1
			7: ld    [32] ; 2
			8: jeq   #5, 10 ; 2
			9: ret   ALLOW
			10: ret  ERRNO(EPERM) ; 1 2`},
	} {
		for i := range c.rules {
			c.rules[i].Origin.Line = i + 1
		}
		p, err := policy.Build(policy.Rules{ABIs: c.abis, Default: seccomp.Trap, Rules: c.rules})
		if err != nil {
			t.Fatal(err)
		}
		program, err := bpf.Assemble(c.program)
		if err != nil {
			t.Fatal(err)
		}
		origins, err := compile.OriginsOf(p, program, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		for pc, line := range strings.Split(strings.TrimSpace(c.program), "\n") {
			_, want, _ := strings.Cut(line, " ; ")
			var got []string
			for _, r := range origins.At(pc) {
				got = append(got, fmt.Sprint(r.Origin.Line))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %s: comes from %v", c.name, line, got)
			}
		}
	}
}

func TestOriginsOfDocker(t *testing.T) {
	p := dockerDefault(t)
	program, err := compile.Compile(p, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	origins, err := compile.OriginsOf(p, program, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mkdir", "socket", "clone3", "personality"} {
		nr, _ := syscalls.Number(seccomp.X86_64, name)
		steps, _, err := program.Trace(binary.LittleEndian, seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: nr})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(steps, func(s bpf.Step) bool {
			return slices.ContainsFunc(origins.At(s.PC), func(r *policy.Rule) bool { return r.Syscall == name })
		}) {
			t.Errorf("nothing that %s executes comes from a rule about it", name)
		}
	}
}

func TestOriginsErrors(t *testing.T) {
	if _, err := compile.OriginsOf(policy.Constant(seccomp.Allow), bpf.Program{bpf.Ret(seccomp.Allow)}, binary.LittleEndian); !errors.Is(err, policy.ErrNoRules) {
		t.Errorf("error %v, want that there are no rules", err)
	}
	p, err := policy.New(seccomp.Allow, seccomp.X86_64).Build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compile.OriginsOf(p, bpf.Program{bpf.Stmt(bpf.TAX, 0), bpf.Ret(seccomp.Allow)}, binary.LittleEndian); err == nil {
		t.Error("no error for a program of another compiler")
	}
}
