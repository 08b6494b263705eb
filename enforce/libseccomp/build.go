package libseccomp

import (
	"fmt"
	"math"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// x32Bit is the lowest number of x32; skipped the number -1, which is x86_64's.
const (
	x32Bit  = 0x40000000
	skipped = 0xffffffff
)

// foreign reports whether a number belongs to the one of x86_64 and x32 that is
// not there.
func (p part) foreign(nr uint32) bool {
	switch p.alone {
	case seccomp.X86_64:
		return nr >= x32Bit && nr != skipped
	case seccomp.X32:
		return nr < x32Bit
	}
	return false
}

// Build returns the diagram of the program that libseccomp generates: the
// answers are as the program returns them. It fails with policy.ErrTooLarge, and
// with [ErrHangs] where there is no program.
func (f *Filter) Build(s *policy.Space) (policy.Node, error) {
	if f.broken != nil {
		return policy.False, f.broken
	}
	if len(f.abis) == 0 {
		return policy.False, errNoABI()
	}
	p := f.generate()
	bad := s.Return(f.badABI)
	b := &builder{s, s.Return(f.fallback), func(l *leaf) policy.Node { return s.Return(l.action) }, map[job]policy.Node{}}
	n := bad
	for _, part := range p.parts {
		n = s.IfThenElse(s.Equal(policy.WordArch, part.arch), b.part(p, part, bad), n)
	}
	if p.full {
		return policy.False, fmt.Errorf("libseccomp's program has more than %d tests, which are more than can be modelled: %w", maxBlocks, policy.ErrTooLarge)
	}
	if s.Full() {
		return policy.False, fmt.Errorf("what libseccomp's program answers takes more than %d nodes to hold: %w", s.Limit(), policy.ErrTooLarge)
	}
	return n, nil
}

// A builder turns blocks into diagrams.
type builder struct {
	s        *policy.Space
	fallback policy.Node
	answer   func(*leaf) policy.Node
	done     map[job]policy.Node
}

// A job is a block with what the accumulator has before it.
type job struct {
	at *block
	a  operand
}

func (b *builder) part(g *program, p part, bad policy.Node) policy.Node {
	n := b.fallback
	for _, e := range p.entries {
		switch {
		case e.pseudo():
		case p.dead:
			if uint32(e.nr) == p.arch {
				return b.entry(g, e)
			}
		default:
			n = b.s.IfThenElse(b.s.Equal(policy.WordNR, uint32(e.nr)), b.entry(g, e), n)
		}
	}
	x32 := b.s.AtLeast(policy.WordNR, x32Bit)
	switch p.alone {
	case seccomp.X86_64:
		n = b.s.IfThenElse(b.s.And(x32, b.s.Not(b.s.Equal(policy.WordNR, skipped))), bad, n)
	case seccomp.X32:
		n = b.s.IfThenElse(x32, n, bad)
	}
	return n
}

func (b *builder) entry(g *program, e *entry) policy.Node {
	if e.always != nil {
		return b.answer(e.always)
	}
	return b.target(target{block: g.start[e]}, operand{})
}

// target is the diagram of the program from a target on.
func (b *builder) target(t target, a operand) policy.Node {
	switch {
	case t.leaf != nil:
		return b.answer(t.leaf)
	case t.block == nil:
		return b.fallback
	}
	if n, ok := b.done[job{t.block, a}]; ok || b.s.Full() {
		return n
	}
	has := t.block.accumulator(a)
	n := b.s.IfThenElse(b.test(t.block.test, has), b.target(t.block.yes, has), b.target(t.block.no, has))
	b.done[job{t.block, a}] = n
	return n
}

// test is the set of calls for which t holds of what the accumulator has.
func (b *builder) test(t test, a operand) policy.Node {
	if t.jump == jumpEQ {
		return b.equal(a, t.datum)
	}
	w := policy.ArgLow(a.arg)
	if a.high {
		w = policy.ArgHigh(a.arg)
	}
	least := uint64(t.datum)
	if t.jump == jumpGT {
		least++
	}
	if least > math.MaxUint32 {
		return policy.False
	}
	return b.atLeast(w, a.mask, uint32(least), 31)
}

// atLeast is the set of calls in which bits 0 to bit of a masked word are k's or
// more.
func (b *builder) atLeast(w policy.Word, mask, k uint32, bit int) policy.Node {
	if bit < 0 {
		return policy.True
	}
	lower := b.atLeast(w, mask, k, bit-1)
	in, want := mask>>bit&1 == 1, k>>bit&1 == 1
	set := b.s.Bit(w, uint(bit))
	switch {
	case !in && want:
		return policy.False
	case !in:
		return lower
	case want:
		return b.s.And(set, lower)
	}
	return b.s.Or(set, lower)
}

func (b *builder) equal(a operand, datum uint32) policy.Node {
	w := policy.ArgLow(a.arg)
	if a.high {
		w = policy.ArgHigh(a.arg)
	}
	if datum&^a.mask != 0 {
		return policy.False
	}
	r := policy.True
	for bit := uint(0); bit < 32; bit++ {
		if a.mask>>bit&1 == 0 {
			continue
		}
		set := b.s.Bit(w, bit)
		if datum>>bit&1 == 0 {
			set = b.s.Not(set)
		}
		r = b.s.And(set, r)
	}
	return r
}

// Reason says why a call gets its action.
type Reason uint8

// The reasons of a [Decision].
const (
	ByRule    Reason = 1 + iota // the leaf of a rule is reached
	ByDefault                   // no leaf is reached
	ByABI                       // the filter does not have the call's ABI
)

// Decision is the action for one call and where it comes from.
type Decision struct {
	Action seccomp.Action
	Reason Reason
	Rule   *Rule // decides; nil unless Reason is ByRule
	// Multiplexer is set where the rule is about a call that this one makes
	// through socketcall or ipc.
	Multiplexer bool
	// Dead is set where the program never loads the number, because the first
	// call of the section is one that the ABI does not have.
	Dead bool
}

// Decide is the action for one call as the program returns it. It walks the
// program and not the diagram. Where the library hangs there is no program, and
// the answer is that of the rules before.
func (f *Filter) Decide(d seccomp.Data) Decision {
	g := f.generate()
	for _, p := range g.parts {
		if p.arch == d.Arch {
			return f.decide(g, p, d)
		}
	}
	return Decision{Action: f.badABI, Reason: ByABI}
}

func (f *Filter) decide(g *program, p part, d seccomp.Data) Decision {
	if p.foreign(d.NR) {
		return Decision{Action: f.badABI, Reason: ByABI}
	}
	nr := d.NR
	if p.dead {
		nr = p.arch
	}
	l := g.decides(p, nr, &d.Args)
	out := Decision{Action: f.fallback, Reason: ByDefault, Dead: p.dead}
	if l != nil {
		out.Action, out.Reason, out.Rule, out.Multiplexer = l.action, ByRule, l.rule, l.muxed
	}
	return out
}

// decides is the leaf that a call with number nr reaches.
func (g *program) decides(p part, nr uint32, args *[6]uint64) *leaf {
	for _, e := range p.entries {
		if e.pseudo() || uint32(e.nr) != nr {
			continue
		}
		if e.always != nil {
			return e.always
		}
		return reach(g.start[e], args)
	}
	return nil
}

// reach is the leaf that arguments reach from a block on, nil where there is
// none.
func reach(b *block, args *[6]uint64) *leaf {
	var a operand
	for b != nil {
		a = b.accumulator(a)
		next := b.no
		if b.holds(a.of(args)) {
			next = b.yes
		}
		if next.leaf != nil {
			return next.leaf
		}
		b = next.block
	}
	return nil
}
