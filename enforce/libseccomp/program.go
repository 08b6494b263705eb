package libseccomp

import "github.com/callgate/callgate/seccomp"

// This file turns trees into blocks of a program, as far as matters for what the
// program answers.
//
// The program loads a word only where it believes that the accumulator does not
// have it. Behind a node it believes that the accumulator still has that node's
// word if the way there on which the test holds is that short. Where the test
// fails and goes on to other words this is wrong: then the next test compares
// whatever was compared last.
//
// Blocks are made from the end of the program to its start, and one that
// compares the same constant and goes to the same blocks as an earlier one is
// replaced by that, whether it loads or not.

// maxBlocks is how many blocks a program may have. The kernel takes 4,096
// instructions.
const maxBlocks = 1 << 17

// A block is a test of the program.
type block struct {
	test
	load    load
	yes, no target
	id      int
}

// A target is where a block goes to: a leaf or a block, or neither: the default
// action.
type target struct {
	leaf  *leaf
	block *block
}

// A load is what a block does before it compares.
type load uint8

const (
	keeps load = iota // nothing
	masks             // masks what is there
	loads             // loads and masks
)

// accumulator is what a block compares, if a was there before.
func (b *block) accumulator(a operand) operand {
	switch b.load {
	case keeps:
		return a
	case masks:
		a.mask &= b.mask
		return a
	}
	return b.operand
}

// A place is a node, and what comes behind its list. Equal ones are identical.
type place struct {
	n        *node
	believed operand // what the accumulator has, if it is not stale
	stale    bool    // other words were compared since
	then     *place  // nil: nothing
}

// nothing is what the accumulator has of the arguments at first.
var nothing = operand{arg: -1}

// load is what a block for p does.
func (p *place) load() load {
	if p.stale {
		return loads
	}
	return p.written()
}

// written is what of the load the library looks at when it compares blocks: what
// it does because the accumulator is stale it puts in later.
func (p *place) written() load {
	has, wants := p.believed, p.n.operand
	switch {
	case has == wants:
		return keeps
	case has.arg == wants.arg && has.high == wants.high && has.mask&wants.mask == wants.mask:
		return masks
	}
	return loads
}

// A generator makes the blocks of a program.
type generator struct {
	places map[place]*place
	done   map[*place]*block
	ids    map[identity]*block // the first of each kind
	full   bool
}

// An identity is what makes blocks the same to the library: their code. It does
// not tell MaskedEQ of a full mask from EQ.
type identity struct {
	operand operand
	jump    jump
	datum   uint32
	yes, no targetIdentity
	load    load
}

type targetIdentity struct {
	action seccomp.Action
	kind   uint8
	block  int
}

func (t target) identity() targetIdentity {
	switch {
	case t.leaf != nil:
		return targetIdentity{kind: 1, action: t.leaf.action}
	case t.block != nil:
		return targetIdentity{kind: 2, block: t.block.id}
	}
	return targetIdentity{}
}

func newGenerator() *generator {
	return &generator{places: map[place]*place{}, done: map[*place]*block{}, ids: map[identity]*block{}}
}

// enter is the place at the start of x's list.
func (g *generator) enter(x exit, believed operand, then *place) *place {
	return g.same(place{x.first(), believed, false, then})
}

func (g *generator) same(p place) *place {
	q, ok := g.places[p]
	if !ok {
		q = &p
		g.places[p] = q
		g.full = g.full || len(g.places) > maxBlocks
	}
	return q
}

// behind is the place behind p's node.
func (g *generator) behind(p *place) *place {
	n := p.n
	if n.next == nil {
		return p.then
	}
	return g.same(place{n.next, n.operand, n.stale(), p.then})
}

// stale reports whether the library counts with other words having been compared
// on the way from n to the node behind it. It only looks at the first way: that
// where the test holds, if one of its ends leads there.
func (n *node) stale() bool {
	if n.yes.empty() {
		return false
	}
	return n.yes.falls() || n.no.falls() && !n.no.empty()
}

// falls reports whether an exit leads behind its node.
func (x exit) falls() bool {
	if x.leaf != nil {
		return false
	}
	for n := x.first(); n != nil; n = n.next {
		if !n.yes.falls() && !n.no.falls() {
			return false
		}
	}
	return true
}

// block makes the block for a place, and those behind it first.
func (g *generator) block(p *place) *block {
	if p == nil || g.full {
		return nil
	}
	if b, ok := g.done[p]; ok {
		return b
	}
	behind := g.behind(p)
	g.block(behind)
	b := &block{test: p.n.test, load: p.load(), no: g.target(p, p.n.no, behind), yes: g.target(p, p.n.yes, behind)}
	id := identity{b.operand, b.jump, b.datum, b.yes.identity(), b.no.identity(), p.written()}
	if first, ok := g.ids[id]; ok {
		b.id, b.load = first.id, first.load
	} else {
		b.id = len(g.ids) + 1
		g.ids[id] = b
	}
	g.done[p] = b
	return b
}

func (g *generator) target(p *place, x exit, behind *place) target {
	switch {
	case x.leaf != nil:
		return target{leaf: x.leaf}
	case x.tree != nil:
		return target{block: g.block(g.enter(x, p.n.operand, behind))}
	}
	return target{block: g.block(behind)}
}

// A program is what is generated for a filter.
type program struct {
	parts []part
	start map[*entry]*block
	full  bool
}

func (f *Filter) generate() *program {
	if p := f.program.Load(); p != nil {
		return p
	}
	g := newGenerator()
	p := &program{parts: f.parts(), start: map[*entry]*block{}}
	for i := len(p.parts) - 1; i >= 0; i-- {
		entries := p.parts[i].entries
		for k := len(entries) - 1; k >= 0; k-- {
			if e := entries[k]; !e.pseudo() && e.tree.tree != nil {
				p.start[e] = g.block(g.enter(e.tree, nothing, nil))
			}
		}
	}
	p.full = g.full
	f.program.Store(p)
	return p
}
