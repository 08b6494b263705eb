package policy

// This file takes diagrams apart into what people and compilers think in:
// ranges of a number, and tests of a number under a mask.

// Region is a range of values of a word, both ends included, with the diagram
// for the rest of the call.
type Region struct {
	Low, High uint32
	Then      Node
}

// Regions divides the values of word w into ranges in which n answers by the
// same diagram over the words behind w; neighbours differ. ok is false where
// there are more than limit ranges. n must not test words before w.
func (s *Space) Regions(n Node, w Word, limit int) (regions []Region, ok bool) {
	spans, ok := s.spans(n, fieldWord(w), 0, limit)
	for _, sp := range spans {
		regions = append(regions, Region{uint32(sp.low), uint32(sp.high), sp.then})
	}
	return regions, ok
}

// span is a range of values of a field.
type span struct {
	low, high uint64
	then      Node
}

// spans divides the values that the bits of f below its first skip bits can
// take into ranges with the same diagram; ok is false where there are more
// than limit. The diagram must not test any bit before those.
func (s *Space) spans(n Node, f field, skip uint, limit int) (out []span, ok bool) {
	var walk func(n Node, level uint16, low uint64) bool
	walk = func(n Node, level uint16, low uint64) bool {
		if t := s.nodes[n]; t.level < f.end() {
			// Bits between level and the node's are free: where there are
			// any, the pattern below repeats.
			if t.level > level {
				bit := uint64(1) << (f.end() - 1 - level)
				return walk(n, level+1, low) && walk(n, level+1, low|bit)
			}
			bit := uint64(1) << (f.end() - 1 - level)
			return walk(t.lo, level+1, low) && walk(t.hi, level+1, low|bit)
		}
		size := uint64(0)
		if level < f.end() {
			size = ^uint64(0) >> (64 - (f.end() - level))
		}
		high := low | size
		if k := len(out) - 1; k >= 0 && out[k].then == n {
			out[k].high = high
			return true
		}
		out = append(out, span{low, high, n})
		return len(out) <= limit
	}
	ok = walk(n, f.first+uint16(skip), 0)
	if !ok {
		return nil, false
	}
	return out, true
}

// maskTest recognises a diagram that asks one question of field f: whether
// the bits in mask are those of value; yes and no are the two answers. ok is
// false where it asks more.
func (s *Space) maskTest(n Node, f field) (m mask, ok bool) {
	// One branch of each node on the way leads to the answer no: it is one
	// of the first node's.
	for _, no := range []Node{s.nodes[n].lo, s.nodes[n].hi} {
		if m, ok := s.maskChain(n, f, no); ok {
			return m, true
		}
	}
	return mask{}, false
}

// mask is the question whether a number has, in bits, the bits of value.
type mask struct {
	bits, value uint64
	yes, no     Node
}

func (s *Space) maskChain(n Node, f field, no Node) (m mask, ok bool) {
	if s.nodes[no].level < f.end() {
		return mask{}, false
	}
	m.no = no
	for s.nodes[n].level < f.end() {
		t := s.nodes[n]
		bit := uint64(1) << (f.end() - 1 - t.level)
		m.bits |= bit
		switch no {
		case t.lo:
			m.value |= bit
			n = t.hi
		case t.hi:
			n = t.lo
		default:
			return mask{}, false
		}
	}
	m.yes = n
	return m, true
}
