package policy

// This file makes the sets of calls in which a number compares with a
// constant. Each is one chain of nodes, built from the lowest bit up, and
// counts as a step for each bit.

// masked is the set of calls in which f & mask == v.
func (s *Space) masked(f field, mask, v uint64) Node {
	r := True
	s.spend(int(f.bits))
	for b := range f.bits {
		if mask>>b&1 == 0 {
			continue
		}
		level := f.first + uint16(f.bits-1-b)
		if v>>b&1 == 1 {
			r = s.branch(level, False, r)
		} else {
			r = s.branch(level, r, False)
		}
	}
	return r
}

// below is the set of calls in which f & mask < v.
func (s *Space) below(f field, mask, v uint64) Node {
	r := False
	s.spend(int(f.bits))
	for b := range f.bits {
		set := mask>>b&1 == 1
		level := f.first + uint16(f.bits-1-b)
		switch one := v>>b&1 == 1; {
		case set && one: // below if the bit is clear, else as the rest
			r = s.branch(level, True, r)
		case set: // above if the bit is set
			r = s.branch(level, r, False)
		case one: // the masked bit is 0, the bound's is 1
			r = True
		}
	}
	return r
}

// compare is the set of calls in which f & mask stands in relation op to v.
func (s *Space) compare(f field, mask uint64, op Op, v uint64) Node {
	mask &= f.max()
	if v > f.max() {
		return map[bool]Node{true: True, false: False}[op == NE || op == LT || op == LE]
	}
	switch op {
	case EQ, MaskedEQ:
		if v&^mask != 0 {
			return False
		}
		return s.masked(f, mask, v)
	case NE:
		return s.Not(s.compare(f, mask, EQ, v))
	case LT:
		return s.below(f, mask, v)
	case GE:
		return s.Not(s.below(f, mask, v))
	case GT:
		return s.Not(s.compare(f, mask, LE, v))
	case LE:
		if v == f.max() {
			return True
		}
		return s.below(f, mask, v+1)
	}
	panic("policy: comparison with no operator")
}

// Equal is the set of calls in which word w is k.
func (s *Space) Equal(w Word, k uint32) Node {
	return s.masked(fieldWord(w), 0xffffffff, uint64(k))
}

// AtLeast is the set of calls in which word w is k or more, unsigned.
func (s *Space) AtLeast(w Word, k uint32) Node {
	return s.Not(s.below(fieldWord(w), 0xffffffff, uint64(k)))
}

// between is the set of calls in which low <= f & mask <= high.
func (s *Space) between(f field, mask, low, high uint64) Node {
	return s.And(s.compare(f, mask, GE, low), s.compare(f, mask, LE, high))
}
