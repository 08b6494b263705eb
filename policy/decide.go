package policy

import (
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// Reason says why a call gets its action.
type Reason uint8

// The reasons of a [Decision].
const (
	ByRule     Reason = 1 + iota // a rule matches
	ByDefault                    // no rule matches
	ByUnlisted                   // the call's ABI is not listed
)

// Decision is the action for one call and where it comes from.
type Decision struct {
	Action seccomp.Action
	Reason Reason
	// Rule decides; nil unless Reason is ByRule.
	Rule *Rule
	// Multiplexer is set where the rule is about a call that this one makes
	// through socketcall or ipc.
	Multiplexer bool
	// Overruled are the other rules that match the call, the next in
	// precedence first.
	Overruled []*Rule
}

// Decide is the action for one call with the rule that decides it. It
// evaluates the rules themselves, one by one, and not the diagram. It fails
// with [ErrNoRules] where the policy has none.
func (p *Policy) Decide(d seccomp.Data) (Decision, error) {
	if p.rules == nil {
		return Decision{}, ErrNoRules
	}
	return p.rules.decide(d), nil
}

func (r *compiledRules) decide(d seccomp.Data) Decision {
	abi, ok := d.ABI()
	if !ok || !slices.Contains(r.ABIs, abi) {
		return Decision{Action: r.Unlisted.Canonical(), Reason: ByUnlisted}
	}
	var matching []clause
	for _, c := range r.of(abi, d.NR) {
		if r.conditions(abi, c).hold(abi, d.Args) {
			matching = append(matching, c)
		}
	}
	if len(matching) == 0 {
		return Decision{Action: r.Default.Canonical(), Reason: ByDefault}
	}
	first := matching[0]
	decision := Decision{
		Action:      r.rule(first).Action.Canonical(),
		Reason:      ByRule,
		Rule:        r.rule(first),
		Multiplexer: first.multiplexed(),
	}
	for _, c := range matching[1:] {
		decision.Overruled = append(decision.Overruled, r.rule(c))
	}
	return decision
}
