package bench

import (
	"fmt"

	sentry "gvisor.dev/gvisor/pkg/seccomp"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// gvisor is gvisor.dev/gvisor/pkg/seccomp, with its optimizer.
func gvisor(name string) Compiler {
	return Compiler{
		Name:    name,
		Meaning: policy.Build,
		Express: func(r policy.Rules) (policy.Rules, error) {
			return known(r, func(name string) bool {
				_, ok := syscalls.Number(seccomp.X86_64, name)
				return ok
			}), oneABI(r)
		},
		Prepare: func(r policy.Rules) (func() ([]byte, error), error) {
			fallback, err := gvisorAction(r.Default)
			if err != nil {
				return nil, err
			}
			p := sentry.Program{Options: sentry.ProgramOptions{DefaultAction: fallback, BadArchAction: sentry.KillThread}}
			for _, g := range groups(r.Rules) {
				set, err := gvisorSet(g)
				if err != nil {
					return nil, err
				}
				p.RuleSets = append(p.RuleSets, set)
			}
			return func() ([]byte, error) { return gvisorBuild(&p) }, nil
		},
	}
}

func gvisorBuild(p *sentry.Program) ([]byte, error) {
	instructions, _, err := p.Build()
	if err != nil {
		return nil, err
	}
	program := make(bpf.Program, len(instructions))
	for i, in := range instructions {
		program[i] = bpf.Instruction{Code: in.OpCode, JT: in.JumpIfTrue, JF: in.JumpIfFalse, K: in.K}
	}
	return bpf.Encode(program, order), nil
}

func gvisorSet(g group) (sentry.RuleSet, error) {
	action, err := gvisorAction(g.action)
	if err != nil {
		return sentry.RuleSet{}, err
	}
	rules := sentry.NewSyscallRules()
	for _, r := range g.rules {
		nr, _ := syscalls.Number(seccomp.X86_64, r.Syscall)
		rules.Add(uintptr(nr), gvisorRule(r.When))
	}
	return sentry.RuleSet{Rules: rules, Action: action}, nil
}

// gvisorRule is conditions that must all hold, each on an argument of its own
// as far as that goes.
func gvisorRule(when []policy.Condition) sentry.SyscallRule {
	if len(when) == 0 {
		return sentry.MatchAll{}
	}
	var all sentry.And
	for len(when) > 0 {
		var rest []policy.Condition
		arguments := sentry.PerArg{}
		for i := range arguments {
			arguments[i] = sentry.AnyValue{}
		}
		var taken [6]bool
		for _, c := range when {
			if taken[c.Arg] {
				rest = append(rest, c)
				continue
			}
			taken[c.Arg] = true
			arguments[c.Arg] = gvisorMatcher(c)
		}
		all = append(all, arguments)
		when = rest
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func gvisorMatcher(c policy.Condition) sentry.ValueMatcher {
	v := uintptr(c.Value)
	switch c.Op {
	case policy.EQ:
		return sentry.EqualTo(v)
	case policy.NE:
		return sentry.NotEqual(v)
	case policy.LT:
		return sentry.LessThan(v)
	case policy.LE:
		return sentry.LessThanOrEqual(v)
	case policy.GE:
		return sentry.GreaterThanOrEqual(v)
	case policy.GT:
		return sentry.GreaterThan(v)
	}
	return sentry.MaskedEqual(uintptr(c.Mask), v)
}

func gvisorAction(a seccomp.Action) (sentry.Action, error) {
	switch a.Kind() {
	case seccomp.Allow:
		return sentry.Allow, nil
	case seccomp.KillThread:
		return sentry.KillThread, nil
	case seccomp.Err:
		return sentry.ReturnError.Code(a.Data()), nil
	}
	return "", fmt.Errorf("gvisor: no rule of the problems answers %v", a)
}
