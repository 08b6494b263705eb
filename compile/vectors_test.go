package compile_test

import (
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/simulation"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// TestLibseccompSimulations evaluates libseccomp's tests in three ways: by
// the diagram of the rules, by the compiled program, and by the diagram that
// it lifts to. Test 43 is about the order in which libseccomp tries rules of
// several actions on one argument, which is not what the rules say.
func TestLibseccompSimulations(t *testing.T) {
	compared, recorded := 0, 0
	for _, sim := range simulation.Load(t) {
		if strings.HasPrefix(sim.Name, "43-") {
			continue
		}
		t.Run(sim.Name, func(t *testing.T) { compared += simulate(t, sim) })
		recorded += sim.Verdicts()
	}
	if compared != recorded || compared == 0 {
		t.Errorf("%d verdicts were compared, of %d", compared, recorded)
	}
	t.Logf("%d verdicts, each in three ways", compared)
}

func simulate(t *testing.T, sim simulation.Simulation) (compared int) {
	rules := rulesOf(t, sim)
	p, program := compiled(t, rules)
	order := rules.ABIs[0].ByteOrder()
	lifted, err := lift.Program(program, order)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := bpf.Load(program, order)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range sim.Vectors {
		want := simulation.Action(t, v.Expect)
		v.Each(t, func(d seccomp.Data) {
			compared++
			for way, got := range map[string]seccomp.Action{
				"diagram": p.Eval(d), "program": filter.Run(d).Canonical(), "lifted": lifted.Eval(d),
			} {
				if got != want {
					t.Errorf("line %d: %s: %s %+v: %v, want %v", v.Line, way, v.Arch, d, got, want)
				}
			}
		})
	}
	return compared
}

func rulesOf(t *testing.T, s simulation.Simulation) policy.Rules {
	r := policy.Rules{Default: simulation.Action(t, s.Filter.Default), Unlisted: simulation.Action(t, s.Filter.BadArch)}
	for _, a := range s.Filter.Arches {
		r.ABIs = append(r.ABIs, simulation.ABI(t, a))
	}
	for _, in := range s.Filter.Rules {
		rule := policy.Rule{Syscall: in.Name, Action: simulation.Action(t, in.Action)}
		for _, a := range in.Args {
			rule.When = append(rule.When, condition(t, a.Arg, a.Cmp, a.A, a.B))
		}
		if syscalls.Known(in.Name) {
			for _, a := range in.Arches {
				rule.ABIs = append(rule.ABIs, simulation.ABI(t, a))
			}
			r.Rules = append(r.Rules, rule)
			continue
		}
		// A number that no call has.
		rule.Syscall = ""
		for a, resolved := range in.Resolved {
			if resolved.NR != nil {
				rule.ABIs, rule.Number = []seccomp.ABI{simulation.ABI(t, a)}, uint32(*resolved.NR)
				r.Rules = append(r.Rules, rule)
			}
		}
	}
	return r
}

func condition(t *testing.T, arg int, cmp string, a, b uint64) policy.Condition {
	op, ok := map[string]policy.Op{
		"EQ": policy.EQ, "NE": policy.NE, "LT": policy.LT, "LE": policy.LE,
		"GE": policy.GE, "GT": policy.GT, "MASKED_EQ": policy.MaskedEQ,
	}[cmp]
	if !ok {
		t.Fatalf("operator %v", cmp)
	}
	c := policy.Condition{Arg: arg, Op: op, Value: a}
	if op == policy.MaskedEQ {
		c.Mask, c.Value = a, b
	}
	return c
}
