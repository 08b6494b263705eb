package compile

import (
	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
)

// This file chooses the tests of one word. There are two ways to take a
// diagram over a word apart: into ranges of values, which a tree of
// comparisons tells apart, or into questions about bits. The one with fewer
// tests is taken.

// fewRegions is a number of ranges up to which nothing else is tried.
const fewRegions = 4

// test is the way to the answer of n given that A holds the word that n tests
// first. It is for n that is reached before anything is known of that word.
func (g *graph) test(n policy.Node) id {
	w, _, _, _ := g.s.Test(n)
	return g.choose(n, w, g.questions(n, w, map[policy.Node]bool{}))
}

// choose takes n apart into ranges of w if there are at most limit more of
// them than one, or few, and by its bits otherwise.
func (g *graph) choose(n policy.Node, w policy.Word, limit int) id {
	if done, ok := g.tests[n]; ok || g.full() {
		return done
	}
	var r id
	if regions, ok := g.s.Regions(n, w, max(fewRegions, limit+1)); ok {
		r = g.ranges(regions)
	} else {
		r = g.ask(n, w)
	}
	g.tests[n] = r
	return r
}

// within is the way to the answer of n given that A holds word w, of which
// some bits have been asked about: n tests only bits below those.
func (g *graph) within(n policy.Node, w policy.Word) id {
	if g.leaves(n, w) {
		return g.node(n)
	}
	return g.choose(n, w, fewRegions)
}

// ask is a question about the bits of w that n tests first, and what follows.
func (g *graph) ask(n policy.Node, w policy.Word) id {
	q := g.s.Mask(n)
	switch {
	case q.Value == 0:
		return g.jump(bpf.JumpSet, q.Bits, g.within(q.No, w), g.within(q.Yes, w))
	case g.leaves(q.Yes, w) && g.leaves(q.No, w):
		compare := g.jump(bpf.JumpEQ, q.Value, g.node(q.Yes), g.node(q.No))
		return g.add(instruction{code: bpf.And, k: q.Bits, yes: compare})
	}
	_, bit, clear, set := g.s.Test(n)
	return g.jump(bpf.JumpSet, 1<<bit, g.within(set, w), g.within(clear, w))
}

// leaves reports whether n asks nothing more about w.
func (g *graph) leaves(n policy.Node, w policy.Word) bool {
	if g.s.Terminal(n) {
		return true
	}
	at, _, _, _ := g.s.Test(n)
	return at != w
}

// questions counts the tests that ask needs for n; it stops counting where no
// program has room for them.
func (g *graph) questions(n policy.Node, w policy.Word, seen map[policy.Node]bool) int {
	if g.leaves(n, w) || seen[n] || len(seen) > bpf.MaxInstructions {
		return 0
	}
	seen[n] = true
	q := g.s.Mask(n)
	if q.Value != 0 && !(g.leaves(q.Yes, w) && g.leaves(q.No, w)) {
		_, _, clear, set := g.s.Test(n)
		return 1 + g.questions(clear, w, seen) + g.questions(set, w, seen)
	}
	return 1 + g.questions(q.Yes, w, seen) + g.questions(q.No, w, seen)
}

// ranges is a tree of comparisons that tells ranges of the word in A apart.
func (g *graph) ranges(regions []policy.Region) id {
	targets := make([]id, len(regions))
	for i, r := range regions {
		targets[i] = g.node(r.Then)
	}
	return g.tree(regions, targets)
}

// tree compares so that both sides of a comparison have about as many ranges.
// A single value between two ranges with one target is tested by itself.
func (g *graph) tree(regions []policy.Region, targets []id) id {
	switch n := len(regions); {
	case n == 1:
		return targets[0]
	case n == 2:
		return g.pair(regions, targets)
	}
	at, ok := split(regions, targets)
	if !ok && len(regions) <= 7 {
		return g.single(regions, targets)
	}
	return g.below(regions[at].Low, g.tree(regions[at:], targets[at:]), g.tree(regions[:at], targets[:at]))
}

// pair tells two ranges apart; one of a single value, such as the upper half of
// a small argument, by that value, which reads better.
func (g *graph) pair(regions []policy.Region, targets []id) id {
	for i, r := range regions {
		if r.Low == r.High {
			return g.jump(bpf.JumpEQ, r.Low, targets[i], targets[1-i])
		}
	}
	return g.below(regions[1].Low, targets[1], targets[0])
}

// below tests A >= k.
func (g *graph) below(k uint32, yes, no id) id { return g.jump(bpf.JumpGE, k, yes, no) }

// alone reports whether range i is one value with the same target on both
// sides.
func alone(regions []policy.Region, targets []id, i int) bool {
	return i > 0 && i < len(regions)-1 && regions[i].Low == regions[i].High && targets[i-1] == targets[i+1]
}

// split is the place nearest to the middle that does not take a single value
// from its neighbours; ok is false where there is none, and at is then the
// middle.
func split(regions []policy.Region, targets []id) (at int, ok bool) {
	middle := len(regions) / 2
	for off := range len(regions) {
		for _, at := range []int{middle - off, middle + off} {
			if at >= 1 && at < len(regions) && !alone(regions, targets, at) && !alone(regions, targets, at-1) {
				return at, true
			}
		}
	}
	return middle, false
}

// single tests the highest value that stands alone, and then the rest without
// it.
func (g *graph) single(regions []policy.Region, targets []id) id {
	for i := len(regions) - 2; i > 0; i-- {
		if !alone(regions, targets, i) {
			continue
		}
		rest := make([]policy.Region, 0, len(regions))
		rest = append(append(rest, regions[:i]...), regions[i+2:]...)
		rest[i-1].High = regions[i+1].High
		left := make([]id, 0, len(targets))
		left = append(append(left, targets[:i]...), targets[i+2:]...)
		return g.jump(bpf.JumpEQ, regions[i].Low, targets[i], g.tree(rest, left))
	}
	panic("compile: no value stands alone")
}
