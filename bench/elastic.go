package bench

import (
	"errors"
	"fmt"

	elastic "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	netbpf "golang.org/x/net/bpf"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// goSeccompBPF is github.com/elastic/go-seccomp-bpf.
func goSeccompBPF(name string) Compiler {
	return Compiler{Name: name, Express: elasticKnows, Meaning: policy.Build, Prepare: func(r policy.Rules) (func() ([]byte, error), error) {
		p := elastic.Policy{DefaultAction: elasticDefault(r.Default)}
		for _, g := range groups(r.Rules) {
			p.Syscalls = append(p.Syscalls, elasticGroup(g))
		}
		return func() ([]byte, error) {
			p := p // it keeps what it looks up
			instructions, err := p.Assemble()
			if err != nil {
				return nil, err
			}
			raw, err := netbpf.Assemble(instructions)
			if err != nil {
				return nil, err
			}
			program := make(bpf.Program, len(raw))
			for i, r := range raw {
				program[i] = bpf.Instruction{Code: r.Op, JT: r.Jt, JF: r.Jf, K: r.K}
			}
			return bpf.Encode(program, order), nil
		}, nil
	}}
}

// elasticDefault is a default action, of which only some values are taken:
// ActionErrno stands for EPERM.
func elasticDefault(a seccomp.Action) elastic.Action {
	if a == seccomp.ReturnErrno(seccomp.EPERM) {
		return elastic.ActionErrno
	}
	return elastic.Action(a)
}

func elasticGroup(g group) elastic.SyscallGroup {
	to := elastic.SyscallGroup{Action: elastic.Action(g.action)}
	always := map[string]bool{}
	for _, r := range g.rules {
		if len(r.When) == 0 && !always[r.Syscall] {
			always[r.Syscall] = true
			to.Names = append(to.Names, r.Syscall)
		}
	}
	for _, r := range g.rules {
		if always[r.Syscall] {
			continue
		}
		n := elastic.NameWithConditions{Name: r.Syscall}
		for _, c := range r.When {
			n.Conditions = append(n.Conditions, elasticCondition(c))
		}
		to.NamesWithCondtions = append(to.NamesWithCondtions, n)
	}
	return to
}

func elasticCondition(c policy.Condition) elastic.Condition {
	if c.Op == policy.MaskedEQ {
		return elastic.Condition{Argument: uint32(c.Arg), Operation: elastic.BitsNotSet, Value: c.Mask}
	}
	op := map[policy.Op]elastic.Operation{
		policy.EQ: elastic.Equal, policy.NE: elastic.NotEqual,
		policy.LT: elastic.LessThan, policy.LE: elastic.LessOrEqual,
		policy.GE: elastic.GreaterOrEqual, policy.GT: elastic.GreaterThan,
	}[c.Op]
	return elastic.Condition{Argument: uint32(c.Arg), Operation: op, Value: c.Value}
}

func elasticKnows(r policy.Rules) (policy.Rules, error) {
	if err := oneABI(r); err != nil {
		return r, err
	}
	for _, rule := range r.Rules {
		for _, c := range rule.When {
			if c.Op == policy.MaskedEQ && c.Value&c.Mask != 0 {
				return r, errors.New("it cannot compare masked bits with anything but zero")
			}
		}
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return r, fmt.Errorf("go-seccomp-bpf: %w", err)
	}
	return known(r, func(name string) bool {
		_, ok := info.SyscallNames[name]
		return ok
	}), nil
}
