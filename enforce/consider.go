package enforce

import (
	"math"
	"slices"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Candidate is a decision that a call may get of which not every argument is
// known.
type Candidate struct {
	Decision
	// When are the conditions on arguments that are not known, as the runtime
	// has them; none means that the decision is certain.
	When []policy.Condition
}

// Consider lists the decisions that a call may get of which only the arguments
// with their bit set in known are known: the first whose conditions hold is what
// [Filter.Decide] says, and the last has none. ok is false where no order of the
// rules says so, because libseccomp compares otherwise than they say.
//
// It puts the rules in the order in which they decide: next is one that decides
// all that is left and that its conditions hold for. The order exists exactly
// where such a rule can be found each time, since what is left only shrinks.
func (f *Filter) Consider(d seccomp.Data, known uint8) (list []Candidate, ok bool) {
	abi, ok := d.ABI()
	if one := f.Decide(d); !ok || one.Reason != ByRule && one.Reason != ByDefault || known == 1<<len(d.Args)-1 {
		return []Candidate{{Decision: one}}, true
	}
	s := policy.NewSpace(0)
	left := policy.True
	for i, a := range d.Args {
		if known>>i&1 == 1 {
			left = s.And(left, s.And(s.Equal(policy.ArgHigh(i), uint32(a>>32)), s.Equal(policy.ArgLow(i), uint32(a))))
		}
	}
	rules := f.deciding(s, abi, d)
	for {
		rules = slices.DeleteFunc(rules, func(r deciding) bool { return s.And(r.decides, left) == policy.False })
		next := slices.IndexFunc(rules, func(r deciding) bool {
			return s.And(s.And(r.holds, left), s.Not(r.decides)) == policy.False && s.And(r.holds, left) != policy.False
		})
		switch {
		case s.Full() || next < 0 && len(rules) > 0:
			return nil, false
		case left == policy.False:
			list[len(list)-1].When = nil // what those before it leave meets them
			return list, true
		case next < 0:
			return append(list, f.candidate(s, d, left, nil)), true
		}
		r := rules[next]
		when := slices.DeleteFunc(r.when, func(c policy.Condition) bool { return known>>c.Arg&1 == 1 })
		list = append(list, f.candidate(s, d, s.And(left, r.holds), when))
		left = s.And(left, s.Not(r.holds))
	}
}

// candidate is the decision about some calls, all alike.
func (f *Filter) candidate(s *policy.Space, d seccomp.Data, calls policy.Node, when []policy.Condition) Candidate {
	only := s.FromNode(s.IfThenElse(calls, s.Return(seccomp.Allow), s.Return(seccomp.KillThread)))
	for _, a := range only.Answers() {
		if a.Action == seccomp.Allow {
			d.Args = a.Call.Args
		}
	}
	return Candidate{f.Decide(d), when}
}

// deciding is a rule that decides about some calls with one number.
type deciding struct {
	rule           *libseccomp.Rule
	when           []policy.Condition
	decides, holds policy.Node // the sets of calls
}

func (f *Filter) deciding(s *policy.Space, abi seccomp.ABI, d seccomp.Data) []deciding {
	var rules []deciding
	f.library.Deciding(s, d, func(r *libseccomp.Rule) policy.Node {
		if r != nil && !slices.ContainsFunc(rules, func(x deciding) bool { return x.rule == r }) {
			rules = append(rules, deciding{rule: r})
		}
		return policy.False
	})
	for i := range rules {
		r := &rules[i]
		r.when = conditions(r.rule, abi, d.NR)
		r.decides = f.library.Deciding(s, d, func(other *libseccomp.Rule) policy.Node {
			if other == r.rule {
				return policy.True
			}
			return policy.False
		})
		r.holds = policy.True
		for _, c := range slices.Backward(r.when) {
			r.holds = s.And(s.Holds(abi, c), r.holds)
		}
	}
	return rules
}

// conditions are those with which libseccomp has a rule for a number of an ABI:
// for that of a multiplexer the first says which call it is.
func conditions(r *libseccomp.Rule, abi seccomp.ABI, nr uint32) []policy.Condition {
	args := slices.Clone(r.Args)
	if m, ok := syscalls.Through(abi, r.Name); ok && m.Number == nr {
		args = slices.DeleteFunc(args, func(a libseccomp.Arg) bool { return a.Index == 0 })
		args = append(args, libseccomp.Arg{Op: libseccomp.EQ, Value: uint64(m.Call)})
	}
	slices.SortFunc(args, func(a, b libseccomp.Arg) int { return a.Index - b.Index })
	var when []policy.Condition
	for _, a := range args {
		if abi.WordBits() == 32 {
			a.Value, a.ValueTwo = a.Value&math.MaxUint32, a.ValueTwo&math.MaxUint32
		}
		c := policy.Condition{Arg: a.Index, Value: a.Value}
		if a.Op == libseccomp.MaskedEQ {
			c.Mask, c.Value = a.Value, a.ValueTwo&a.Value
		}
		for op, name := range ops {
			if name == a.Op {
				c.Op = op
			}
		}
		if c.Op == policy.MaskedEQ && c.Mask == 0 {
			continue // nothing is compared
		}
		when = append(when, c)
	}
	return when
}
