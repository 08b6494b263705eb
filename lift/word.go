package lift

import (
	"math/bits"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
)

// word is a 32-bit value that depends on the call: bit b is set for the calls
// in set word[b]. Arithmetic is that of a circuit, one gate an operation on
// sets; bits that are the same for all calls fold away by themselves.
type word [32]policy.Node

// constant is the word that is v for every call.
func constant(v uint32) *word {
	w := new(word)
	for b := range w {
		if v>>b&1 == 1 {
			w[b] = policy.True
		}
	}
	return w
}

// value is w where it is the same for every call.
func (w *word) value() (v uint32, ok bool) { return w.bits(0, 32) }

// bits are bits from up to but without to of w, in their places, where they
// are the same for every call.
func (w *word) bits(from, to int) (v uint32, ok bool) {
	for b := from; b < to; b++ {
		switch w[b] {
		case policy.True:
			v |= 1 << b
		case policy.False:
		default:
			return 0, false
		}
	}
	return v, true
}

// choose is yes for the calls in when and no for others.
func (l *lifter) choose(when policy.Node, yes, no *word) *word {
	w := new(word)
	for b := range w {
		w[b] = l.s.IfThenElse(when, yes[b], no[b])
	}
	return w
}

// equal is the set of calls for which a and b are the same.
func (l *lifter) equal(a, b *word) policy.Node {
	set := policy.True
	for i := range a {
		// Each bit of a, and then what b has in that place. Where b is
		// constant, as in most tests, it is one operation a bit.
		set = l.s.IfThenElse(a[i], l.s.And(b[i], set), l.s.IfThenElse(b[i], policy.False, set))
	}
	return set
}

// atLeast is the set of calls for which a >= b, unsigned.
func (l *lifter) atLeast(a, b *word) policy.Node {
	set := policy.True
	for i := range a {
		set = l.s.IfThenElse(a[i], l.s.IfThenElse(b[i], set, policy.True), l.s.And(l.s.Not(b[i]), set))
	}
	return set
}

// common is the set of calls for which a and b have a set bit in common.
func (l *lifter) common(a, b *word) policy.Node {
	set := policy.False
	for i := range a {
		set = l.s.Or(l.s.And(a[i], b[i]), set)
	}
	return set
}

// arithmetic is the result of an ALU instruction.
func (l *lifter) arithmetic(at *point) *word {
	a, b := at.state[regA], l.operand(at)
	switch l.p[at.pc].Code & bpf.OpMask {
	case bpf.OpAdd:
		return l.add(a, b, policy.False)
	case bpf.OpSub:
		return l.add(a, l.not(b), policy.True)
	case bpf.OpNeg:
		return l.add(constant(0), l.not(a), policy.True)
	case bpf.OpMul:
		return l.multiply(a, b)
	case bpf.OpDiv:
		return l.divide(a, b)
	case bpf.OpLsh:
		return l.shift(a, b, +1)
	case bpf.OpRsh:
		return l.shift(a, b, -1)
	case bpf.OpAnd:
		return bitwise(l.s.And, a, b)
	case bpf.OpOr:
		return bitwise(l.s.Or, a, b)
	}
	return bitwise(l.s.Xor, a, b)
}

func bitwise(op func(a, b policy.Node) policy.Node, a, b *word) *word {
	w := new(word)
	for i := range w {
		w[i] = op(a[i], b[i])
	}
	return w
}

func (l *lifter) not(a *word) *word {
	w := new(word)
	for i := range w {
		w[i] = l.s.Not(a[i])
	}
	return w
}

// add is a + b + carry.
func (l *lifter) add(a, b *word, carry policy.Node) *word {
	w := new(word)
	for i := range w {
		half := l.s.Xor(a[i], b[i])
		w[i] = l.s.Xor(half, carry)
		carry = l.s.IfThenElse(half, carry, a[i])
	}
	return w
}

// multiply adds a shifted copy of one factor for each bit of the other that
// some call sets, the factor that is constant if one is.
func (l *lifter) multiply(a, b *word) *word {
	if _, ok := a.value(); ok {
		a, b = b, a
	}
	sum := constant(0)
	for i := range b {
		if b[i] == policy.False || l.full() {
			continue
		}
		part := new(word)
		for j := i; j < len(part); j++ {
			part[j] = l.s.And(b[i], a[j-i])
		}
		sum = l.add(sum, part, policy.False)
	}
	return sum
}

// divide is a / b by long division. What it gives for b = 0 does not matter:
// the kernel ends the filter there.
func (l *lifter) divide(a, b *word) *word {
	if v, ok := b.value(); ok && bits.OnesCount32(v) == 1 {
		return l.shift(a, constant(uint32(bits.TrailingZeros32(v))), -1)
	}
	quotient, rest := new(word), constant(0)
	for i := len(a) - 1; i >= 0 && !l.full(); i-- {
		// The rest, doubled, can need a 33rd bit.
		over := rest[31]
		next := new(word)
		next[0] = a[i]
		copy(next[1:], rest[:31])
		quotient[i] = l.s.Or(over, l.atLeast(next, b))
		rest = l.choose(quotient[i], l.add(next, l.not(b), policy.True), next)
	}
	return quotient
}

// shift moves a by the low five bits of n, to the left for +1 and to the
// right for -1.
func (l *lifter) shift(a, n *word, direction int) *word {
	for b := range 5 {
		by := direction << b
		moved := new(word)
		for i := range moved {
			if from := i - by; from >= 0 && from < len(a) {
				moved[i] = a[from]
			}
		}
		a = l.choose(n[b], moved, a)
	}
	return a
}
