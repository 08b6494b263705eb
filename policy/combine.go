package policy

import "github.com/callgate/callgate/seccomp"

// apply is the diagram whose answer is op of the answers of a and b. Its cost
// is at most the product of their sizes.
func (s *Space) apply(a, b Node, op func(a, b node) Node) Node {
	type pair struct{ a, b Node }
	done := map[pair]Node{}
	var walk func(a, b Node) Node
	walk = func(a, b Node) Node {
		key := pair{a, b}
		if r, ok := done[key]; ok {
			return r
		}
		s.spend(1)
		level := min(s.nodes[a].level, s.nodes[b].level)
		var r Node
		switch {
		case s.full || len(done) >= s.limit:
			s.full = true
			return False
		case level == terminalLevel:
			r = op(s.nodes[a], s.nodes[b])
		default:
			a0, a1 := s.branches(a, level)
			b0, b1 := s.branches(b, level)
			r = s.branch(level, walk(a0, b0), walk(a1, b1))
		}
		done[key] = r
		return r
	}
	return walk(a, b)
}

// Stack is the diagram of two filters on one thread, older first: the
// stricter action, and where both are of one kind the newer one's
// (kernel/seccomp.c, seccomp_run_filters). The answers need not be in
// canonical form; those that the kernel does not know take part as it orders
// them.
func (s *Space) Stack(older, newer Node) Node {
	return s.apply(older, newer, func(o, n node) Node {
		if seccomp.Action(o.lo).Stricter(seccomp.Action(n.lo)) {
			return s.Return(seccomp.Action(o.lo))
		}
		return s.Return(seccomp.Action(n.lo))
	})
}

// Intersect is the policy that a thread has when it installs newer on top of
// older: the stricter answer to every call.
func Intersect(older, newer *Policy) (*Policy, error) {
	return combine(older, newer, (*Space).Stack)
}

// Union is the policy that gives every call the more permissive answer of a
// and b, and where both are of one kind that of a.
func Union(a, b *Policy) (*Policy, error) {
	return combine(a, b, func(s *Space, x, y Node) Node {
		return s.apply(x, y, func(x, y node) Node {
			if seccomp.Action(x.lo).Stricter(seccomp.Action(y.lo)) {
				return s.Return(seccomp.Action(y.lo))
			}
			return s.Return(seccomp.Action(x.lo))
		})
	})
}

func combine(a, b *Policy, op func(s *Space, a, b Node) Node) (*Policy, error) {
	b, err := b.In(a.space)
	if err != nil {
		return nil, err
	}
	root := op(a.space, a.root, b.root)
	if a.space.Full() {
		return nil, a.space.errFull()
	}
	return &Policy{space: a.space, root: root}, nil
}

// Subset reports whether a lets nothing through that b stops. Where it does,
// call is one such call. An action stops a call (kill, trap, errno), leaves
// it to somebody else (notify, trace), or lets it through (log, allow); a may
// stand no higher than b in that order for any call.
func Subset(a, b *Policy) (ok bool, call seccomp.Data, err error) {
	b, err = b.In(a.space)
	if err != nil {
		return false, seccomp.Data{}, err
	}
	s := a.space
	more := s.apply(a.root, b.root, func(x, y node) Node {
		if permits(seccomp.Action(x.lo)) > permits(seccomp.Action(y.lo)) {
			return True
		}
		return False
	})
	if s.Full() {
		return false, seccomp.Data{}, s.errFull()
	}
	if more == False {
		return true, seccomp.Data{}, nil
	}
	return false, s.witness(more), nil
}

// permits ranks what an action does to a call: 0 stops it, 1 asks, 2 lets it
// through.
func permits(a seccomp.Action) int {
	switch {
	case a.Allows():
		return 2
	case a.Kind() == seccomp.Notify, a.Kind() == seccomp.Trace:
		return 1
	}
	return 0
}

// witness is the smallest call, as a number, in a set that is not empty.
func (s *Space) witness(set Node) seccomp.Data {
	var w [numWords]uint32
	for n := set; s.nodes[n].level != terminalLevel; {
		t := s.nodes[n]
		if t.lo != False {
			n = t.lo
			continue
		}
		w[t.level/32] |= 1 << (31 - t.level%32)
		n = t.hi
	}
	return dataOf(&w)
}

// dataOf is the reverse of wordsOf.
func dataOf(w *[numWords]uint32) seccomp.Data {
	d := seccomp.Data{Arch: w[WordArch], NR: w[WordNR], IP: uint64(w[WordIPHigh])<<32 | uint64(w[WordIPLow])}
	for i := range d.Args {
		d.Args[i] = uint64(w[ArgHigh(i)])<<32 | uint64(w[ArgLow(i)])
	}
	return d
}
