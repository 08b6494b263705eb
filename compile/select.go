package compile

import (
	"math/bits"
	"slices"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
)

// This file takes a diagram apart, word by word. There are two ways to take a
// diagram over a word apart: into ranges of values, or into questions about
// bits. The one that takes fewer tests is taken.

// fewCuts is a number of tests up to which nothing else than ranges is tried.
const fewCuts = 3

// maxExceptions bounds the ranges among which a value is looked for without
// which the rest is one question.
const maxExceptions = 24

type selector struct {
	*graph
	s     *policy.Space
	ways  map[policy.Node]id // to the answers of each node
	tests map[policy.Node]id // the same, once the word that the node tests is loaded
	seen  []int32            // the count in which each node was seen last
	count int32
	plain bool // whether each word is asked about in its turn
	turns map[policy.Node]turn
	// regions are those that are looked at, the innermost last.
	regions []policy.Region
}

// selectSlack is how many times more nodes than a program has room for are made
// before giving up: some of them are replaced by others.
const selectSlack = 4

func newSelector(s *policy.Space, limit int) *selector {
	return &selector{graph: newGraph(limit), s: s, ways: map[policy.Node]id{}, tests: map[policy.Node]id{}}
}

// selectWords is the graph of a diagram, with nodes that nothing leads to; ok is
// false where no program has room for it.
func selectWords(s *policy.Space, root policy.Node, turns map[policy.Node]turn, limit int, goal Goal) (g *graph, ok bool) {
	c := newSelector(s, limit*selectSlack)
	c.turns, c.plain = turns, goal == Unchanged
	c.root = c.node(root)
	ok = !c.full()
	c.limit = limit
	return c.graph, ok
}

// node is the way to the answer of n, whatever A holds.
func (c *selector) node(n policy.Node) id {
	if a, ok := c.s.Action(n); ok {
		return c.ret(a)
	}
	r, ok := c.ways[n]
	if !ok {
		r = c.way(n)
		c.ways[n] = r
	}
	return r
}

func (c *selector) way(n policy.Node) id {
	if r, ok := c.inTurn(n); ok {
		return r
	}
	w, _, _, _ := c.s.Test(n)
	if r, ok := c.lowFirst(n, w); ok {
		return r
	}
	test := c.within(n, w, c.questions(n, w))
	if c.nodes[test].op == opReturn {
		return test
	}
	return c.load(w, test)
}

// lowFirst is the way to the answer of n that asks about the lower half of an
// argument before the upper one: where a small argument has the answer that all
// large ones have, it is found without the upper half. It takes no instruction
// more, as the upper half is asked about for one answer only.
func (c *selector) lowFirst(n policy.Node, w policy.Word) (id, bool) {
	if c.plain || w < policy.ArgHigh(0) || w > policy.ArgHigh(5) || w%2 != 0 {
		return 0, false
	}
	upper, ok := c.s.Regions(n, w, 2)
	if !ok || upper[0].High != 0 || !c.s.Terminal(upper[1].Then) || c.leaves(upper[0].Then, w+1) {
		return 0, false
	}
	large := upper[1].Then
	regions, ok := c.s.Regions(upper[0].Then, w+1, bpf.MaxInstructions)
	if !ok || regions[0].Then != large {
		return 0, false
	}
	other := regions[1].Then
	for _, r := range regions {
		if r.Then != large && r.Then != other {
			return 0, false
		}
	}
	answer := c.node(other)
	upperIsZero := c.load(w, c.jump(opEqual, 0, answer, c.node(large)))
	return c.redirect(c.node(upper[0].Then), answer, upperIsZero), true
}

// redirect is n with another end of the tests of the word that it loads.
func (c *selector) redirect(n, from, to id) id {
	first := c.nodes[n]
	var walk func(id) id
	walk = func(n id) id {
		x := c.nodes[n]
		switch {
		case n == from:
			return to
		case x.op == opReturn || x.op == opLoad || c.full():
			return n
		case x.op == opSwitch:
			parts := slices.Clone(c.partsOf(n))
			for i := range parts {
				parts[i].to = walk(parts[i].to)
			}
			return c.choose(x.word, parts)
		}
		x.yes = walk(x.yes)
		if x.no != 0 {
			x.no = walk(x.no)
		}
		return c.add(x)
	}
	return c.load(first.word, walk(first.yes))
}

// within is the way to the answer of n given that A holds w, of which bits above
// those that n tests may have been asked about. Ranges are taken if they take at
// most limit tests, or few.
func (c *selector) within(n policy.Node, w policy.Word, limit int) id {
	if c.leaves(n, w) {
		return c.node(n)
	}
	if done, ok := c.tests[n]; ok || c.full() {
		return done
	}
	var r id
	outer := len(c.regions)
	// Two ranges less may save no more than one test: that of a single value.
	if q, v, ok := c.exception(n, w, limit); ok {
		r = c.except(q, v)
	} else if regions, ok := c.regionsOf(n, w, 2*max(limit, fewCuts)+1); ok && comparisons(regions) <= max(limit, fewCuts) {
		parts := make([]part, len(regions))
		for i, x := range regions {
			parts[i] = part{low: x.Low, high: x.High, to: c.node(x.Then)}
		}
		r = c.choose(w, parts)
	} else {
		r = c.ask(n, w)
	}
	c.regions = c.regions[:outer]
	c.tests[n] = r
	return r
}

// regionsOf are the ranges of w, in a place that is used again once the present
// word is done.
func (c *selector) regionsOf(n policy.Node, w policy.Word, limit int) (regions []policy.Region, ok bool) {
	start := len(c.regions)
	c.regions, ok = c.s.AppendRegions(c.regions, n, w, limit)
	return c.regions[start:], ok
}

// exception is a value without which n is one question about bits of w; ok is
// false where there is none, or limit tests do without.
func (c *selector) exception(n policy.Node, w policy.Word, limit int) (q policy.Question, v policy.Region, ok bool) {
	if w <= policy.WordNR || limit < 3 {
		return q, v, false
	}
	regions, ok := c.regionsOf(n, w, maxExceptions)
	for i, r := range regions {
		if r.Low != r.High {
			continue
		}
		if q, ok := bitsOf(regions, i); ok {
			return q, r, true
		}
	}
	return q, v, false
}

// bitsOf is the question whether any of some bits is set that the values of all
// regions but one answer; ok is false where they answer none.
func bitsOf(regions []policy.Region, except int) (q policy.Question, ok bool) {
	then := func(v uint32) policy.Node {
		i := slices.IndexFunc(regions, func(r policy.Region) bool { return v <= r.High })
		if i == except { // which may go with what stands before it, or else behind it
			i += map[bool]int{true: 1, false: -1}[i == 0]
		}
		return regions[i].Then
	}
	q.Yes = then(0)
	q.No = q.Yes
	for b := range 32 {
		if n := then(1 << b); n != q.Yes {
			q.Bits |= 1 << b
			q.No = n
		}
	}
	for i, r := range regions {
		switch {
		case i == except:
		case r.Then == q.Yes && anyOf(r)&q.Bits == 0:
		case r.Then == q.No && !hasWithout(r, q.Bits):
		default:
			return q, false
		}
	}
	return q, q.Bits != 0
}

// anyOf are the bits that any value of r has.
func anyOf(r policy.Region) uint32 {
	below := uint32(1)<<bits.Len32(r.Low^r.High) - 1 // from the first bit in which the ends differ
	return r.High | below
}

// hasWithout reports whether a value of r has none of some bits.
func hasWithout(r policy.Region, without uint32) bool {
	v := uint64(r.Low)
	for uint32(v)&without != 0 {
		top := bits.Len32(uint32(v)&without) - 1
		v = (v>>top + 1) << top // the next one without that bit
	}
	return v <= uint64(r.High)
}

// except asks q, and about v where it may matter.
func (c *selector) except(q policy.Question, v policy.Region) id {
	yes, no := c.node(q.Yes), c.node(q.No)
	if v.Low&q.Bits == 0 {
		yes = c.jump(opEqual, v.Low, c.node(v.Then), yes)
	} else {
		no = c.jump(opEqual, v.Low, c.node(v.Then), no)
	}
	return c.jump(opAnyBit, q.Bits, no, yes)
}

// comparisons is about how many tests tell ranges apart.
func comparisons(regions []policy.Region) int {
	n := len(regions) - 1
	for i := 1; i < len(regions)-1; i++ {
		if r := regions[i]; r.Low == r.High && regions[i-1].Then == regions[i+1].Then {
			n--
			i++ // the value behind it does not stand alone any more
		}
	}
	return n
}

// ask is a question about the bits of w that n tests first, and what follows.
func (c *selector) ask(n policy.Node, w policy.Word) id {
	q := c.s.Mask(n)
	switch {
	case q.Value == 0:
		return c.jump(opAnyBit, q.Bits, c.within(q.No, w, 0), c.within(q.Yes, w, 0))
	case c.leaves(q.Yes, w) && c.leaves(q.No, w):
		return c.mask(q.Bits, c.jump(opEqual, q.Value, c.node(q.Yes), c.node(q.No)))
	}
	_, bit, clear, set := c.s.Test(n)
	return c.jump(opAnyBit, 1<<bit, c.within(set, w, 0), c.within(clear, w, 0))
}

// leaves reports whether n asks nothing more about w.
func (c *selector) leaves(n policy.Node, w policy.Word) bool {
	if c.s.Terminal(n) {
		return true
	}
	at, _, _, _ := c.s.Test(n)
	return at != w
}

// questions counts the tests that ask needs for n; it stops counting where no
// program has room for them.
func (c *selector) questions(n policy.Node, w policy.Word) int {
	if c.count++; len(c.seen) < c.s.Len() {
		c.seen = append(c.seen, make([]int32, c.s.Len()-len(c.seen))...)
	}
	total := 0
	var walk func(policy.Node)
	walk = func(n policy.Node) {
		if c.leaves(n, w) || c.seen[n] == c.count || total > bpf.MaxInstructions {
			return
		}
		c.seen[n] = c.count
		total++
		switch q := c.s.Mask(n); {
		case q.Value == 0:
			walk(q.Yes)
			walk(q.No)
		case c.leaves(q.Yes, w) && c.leaves(q.No, w):
			total++
		default:
			_, _, clear, set := c.s.Test(n)
			walk(clear)
			walk(set)
		}
	}
	walk(n)
	return total
}
