package policy

// This file makes the diagrams that ask how a number compares with a constant.
// Each is one chain of nodes, built from the lowest bit up, and counts as a
// step for each bit. What the answers yes and no lead to must test nothing
// before the end of the number.

// masked asks whether f & mask == v.
func (s *Space) masked(f field, mask, v uint64, yes, no Node) Node {
	r := yes
	s.spend(int(f.bits))
	for b := range f.bits {
		if mask>>b&1 == 0 {
			continue
		}
		level := f.first + uint16(f.bits-1-b)
		if v>>b&1 == 1 {
			r = s.branch(level, no, r)
		} else {
			r = s.branch(level, r, no)
		}
	}
	return r
}

// below asks whether f & mask < v.
func (s *Space) below(f field, mask, v uint64, yes, no Node) Node {
	r := no
	s.spend(int(f.bits))
	for b := range f.bits {
		set := mask>>b&1 == 1
		level := f.first + uint16(f.bits-1-b)
		switch one := v>>b&1 == 1; {
		case set && one: // below if the bit is clear, else as the rest
			r = s.branch(level, yes, r)
		case set: // above if the bit is set
			r = s.branch(level, r, no)
		case one: // the masked bit is 0, the bound's is 1
			r = yes
		}
	}
	return r
}

// compare asks whether f & mask stands in relation op to v.
func (s *Space) compare(f field, mask uint64, op Op, v uint64, yes, no Node) Node {
	mask &= f.max()
	if v > f.max() {
		if op == NE || op == LT || op == LE {
			return yes
		}
		return no
	}
	switch op {
	case EQ, MaskedEQ:
		if v&^mask != 0 {
			return no
		}
		return s.masked(f, mask, v, yes, no)
	case NE:
		return s.compare(f, mask, EQ, v, no, yes)
	case LT:
		return s.below(f, mask, v, yes, no)
	case GE:
		return s.below(f, mask, v, no, yes)
	case GT:
		return s.compare(f, mask, LE, v, no, yes)
	case LE:
		if v == f.max() {
			return yes
		}
		return s.below(f, mask, v+1, yes, no)
	}
	panic("policy: comparison with no operator")
}

// Equal is the set of calls in which word w is k.
func (s *Space) Equal(w Word, k uint32) Node {
	return s.masked(fieldWord(w), 0xffffffff, uint64(k), True, False)
}

// AtLeast is the set of calls in which word w is k or more, unsigned.
func (s *Space) AtLeast(w Word, k uint32) Node {
	return s.below(fieldWord(w), 0xffffffff, uint64(k), False, True)
}

// between is the set of calls in which low <= f & mask <= high.
func (s *Space) between(f field, mask, low, high uint64) Node {
	return s.And(s.compare(f, mask, GE, low, True, False), s.compare(f, mask, LE, high, True, False))
}

// IfEqual is the diagram that answers as yes where word w is k and as no
// elsewhere. Neither may test anything before w.
func (s *Space) IfEqual(w Word, k uint32, yes, no Node) Node {
	return s.along(w, k, yes, no, func(_, no Node, _ bool) Node { return no })
}

// IfAtLeast is the diagram that answers as yes where word w is k or more,
// unsigned, and as no elsewhere. Neither may test anything before w.
func (s *Space) IfAtLeast(w Word, k uint32, yes, no Node) Node {
	return s.along(w, k, yes, no, func(yes, no Node, set bool) Node {
		if set {
			return yes
		}
		return no
	})
}

// along is yes where w is k. Where a bit is the first that is not that of k it is
// aside, which is given yes and no for that bit, and the bit.
func (s *Space) along(w Word, k uint32, yes, no Node, aside func(yes, no Node, set bool) Node) Node {
	var beside [32]Node
	s.spend(32)
	for b := range uint(32) {
		level := uint16(w)*32 + uint16(b)
		yes0, yes1 := s.branches(yes, level)
		no0, no1 := s.branches(no, level)
		if k>>(31-b)&1 == 1 {
			beside[b] = aside(yes0, no0, false)
			yes, no = yes1, no1
		} else {
			beside[b] = aside(yes1, no1, true)
			yes, no = yes0, no0
		}
	}
	for b := 31; b >= 0; b-- {
		level := uint16(w)*32 + uint16(b)
		if k>>(31-b)&1 == 1 {
			yes = s.branch(level, beside[b], yes)
		} else {
			yes = s.branch(level, yes, beside[b])
		}
	}
	return yes
}
