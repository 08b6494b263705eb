package policy

import (
	"errors"

	"github.com/callgate/callgate/seccomp"
)

// ErrTooLarge is matched by errors that say that a diagram outgrew its space.
var ErrTooLarge = errors.New("policy too large")

// ErrNoRules is matched by errors that say that a policy has no rules to
// answer from, because it was not made from any.
var ErrNoRules = errors.New("policy was not made from rules")

// Policy is a function from a call to an action, in canonical form. Evaluating
// it, by Eval, Decide or Consider, and writing it as text only reads, so that
// several goroutines may do that at a time; everything else may change its
// space.
type Policy struct {
	space *Space
	root  Node
	rules *compiledRules // nil where the policy was not made from rules
}

// FromNode is the policy whose diagram is n. Its answers must be actions; they
// are brought into canonical form.
func (s *Space) FromNode(n Node) *Policy {
	return &Policy{space: s, root: s.canonical(n)}
}

// canonical is n with its actions in the form in which the kernel tells them
// apart.
func (s *Space) canonical(n Node) Node {
	return s.copyFrom(s, n, func(t node) Node {
		return s.Return(seccomp.Action(t.lo).Canonical())
	})
}

// Constant is the policy that answers every call with a, in a space of its
// own: Constant(seccomp.Allow) is no filter at all.
func Constant(a seccomp.Action) *Policy {
	s := NewSpace(0)
	return s.FromNode(s.Return(a))
}

// Space is the space of the policy's diagram.
func (p *Policy) Space() *Space { return p.space }

// Root is the policy's diagram.
func (p *Policy) Root() Node { return p.root }

// Eval is the action for one call.
func (p *Policy) Eval(d seccomp.Data) seccomp.Action {
	return seccomp.Action(p.space.eval(p.root, wordsOf(d)).lo)
}

// Rules are the rules that the policy was made from; ok is false where there
// were none.
func (p *Policy) Rules() (r Rules, ok bool) {
	if p.rules == nil {
		return Rules{}, false
	}
	return p.rules.Rules, true
}

// In returns p in space s, for comparing policies that were made apart.
func (p *Policy) In(s *Space) (*Policy, error) {
	if p.space == s {
		return p, nil
	}
	root := s.copyFrom(p.space, p.root, nil)
	if s.Full() {
		return nil, s.errFull()
	}
	return &Policy{space: s, root: root, rules: p.rules}, nil
}

// Equal reports whether a and b answer every call alike.
func Equal(a, b *Policy) (bool, error) {
	b, err := b.In(a.space)
	if err != nil {
		return false, err
	}
	return a.root == b.root, nil
}
