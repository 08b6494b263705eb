package libseccomp

import (
	"slices"
	"syscall"

	"github.com/callgate/callgate/seccomp"
)

// Fate is what became of a rule, or of a part of one.
type Fate uint8

// What becomes of rules that are not simply kept.
const (
	Shadowed   Fate = 1 + iota // dropped: an earlier rule answers, or is taken to
	Replaced                   // removed by a later rule without conditions
	Overridden                 // nothing of it is left in the tests of its call
)

// Note says that on an ABI a rule has less effect than it says. By is the rule
// that is the reason, nil for Overridden.
type Note struct {
	Fate     Fate
	Rule, By *Rule
	ABI      seccomp.ABI
}

// Notes are the notes of all rules that were added. Rules that are kept but
// tried too late are not among them: Decide tells them apart.
func (f *Filter) Notes() []Note {
	notes := slices.Clone(f.notes)
	for _, s := range f.abis {
		for _, e := range ordered(s) {
			has := leaves(e.tree)
			for _, r := range e.rules {
				if !has[r] {
					notes = append(notes, Note{Overridden, r, nil, s.abi})
				}
			}
		}
	}
	return notes
}

// AddRule adds a rule for the ABIs that f has: seccomp_rule_add_array(3). Where
// it fails for one ABI, nothing is added. The errors are *[Error] values:
// EINVAL for a call that the release does not know (see [ErrUnknownCall]), an
// action or conditions that it does not take; EACCES for the action of the
// filter; EEXIST for a rule that contradicts an earlier one; EFAULT for a number
// that cannot be found on other ABIs; and [ErrHangs], after which f is of no
// use and every operation returns that error.
func (f *Filter) AddRule(r Rule) error {
	if f.broken != nil {
		return f.broken
	}
	rule := &r
	if err := f.addRule(rule); err != nil {
		err.Rule = rule
		return err
	}
	return nil
}

func (f *Filter) addRule(r *Rule) *Error {
	if err := f.admit(r); err != nil {
		return err
	}
	var all []spot
	for _, s := range f.abis {
		ts, err := f.targets(s, r)
		if err != nil {
			err.ABI = s.abi
			return err
		}
		all = append(all, ts...)
	}
	for i, t := range all {
		if other := t.conflict(r); other != nil {
			// The library tries the other ABIs too before it takes all back.
			if f.hangs(slices.Delete(slices.Clone(all), i, i+1), r) {
				return f.breaks(r, t.s.abi)
			}
			return &Error{Errno: syscall.EEXIST, ABI: t.s.abi, Other: other.rule,
				Detail: "another rule tests the same with another action (" + other.action.String() + "): leave one of them out"}
		}
	}
	f.program.Store(nil)
	for _, t := range all {
		if !f.apply(t, r) {
			return f.breaks(r, t.s.abi)
		}
	}
	return nil
}

func (f *Filter) breaks(r *Rule, abi seccomp.ABI) *Error {
	f.broken = &Error{Reason: ErrHangs, Rule: r, ABI: abi,
		Detail: "libseccomp does not return from this rule: add it before the others for the same call"}
	return f.broken
}

// hangs reports whether libseccomp hangs when it adds a rule there.
func (f *Filter) hangs(targets []spot, r *Rule) bool {
	scratch := &Filter{version: f.version}
	for _, t := range targets {
		old := t.entry()
		if old == nil || t.conflict(r) != nil {
			continue
		}
		e := *old
		e.tree = e.tree.clone(map[*node]*node{})
		t.s = &section{t.s.abi, map[int32]*entry{t.nr: &e}}
		if !scratch.apply(t, r) {
			return true
		}
	}
	return false
}

// admit does the checks that do not depend on other rules.
func (f *Filter) admit(r *Rule) *Error {
	if len(r.Args) > 6 {
		return refuse(syscall.EINVAL, "%d conditions: a call has 6 arguments", len(r.Args))
	}
	nr := r.Number
	if r.Name != "" {
		var ok bool
		if nr, ok = f.version.Resolve(f.native, r.Name); !ok {
			return &Error{Errno: syscall.EINVAL, Reason: ErrUnknownCall, Detail: "libseccomp " + f.version.String() + " does not know the call"}
		}
	}
	switch {
	case len(f.abis) == 0:
		return errNoABI()
	case nr < 0 && nr > -100 && !(nr == -1 && f.skip):
		return refuse(syscall.EINVAL, "no call has the number %d", nr)
	case !validAction(r.Action):
		return refuse(syscall.EINVAL, "%v is no action that libseccomp takes", r.Action)
	case r.Action == f.fallback:
		return refuse(syscall.EACCES, "%v is the default action: leave the rule out", r.Action)
	}
	return r.checkArgs()
}

func (t spot) entry() *entry {
	return t.s.entries[t.nr]
}

// conflict is the leaf because of which the rule is refused.
func (t spot) conflict(r *Rule) *leaf {
	e := t.entry()
	if e == nil || e.always != nil {
		return nil
	}
	n := chain(t.args, t.s.abi.WordBits(), &leaf{action: r.Action, rule: r})
	if n.tree == nil || covered(e.tree, n.tree) != nil {
		return nil
	}
	return conflict(e.tree, n.tree)
}

// apply adds a rule that does not conflict. It fails where libseccomp hangs.
func (f *Filter) apply(t spot, r *Rule) bool {
	e := t.entry()
	if e == nil {
		e = &entry{nr: t.nr}
		t.s.entries[t.nr] = e
	}
	if e.always != nil {
		f.note(Shadowed, r, e.always.rule, t.s.abi)
		return true
	}
	l := &leaf{action: r.Action, rule: r, muxed: t.muxed}
	n := chain(t.args, t.s.abi.WordBits(), l)
	switch {
	case n.leaf != nil:
		f.replace(e, r, t.s.abi)
		e.always, e.tree, e.nodes, e.rules = l, exit{}, 0, nil
		return true
	case e.tree.tree == nil:
		e.nodes = count(n)
		e.tree = n.share()
		e.rules = append(e.rules, r)
		return true
	}
	if other := covered(e.tree, n.tree); other != nil {
		f.note(Shadowed, r, other.rule, t.s.abi)
		return true
	}
	e.rules = append(e.rules, r)
	return e.merge(f.version, n.share())
}

// merge adds the tests of a rule to those of an entry. It fails where
// libseccomp makes a circle.
func (e *entry) merge(v Version, n exit) bool {
	size := count(n)
	p := pruner{action: n.tree.action()}
	p.prune(&e.tree, n.tree)
	m := merger{version: v}
	if e.tree.tree == nil {
		e.tree = n
	} else {
		m.add(&e.tree, n.tree)
		if m.hangs || circular(e.tree) {
			return false
		}
		m.freed += n.tree.put()
	}
	e.nodes += size - p.freed - m.freed
	return true
}

func (f *Filter) replace(e *entry, by *Rule, abi seccomp.ABI) {
	for _, r := range e.rules {
		f.note(Replaced, r, by, abi)
	}
}

func (f *Filter) note(fate Fate, r, by *Rule, abi seccomp.ABI) {
	f.notes = append(f.notes, Note{fate, r, by, abi})
}
