package enforce

import (
	"fmt"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Reason says why a call gets its action.
type Reason uint8

// The reasons of a [Decision].
const (
	ByRule     Reason = 1 + iota // a rule of the profile
	ByDefault                    // no rule decides
	ByUnlisted                   // the filter is for other ABIs
	ByStub                       // runc's ENOSYS for numbers beyond the profile's
	ByNothing                    // there is no filter
)

// Decision is the action for one call, where it comes from, and what of the
// profile has no say in it although it seems to.
type Decision struct {
	Action seccomp.Action
	Reason Reason
	// Rule decides; nil unless Reason is ByRule.
	Rule *policy.Rule
	// Note says what makes the rule decide although its text does not match
	// the call; "" where it does.
	Note string
	// Passed are the other rules that match the call as they are written.
	Passed []Passed
}

// Passed is a rule that matches a call as it is written and does not decide.
type Passed struct {
	Rule *policy.Rule
	Why  string // as in "an unconditional rule for the call stands before it"
}

// Decide is the action for one call with what decides.
func (f *Filter) Decide(d seccomp.Data) Decision {
	if !f.Confined() {
		return Decision{Action: seccomp.Allow, Reason: ByNothing}
	}
	if f.stub.answers(d) {
		return Decision{Action: noSuchCall, Reason: ByStub}
	}
	found := f.library.Decide(d)
	decision := Decision{Action: found.Action.Canonical()}
	deciding := -1
	switch found.Reason {
	case libseccomp.ByRule:
		deciding = found.Rule.Origin.Rule
		decision.Reason, decision.Rule = ByRule, &f.rules[deciding].Rule
	case libseccomp.ByABI:
		decision.Reason = ByUnlisted
		return decision // whatever the rules say
	default:
		decision.Reason = ByDefault
	}
	matching := f.matching(d)
	switch {
	case deciding >= 0 && !matching[deciding]:
		decision.Note = f.note(deciding, d, found)
	case found.Dead:
		decision.Note = deadNote
	}
	for i := range f.rules {
		if matching[i] && i != deciding {
			decision.Passed = append(decision.Passed, Passed{&f.rules[i].Rule, f.why(i, d, found)})
		}
	}
	return decision
}

// deadNote is why no rule of a section is reached.
const deadNote = "the first rule of the architecture is on a call that it does not have, for which libseccomp leaves out the instruction that loads the number: no rule is reached"

// matching are the rules that match a call as they are written, by their place.
func (f *Filter) matching(d seccomp.Data) map[int]bool {
	found := map[int]bool{}
	abi, ok := d.ABI()
	if !ok {
		return found
	}
	for i := range f.rules {
		r := &f.rules[i]
		if nr, ok := syscalls.Number(abi, r.Syscall); !ok || nr != d.NR {
			continue
		}
		holds := true
		for _, c := range r.When {
			holds = holds && c.Holds(abi, d.Args)
		}
		if holds {
			found[i] = true
		}
	}
	return found
}

// note is why a rule decides that does not match as it is written.
func (f *Filter) note(id int, d seccomp.Data, found libseccomp.Decision) string {
	r := f.rules[id]
	abi, _ := d.ABI()
	switch multiplexer, _ := syscalls.Name(abi, d.NR); {
	case found.Multiplexer && len(r.When) > 0:
		return fmt.Sprintf("made through %s, whose arguments are compared instead of the call's own", multiplexer)
	case found.Multiplexer:
		return "made through " + multiplexer
	case r.alternatives:
		return fmt.Sprintf("two of its conditions are about one argument, so that %s takes each for a rule of its own", f.stack.Runtime)
	}
	return "libseccomp compares otherwise than the rule says"
}

// why is the reason for which a rule that matches a call has no say in it.
func (f *Filter) why(id int, d seccomp.Data, found libseccomp.Decision) string {
	switch {
	case f.rules[id].skipped == isDefault:
		return fmt.Sprintf("%s leaves it out, since it says what the default says", f.stack.Runtime)
	case f.rules[id].skipped == isUnknown:
		return fmt.Sprintf("libseccomp %v does not know the call", f.stack.library())
	case found.Dead:
		return deadNote
	}
	abi, _ := d.ABI()
	for _, n := range f.library.Notes() {
		if n.ABI != abi || n.Rule.Origin.Rule != id {
			continue
		}
		switch n.Fate {
		case libseccomp.Shadowed:
			return "libseccomp drops it, since it comes after " + f.named(n.By)
		case libseccomp.Replaced:
			return "a rule without conditions comes after it and replaces it: " + f.named(n.By)
		case libseccomp.Overridden:
			return "libseccomp keeps nothing of it among the tests of the other rules"
		}
	}
	if found.Reason == libseccomp.ByRule {
		return "libseccomp tests the deciding rule first"
	}
	return "libseccomp loses it among the tests of the other rules"
}
