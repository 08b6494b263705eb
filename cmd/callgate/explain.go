package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func newExplain(t *terminal) *cobra.Command {
	var env envFlags
	var through archFlag
	var format outputFormat
	cmd := &cobra.Command{
		Use:     "explain POLICY [CALL [ARG...]]",
		GroupID: groupPolicy,
		Short:   "Say what happens to a call, or to all, and which line decides",
		Long: `Say what happens to a call, or to every call of an ABI, and which line of the
file decides. A call is its name or number and its arguments, by name or number;
"_" stands for one that is not known, and so does one that is left out. A
negative int has the upper half of its register zero, as compilers leave it; any
other number is the whole register, which is what a filter sees. Negative
numbers go behind "--".

A profile is read as the engine and the runtime make a filter of it: what
decides is a rule, or what they do by themselves. Rules that match the call and
do not decide are told with the reason, and so is what the file says where the
runtime does something else.

The lines of a built-in profile are those of a short form, which is shown for
one call.

For one call the exit status is 0 where it is allowed whatever is not known,
and 1 otherwise.`,
		Example: `  callgate explain docker:default
  callgate explain docker:default socket AF_VSOCK
  callgate explain docker:default init_module --cap-add SYS_MODULE
  callgate explain docker:default socket AF_VSOCK --abi x86
  callgate explain web.json mkdir --engine containerd --runtime crun
  callgate explain web.json write 1 _ 513`,
		Args: arguments("POLICY [CALL] [ARG...]"),
		RunE: func(_ *cobra.Command, args []string) error {
			p, src, err := env.policy(t, args[0])
			if err != nil {
				return err
			}
			abi := env.arch.abi
			if through.abi != 0 {
				abi = through.abi
			}
			e, err := newExplainer(p, src)
			if err != nil {
				return err
			}
			if e.kernel, err = env.version(); err != nil {
				return err
			}
			if len(args) > 1 {
				return e.one(t, abi, args[1:], format)
			}
			return e.all(t, abi, format)
		},
	}
	env.register(cmd)
	env.registerReading(cmd, true)
	through.registerAs(cmd, "abi", "the `ABI` through which the call is made (default: that of --arch)")
	format.register(cmd)
	return cmd
}

// explainer explains the calls of one policy.
type explainer struct {
	policy *policy.Policy
	source *source.Source
	// filter is what a runtime makes of a profile, and written what that says;
	// nil where it is read as it is written, and written too where it says what
	// no filter can do.
	filter  *enforce.Filter
	written *policy.Policy
	// kernel is the one under which calls are made; zero where it is of no
	// interest.
	kernel seccomp.Version
}

// newExplainer is one for the policy of a source.
func newExplainer(p *policy.Policy, src *source.Source) (explainer, error) {
	e := explainer{policy: p, source: src}
	stack := src.Stack()
	if stack == nil {
		return e, nil
	}
	var err error
	if e.filter, err = src.Enforced(*stack); err != nil {
		return e, err
	}
	e.written, err = src.Written()
	if impossible := (*profile.Error)(nil); errors.As(err, &impossible) {
		err = nil
	}
	return e, err
}

// explanation is what happens to one call.
type explanation struct {
	asked    asked
	outcomes []outcome // the first whose conditions hold is the answer
	// text is the policy for this call where there are no rules to tell, and
	// the answer depends on arguments.
	text string
	// passed are rules that match the call whatever is not known, and do not
	// decide.
	passed []enforce.Passed
	// misread are the ways in which the runtime does otherwise than the
	// profile says.
	misread []misreading
	// since is the kernel that brought the call, where the present one is
	// older; else zero.
	since, kernel seccomp.Version
}

// outcome is an answer that a call may get.
type outcome struct {
	action seccomp.Action
	when   []policy.Condition
	by     string // what decides
	origin policy.Origin
	rule   string // the rule as the policy has it
	line   string // what stands at the origin, where the user cannot look
	note   string // why the rule decides although its text does not say so
}

// explain tells what happens to a call. Which answers are possible is told by
// the diagram, exactly; where they come from by the rules.
func (e explainer) explain(c asked) (explanation, error) {
	x := explanation{asked: c}
	if since, ok := syscalls.SinceOn(c.abi, c.name); ok && e.kernel.Compare(since) < 0 && e.kernel != (seccomp.Version{}) {
		x.since, x.kernel = since, e.kernel
	}
	given, err := e.policy.Given(c.data, c.known)
	if err != nil {
		return x, err
	}
	if e.filter != nil {
		return x, e.explainEnforced(&x, given)
	}
	answers := given.Answers()
	candidates, err := e.policy.Consider(c.data, c.known)
	if err != nil {
		x.outcomes = e.ruleless(c, answers)
		if len(answers) > 1 {
			x.text = given.String()
		}
		return x, nil
	}
	x.outcomes = e.outcomes(candidates, answers)
	return x, nil
}

// outcomes are the candidates that are possible answers.
func (e explainer) outcomes(candidates []policy.Candidate, answers []policy.Answer) []outcome {
	var out []outcome
	for _, candidate := range candidates {
		if slices.ContainsFunc(answers, func(a policy.Answer) bool { return a.Action == candidate.Action }) {
			out = append(out, e.outcome(candidate))
		}
	}
	return out
}

// decides is what decides about one call. The error is that of a policy without
// rules.
func (e explainer) decides(call seccomp.Data) (outcome, error) {
	if e.filter != nil {
		return e.enforced(call), nil
	}
	d, err := e.policy.Decide(call)
	if err != nil {
		return outcome{}, err
	}
	return e.outcome(policy.Candidate{Action: d.Action, Reason: d.Reason, Rule: d.Rule}), nil
}

func (e explainer) outcome(c policy.Candidate) outcome {
	o := outcome{action: c.Action, when: c.When}
	switch c.Reason {
	case policy.ByRule:
		o.by, o.origin, o.rule = "rule", c.Rule.Origin, c.Rule.String()
	case policy.ByDefault:
		o.by, o.origin = "default", e.source.Default
	case policy.ByUnlisted:
		o.by = "ABI that is not listed"
	}
	o.line = e.source.Line(o.origin)
	return o
}

// ruleless are the outcomes of a policy without rules.
func (e explainer) ruleless(c asked, answers []policy.Answer) []outcome {
	var out []outcome
	for _, a := range answers {
		o := outcome{action: a.Action, by: "policy"}
		switch {
		case !e.source.Confined():
			o.by = "no filter"
		case e.source.Kind == source.Filter:
			o.by = "filter"
			if steps, err := e.source.Trace(c.like(a.Call)); err == nil {
				o.by = fmt.Sprintf("filter, instruction %d", steps[len(steps)-1].PC)
			}
		}
		out = append(out, o)
	}
	return out
}

// certain reports whether the answer is known.
func (x explanation) certain() (seccomp.Action, bool) {
	for _, o := range x.outcomes[1:] {
		if o.action != x.outcomes[0].action {
			return 0, false
		}
	}
	return x.outcomes[0].action, true
}

// one explains one call, by all the ways in which it can be made.
func (e explainer) one(t *terminal, abi seccomp.ABI, words []string, format outputFormat) error {
	c, err := parseCall(abi, words)
	if err != nil {
		return err
	}
	var ways []asked
	if c.direct() {
		ways = append(ways, c)
	}
	if by, ok := c.through(); ok {
		ways = append(ways, by)
	}
	var all []explanation
	allowed := true
	for _, way := range ways {
		x, err := e.explain(way)
		if err != nil {
			return err
		}
		action, certain := x.certain()
		allowed = allowed && certain && action.Allows()
		all = append(all, x)
	}
	if format == formatJSON {
		if err := t.json(explanationsJSON(all)); err != nil {
			return err
		}
	} else {
		for _, x := range all {
			if err := t.printExplanation(x); err != nil {
				return err
			}
		}
	}
	if !allowed {
		return no
	}
	return nil
}

// all explains every call of an ABI.
func (e explainer) all(t *terminal, abi seccomp.ABI, format outputFormat) error {
	var list []explanation
	for nr, name := range syscalls.All(abi) {
		x, err := e.explain(asked{abi: abi, name: name, data: seccomp.Data{Arch: abi.Arch(), NR: nr}})
		if err != nil {
			return err
		}
		list = append(list, x)
	}
	if format == formatJSON {
		return t.json(explanationsJSON(list))
	}
	slices.SortFunc(list, func(a, b explanation) int { return strings.Compare(a.asked.name, b.asked.name) })
	return t.printExplanations(list)
}
