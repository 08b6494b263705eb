package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

func newDiff(t *terminal) *cobra.Command {
	var env envFlags
	var format outputFormat
	var subset bool
	cmd := &cobra.Command{
		Use:     "diff A B",
		GroupID: groupPolicy,
		Short:   "Show what two policies answer differently, with witnesses",
		Long: `Show every call that two policies answer differently: the calls, the answer of
A, the answer of B, and one such call as a witness. The answer is exact: where
nothing is shown, no call is answered differently. Calls without the name of an
ABI before them are so on every ABI that has them and is not killed altogether.

Profiles are compared as a container runtime enforces them, which is not always
what they say. One profile can be compared with itself: as two engines read it,
each with the capabilities that it gives a container, or as it is written with
what the runtime makes of it. Then the rules behind both answers are shown:

  callgate diff --engine docker,containerd web.json
  callgate diff --as-written web.json

With --subset the question is only whether A allows nothing that B stops, or
leaves to somebody else (a listener, a tracer).

The exit status is 0 for equal (or a subset), 1 for different.`,
		Example: `  callgate diff docker:default web.json
  callgate diff docker:20.10 docker:29
  callgate diff --engine docker,containerd web.json
  callgate diff --as-written --runtime crun web.json
  callgate diff --subset new.json old.json || echo "new.json allows more"
  callgate diff web.json web.bpf`,
		Args: func(cmd *cobra.Command, args []string) error { return diffArguments(cmd, &env, args) },
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := env.compared(t, args)
			if err != nil {
				return err
			}
			found, err := c.differences(subset)
			if err != nil {
				return err
			}
			if format == formatJSON {
				err = t.json(c.json(found))
			} else {
				t.printDifferences(c, found)
			}
			if err == nil && len(found) > 0 {
				return no
			}
			return err
		},
	}
	env.register(cmd)
	env.registerReading(cmd, true)
	engine := cmd.Flags().Lookup("engine")
	engine.Value = engineList{&env.engines}
	engine.Usage += "; two of them, with a comma between, read one profile"
	format.register(cmd)
	cmd.Flags().BoolVar(&subset, "subset", false, "only ask whether A allows nothing that B stops")
	return cmd
}

// comparison is the two policies that are compared.
type comparison struct {
	a, b side
	// native is the ABI of the machine, of which people want to hear first.
	native seccomp.ABI
	// readings says that the two are readings of one profile, so that what
	// decides is of interest.
	readings bool
}

// side is one of the policies.
type side struct {
	label string // how the policy is told from the other one
	explainer
}

// compared are the policies that a command line names: two by name, or one as
// two engines read it.
func (e *envFlags) compared(t *terminal, args []string) (comparison, error) {
	if len(args) == 1 {
		return e.readings(t, args[0])
	}
	c := comparison{native: e.arch.abi}
	if args[0] == "-" && args[1] == "-" {
		return c, usagef("name a file", "only one of the policies can be on stdin")
	}
	e.several = true
	for i, s := range []*side{&c.a, &c.b} {
		p, src, err := e.policy(t, args[i])
		if err != nil {
			return c, err
		}
		*s = side{label: args[i]}
		if s.explainer, err = newExplainer(p, src); err != nil {
			return c, err
		}
	}
	return c, e.reading.apply(c.a.source, c.b.source)
}

// differences lists the differences that are asked for: all, or those in which
// a is weaker than b.
func (c comparison) differences(subset bool) ([]policy.Difference, error) {
	found, err := policy.Diff(c.a.policy, c.b.policy)
	if subset {
		found = slices.DeleteFunc(found, func(d policy.Difference) bool { return !d.Weaker() })
	}
	return found, err
}

// fails is why the rule that decides on the other side does not decide on this
// one, and "" where it does not match, or that is not known.
func (s side) fails(call seccomp.Data, other outcome) string {
	if s.filter == nil || other.rule == "" {
		return ""
	}
	for _, p := range s.filter.Decide(call).Passed {
		if p.Rule.Origin == other.origin {
			return p.Why
		}
	}
	return ""
}

// reason says what decides about a call.
func (s side) reason(call seccomp.Data, answer seccomp.Action) outcome {
	if !s.source.Confined() {
		return outcome{action: answer, by: "no filter"}
	}
	o, err := s.decides(call)
	if err != nil {
		return outcome{action: answer, by: "policy"}
	}
	return o
}
