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
	return s.AppendRegions(nil, n, w, limit)
}

// AppendRegions appends what Regions returns to regions, which stay as they are
// where ok is false.
func (s *Space) AppendRegions(regions []Region, n Node, w Word, limit int) (_ []Region, ok bool) {
	start, f := len(regions), fieldWord(w)
	ok = s.blocks(n, f, f.first, 0, func(low, high uint64, then Node) bool {
		if k := len(regions) - 1; k >= start && regions[k].Then == then {
			regions[k].High = uint32(high)
			return true
		}
		regions = append(regions, Region{uint32(low), uint32(high), then})
		return len(regions)-start <= limit
	})
	if !ok {
		return regions[:start], false
	}
	return regions, true
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
	ok = s.blocks(n, f, f.first+uint16(skip), 0, func(low, high uint64, then Node) bool {
		if k := len(out) - 1; k >= 0 && out[k].then == then {
			out[k].high = high
			return true
		}
		out = append(out, span{low, high, then})
		return len(out) <= limit
	})
	if !ok {
		return nil, false
	}
	return out, true
}

// blocks yields the blocks of values of the bits of f from level on, from low on,
// for which n tests no more of f, until yield says no.
func (s *Space) blocks(n Node, f field, level uint16, low uint64, yield func(low, high uint64, then Node) bool) bool {
	if s.nodes[n].level >= f.end() {
		size := uint64(0)
		if level < f.end() {
			size = ^uint64(0) >> (64 - (f.end() - level))
		}
		return yield(low, low|size, n)
	}
	// A bit between level and the node's is free: both its values lead to n,
	// and the pattern below repeats.
	lo, hi := s.branches(n, level)
	return s.blocks(lo, f, level+1, low, yield) && s.blocks(hi, f, level+1, low|1<<(f.end()-1-level), yield)
}

// Question is whether a word has, in the places of Bits, the bits of Value:
// word & Bits == Value. Yes and No are the diagrams for the two answers. No
// tests only words behind it; Yes may test more bits of the same word, all
// below those of Bits.
type Question struct {
	Bits, Value uint32
	Yes, No     Node
}

// Mask is the longest question about the word that n tests first with which n
// can start: as many bits as all have one answer where one of them is wrong.
// Where there is no such answer, it asks about one bit, and No tests the same
// word. n must test something.
func (s *Space) Mask(n Node) Question {
	t := s.nodes[n]
	f := fieldWord(Word(t.level / 32))
	best := mask{bits: 1 << (f.end() - 1 - t.level), yes: t.lo, no: t.hi}
	for _, no := range []Node{t.lo, t.hi} {
		if m := s.chain(n, f, no); m.bits&(m.bits-1) != 0 {
			best = m
		}
	}
	return Question{Bits: uint32(best.bits), Value: uint32(best.value), Yes: best.yes, No: best.no}
}

// maskTest recognises a diagram that asks one question of field f, all of it;
// ok is false where it asks more.
func (s *Space) maskTest(n Node, f field) (m mask, ok bool) {
	// One branch of each node on the way leads to the answer no: it is one
	// of the first node's.
	for _, no := range []Node{s.nodes[n].lo, s.nodes[n].hi} {
		if m := s.chain(n, f, no); m.bits != 0 && s.nodes[m.yes].level >= f.end() {
			return m, true
		}
	}
	return mask{}, false
}

// mask is the question whether a number has, in bits, the bits of value; yes
// and no are where the two answers lead.
type mask struct {
	bits, value uint64
	yes, no     Node
}

// chain is the longest question about f with which n can start and of which
// no is the answer where one bit is wrong. It asks about no bit where no
// itself tests f.
func (s *Space) chain(n Node, f field, no Node) mask {
	m := mask{yes: n, no: no}
	if s.nodes[no].level < f.end() {
		return m
	}
	for s.nodes[m.yes].level < f.end() {
		t := s.nodes[m.yes]
		bit := uint64(1) << (f.end() - 1 - t.level)
		switch no {
		case t.lo:
			m.value |= bit
			m.yes = t.hi
		case t.hi:
			m.yes = t.lo
		default:
			return m
		}
		m.bits |= bit
	}
	return m
}
