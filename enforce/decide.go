package enforce

import (
	"fmt"
	"math"
	"slices"

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
	matching := f.matching(d)
	if f.stub.answers(d) {
		return Decision{Action: noSuchCall, Reason: ByStub, Passed: f.passed(matching, -1, func(id int) string { return f.uncounted(id, d) })}
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
	switch {
	case deciding >= 0 && (found.Multiplexer || !matching[deciding]):
		decision.Note = f.note(deciding, d, found)
	case found.Dead:
		decision.Note = deadNote
	}
	decision.Passed = f.passed(matching, deciding, func(id int) string { return f.why(id, d, found) })
	return decision
}

// passed are the matching rules but the one that decides, with the reasons.
func (f *Filter) passed(matching map[int]bool, deciding int, why func(id int) string) []Passed {
	var all []Passed
	for i := range f.rules {
		if matching[i] && i != deciding {
			all = append(all, Passed{&f.rules[i].Rule, why(i)})
		}
	}
	return all
}

// uncounted is why a rule for a call does not keep it from runc's ENOSYS.
func (f *Filter) uncounted(id int, d seccomp.Data) string {
	abi, _ := d.ABI()
	name, library := f.rules[id].Syscall, f.stack.library()
	m, multiplexed := syscalls.Through(abi, name)
	switch nr, known := library.Resolve(abi, name); {
	case !known:
		return fmt.Sprintf("libseccomp %v does not know the call, so that its number does not count", library)
	case multiplexed && nr < 0:
		return fmt.Sprintf("a call that can be made through %s does not count, and the number is higher than those of the others", m.By)
	}
	return fmt.Sprintf("libseccomp %v has another number for the call", library)
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
		if when, ok := written(&f.rules[i].Rule, abi, d.NR); ok && !slices.ContainsFunc(when, func(c policy.Condition) bool { return !c.Holds(abi, d.Args) }) {
			found[i] = true
		}
	}
	return found
}

// written are the conditions under which a rule covers a number of an ABI as it
// is written, that of a multiplexer too where its registers tell.
func written(r *policy.Rule, abi seccomp.ABI, nr uint32) ([]policy.Condition, bool) {
	if slices.ContainsFunc(r.When, func(c policy.Condition) bool { return c.Arg > 5 || c.Op == 0 }) {
		return nil, false // left out, with conditions that are none
	}
	if own, ok := syscalls.Number(abi, r.Syscall); ok && own == nr {
		return r.When, true
	}
	m, ok := syscalls.Through(abi, r.Syscall)
	if !ok || m.Number != nr {
		return nil, false
	}
	when := []policy.Condition{{Op: policy.MaskedEQ, Mask: uint64(m.Mask), Value: uint64(m.Call)}}
	for _, c := range r.When {
		if c.Arg >= len(m.Args) || m.Args[c.Arg] < 0 {
			return nil, false
		}
		c.Arg = int(m.Args[c.Arg])
		when = append(when, c)
	}
	return when, true
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
	if abi.WordBits() == 32 && !narrows(r.When) {
		return fmt.Sprintf("libseccomp compares only the low 32 bits of a value on %v", abi)
	}
	return "libseccomp compares otherwise than the rule says"
}

// narrows reports whether the values of conditions fit 32 bits.
func narrows(when []policy.Condition) bool {
	return !slices.ContainsFunc(when, func(c policy.Condition) bool { return max(c.Value, c.Mask) > math.MaxUint32 })
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
