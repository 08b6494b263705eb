package main

import (
	"slices"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file explains calls by what a container runtime makes of a profile: by the
// rules in the order in which they decide, with their conditions. Where there is
// no such order the filter is asked about one call for each answer.

// misreading is a way in which a runtime does otherwise than a profile says: the
// answers to one call.
type misreading struct {
	call              seccomp.Data
	enforced, written outcome
}

func (e explainer) explainEnforced(x *explanation, given *policy.Policy) error {
	c, answers := x.asked, given.Answers()
	says, err := e.says(c, given.Space())
	if err != nil {
		return err
	}
	if candidates, ok := e.filter.Consider(c.data, c.known); ok {
		for _, o := range candidates {
			x.outcomes = append(x.outcomes, e.decided(o.Decision, o.When))
		}
		x.outcomes = withoutEqualTail(x.outcomes)
	} else {
		for _, a := range answers {
			x.outcomes = append(x.outcomes, e.enforced(c.like(a.Call)))
		}
		x.text = given.String()
	}
	x.passed = e.passed(c, answers[0], x.outcomes)
	if says == nil {
		return nil
	}
	return e.misread(x, given, says)
}

// withoutEqualTail leaves out the outcomes that are as the last one, which they go
// over to: the alternatives of one rule.
func withoutEqualTail(list []outcome) []outcome {
	last := list[len(list)-1]
	n := len(list) - 1
	for n > 0 && list[n-1].action == last.action && list[n-1].by == last.by && list[n-1].origin == last.origin {
		n--
	}
	return append(list[:n], last)
}

// says is what the profile says of a call, as a policy in a space; nil where it
// says what no filter can do.
func (e explainer) says(c asked, in *policy.Space) (*policy.Policy, error) {
	if e.written == nil {
		return nil, nil
	}
	says, err := e.written.In(in)
	if err != nil {
		return nil, err
	}
	return says.Given(c.data, c.known)
}

// misread adds where the runtime does otherwise than the profile says, one call
// for each two answers.
func (e explainer) misread(x *explanation, given, says *policy.Policy) error {
	found, err := policy.Diff(says, given)
	if err != nil {
		return err
	}
	type answers struct{ written, enforced seccomp.Action }
	seen := map[answers]bool{}
	for _, d := range found {
		key := answers{d.A, d.B}
		if seen[key] {
			continue
		}
		seen[key] = true
		call := x.asked.like(d.Call)
		x.misread = append(x.misread, misreading{call, e.enforced(call), e.asWritten(call)})
	}
	return nil
}

// enforced is what the runtime's filter answers to a call.
func (e explainer) enforced(call seccomp.Data) outcome {
	return e.decided(e.filter.Decide(call), nil)
}

func (e explainer) decided(d enforce.Decision, when []policy.Condition) outcome {
	o := outcome{action: d.Action, when: when, note: d.Note}
	switch d.Reason {
	case enforce.ByRule:
		o.by, o.origin, o.rule = "rule", d.Rule.Origin, d.Rule.String()
	case enforce.ByDefault:
		o.by, o.origin = "default", e.source.Default
	case enforce.ByUnlisted:
		o.by = "ABI that is not listed"
	case enforce.ByStub:
		o.by = "runc, beyond the highest number that it finds in the profile"
	case enforce.ByNothing:
		o.by = "no filter"
	}
	if d.Note != "" && d.Rule == nil {
		o.by += ": " + d.Note
	}
	o.line = e.source.Line(o.origin)
	return o
}

// asWritten is what the profile says of a call.
func (e explainer) asWritten(call seccomp.Data) outcome {
	o, err := explainer{policy: e.written, source: e.source}.decides(call)
	if err != nil {
		return outcome{action: e.written.Eval(call), by: "policy"}
	}
	return o
}

// passed are the rules that match a call whatever is not known of it, and decide
// in none of the cases.
func (e explainer) passed(c asked, answer policy.Answer, outcomes []outcome) []enforce.Passed {
	d := e.filter.Decide(c.like(answer.Call))
	return slices.DeleteFunc(d.Passed, func(p enforce.Passed) bool {
		return slices.ContainsFunc(p.Rule.When, func(w policy.Condition) bool { return c.known>>w.Arg&1 == 0 }) ||
			slices.ContainsFunc(outcomes, func(o outcome) bool { return o.by == "rule" && o.origin == p.Rule.Origin })
	})
}

// like is a call that is as another one in what is not known of c.
func (c asked) like(other seccomp.Data) seccomp.Data {
	other.Arch, other.NR = c.data.Arch, c.data.NR
	for i := range other.Args {
		if c.known>>i&1 == 1 {
			other.Args[i] = c.data.Args[i]
		}
	}
	return other
}
