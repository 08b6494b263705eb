package policy

import (
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// Candidate is an answer that a call may get of which not every argument is
// known.
type Candidate struct {
	Action seccomp.Action
	Reason Reason
	// Rule decides; nil unless Reason is ByRule.
	Rule *Rule
	// Multiplexer is set where the rule is about a call that this one makes
	// through socketcall or ipc.
	Multiplexer bool
	// When are the conditions on arguments that are not known; none means
	// that the rule certainly matches. Arguments are counted as the call's
	// own registers.
	When []Condition
}

// Consider lists the answers that a call may get of which only the arguments
// with their bit set in known (bit 0 is argument 0) are known. They stand in
// the order of precedence: the first whose conditions hold is the answer, and
// the last has none. Like [Policy.Decide] it looks at the rules and not at
// the diagram, and fails with [ErrNoRules] where there are none.
func (p *Policy) Consider(d seccomp.Data, known uint8) ([]Candidate, error) {
	if p.rules == nil {
		return nil, ErrNoRules
	}
	return p.rules.consider(d, known), nil
}

func (r *compiledRules) consider(d seccomp.Data, known uint8) []Candidate {
	abi, ok := d.ABI()
	if !ok || !slices.Contains(r.ABIs, abi) {
		return []Candidate{{Action: r.Unlisted.Canonical(), Reason: ByUnlisted}}
	}
	var out []Candidate
	for _, c := range r.of(abi, d.NR) {
		when, possible := r.conditions(abi, c).undecided(abi, d.Args, known)
		if !possible {
			continue
		}
		rule := r.rule(c)
		out = append(out, Candidate{rule.Action.Canonical(), ByRule, rule, c.multiplexed(), when})
		if len(when) == 0 {
			return out
		}
	}
	return append(out, Candidate{Action: r.Default.Canonical(), Reason: ByDefault})
}

// undecided are the conditions on arguments that are not known; possible
// is false where one on a known argument does not hold.
func (when conditions) undecided(abi seccomp.ABI, args [6]uint64, known uint8) (rest []Condition, possible bool) {
	for _, c := range when {
		switch {
		case known>>c.Arg&1 == 0:
			rest = append(rest, c)
		case !c.Holds(abi, args):
			return nil, false
		}
	}
	return rest, true
}
