package policy

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// This file divides the calls of one number into parts that conditions of
// rules can state.

// maxParts and maxSteps bound the parts of one number and the work to find
// them: a diagram can have more paths than anybody can walk.
const (
	maxParts = 512
	maxSteps = 1 << 14
)

// part is a set of calls, told by their arguments, with the same answer.
type part struct {
	when   []Condition
	action seccomp.Action
}

func (p part) equal(q part) bool { return p.action == q.action && slices.Equal(p.when, q.when) }

// parts are sets of calls that do not overlap.
type parts []part

// String is as in "ALLOW" or "ALLOW where a0 == 1, ...".
func (p parts) String() string {
	text := p[0].action.String()
	for i, c := range p[0].when {
		text += map[bool]string{true: " where ", false: " && "}[i == 0] + c.String()
	}
	if len(p) > 1 {
		text += ", ..."
	}
	return text
}

// divide divides the calls for which n, which tests arguments only, does not
// answer fallback, into parts.
func (s *Space) divide(n Node, abi seccomp.ABI, fallback seccomp.Action) (parts, error) {
	d := divider{s: s, narrow: abi.WordBits() == 32, fallback: s.Return(fallback)}
	d.walk(n, nil)
	return d.found, d.err
}

type divider struct {
	s        *Space
	narrow   bool // conditions look at the low half of arguments
	fallback Node
	found    parts
	steps    int
	err      error
}

// walk adds the parts of the calls for which the conditions hold and n is
// what is left to ask.
func (d *divider) walk(n Node, when []Condition) {
	s := d.s
	d.steps++
	switch a, ok := s.Action(n); {
	case d.err != nil || n == d.fallback:
		return
	case d.steps > maxSteps:
		d.err = errors.New("its arguments are told apart in too many ways")
		return
	case ok:
		if d.found = append(d.found, part{slices.Clone(when), a}); len(d.found) > maxParts {
			d.err = fmt.Errorf("more than %d rules", maxParts)
		}
		return
	}
	f, arg, ok := d.field(s.nodes[n].level)
	if !ok {
		return
	}
	skip := uint(s.nodes[n].level - f.first)
	spans, few := s.spans(n, f, skip, maxSpans)
	m, masked := s.maskTest(n, f)
	switch {
	case masked && (!few || len(spans) > 3 || skip > 0):
		d.mask(m, arg, when)
	case few && skip == 0:
		d.ranges(spans, f, arg, when)
	case few:
		for _, sp := range spans {
			d.prefixes(sp, f.bits-skip, arg, when)
		}
	default:
		bit := uint64(1) << (f.end() - 1 - s.nodes[n].level)
		d.walk(s.nodes[n].lo, with(when, Condition{Arg: arg, Op: MaskedEQ, Mask: bit}))
		d.walk(s.nodes[n].hi, with(when, Condition{Arg: arg, Op: MaskedEQ, Mask: bit, Value: bit}))
	}
}

// field is the number, as conditions see it, that level belongs to.
func (d *divider) field(level uint16) (f field, arg int, ok bool) {
	f = fieldOf(level)
	if f == fieldIP {
		d.err = errors.New("it depends on the instruction pointer")
		return f, 0, false
	}
	arg = int(f.first-64) / 64
	if !d.narrow {
		return f, arg, true
	}
	if f = fieldArgLow(arg); level < f.first {
		d.err = fmt.Errorf("it depends on the upper half of argument %d", arg)
		return f, 0, false
	}
	return f, arg, true
}

// mask adds the parts behind one question: whether some bits have a value.
// Where they have not, the first bit that differs tells the parts apart.
func (d *divider) mask(m mask, arg int, when []Condition) {
	d.walk(m.yes, with(when, Condition{Arg: arg, Op: MaskedEQ, Mask: m.bits, Value: m.value}))
	if m.no == d.fallback {
		return
	}
	same := uint64(0)
	for rest := m.bits; rest != 0; {
		bit := uint64(1) << (63 - bits.LeadingZeros64(rest))
		d.walk(m.no, with(when, Condition{Arg: arg, Op: MaskedEQ, Mask: same | bit, Value: m.value&same | ^m.value&bit}))
		same |= bit
		rest &^= bit
	}
}

// ranges adds the parts behind ranges of a whole number. All values but one
// are one part.
func (d *divider) ranges(spans []span, f field, arg int, when []Condition) {
	if len(spans) == 3 && spans[0].then == spans[2].then && spans[1].low == spans[1].high {
		d.walk(spans[0].then, with(when, Condition{Arg: arg, Op: NE, Value: spans[1].low}))
		spans = spans[1:2]
	}
	for _, sp := range spans {
		conds := when
		switch {
		case sp.low == sp.high:
			conds = with(when, Condition{Arg: arg, Op: EQ, Value: sp.low})
		default:
			if sp.low > 0 {
				conds = with(conds, Condition{Arg: arg, Op: GE, Value: sp.low})
			}
			if sp.high < f.max() {
				conds = with(conds, Condition{Arg: arg, Op: LE, Value: sp.high})
			}
		}
		d.walk(sp.then, conds)
	}
}

// prefixes adds the parts behind a range of the low bits of an argument, which
// only masks can speak of: the fewest blocks of values that share their upper
// bits.
func (d *divider) prefixes(sp span, width uint, arg int, when []Condition) {
	if sp.then == d.fallback {
		return
	}
	all := ^uint64(0) >> (64 - width)
	for low := sp.low; ; {
		// The largest block that starts at low and ends within the range.
		size := min(uint(bits.TrailingZeros64(low)), width)
		for size > 0 && (low|(uint64(1)<<size-1)) > sp.high {
			size--
		}
		block := uint64(1)<<size - 1
		d.walk(sp.then, with(when, Condition{Arg: arg, Op: MaskedEQ, Mask: all &^ block, Value: low}))
		if low|block >= sp.high || d.err != nil {
			return
		}
		low += block + 1
	}
}

// with is when and c; questions about bits of one argument become one.
func with(when []Condition, c Condition) []Condition {
	out := slices.Clone(when)
	if c.Op == MaskedEQ {
		for i, w := range out {
			if w.Arg == c.Arg && w.Op == MaskedEQ {
				out[i].Mask |= c.Mask
				out[i].Value |= c.Value
				return out
			}
		}
	}
	return append(out, c)
}
