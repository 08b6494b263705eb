package compile

import (
	"fmt"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file is the form between diagram and program: a graph of what to load,
// to mask and to test, and where to go then, but not yet in which order to
// place it.

// id is a node of a graph; 0 is none.
type id int32

// op is what a node does.
type op uint8

const (
	opReturn  op = 1 + iota // answer k
	opLoad                  // A = word, and go to yes
	opMask                  // A &= k, and go to yes
	opSwitch                // go to the part that A is in
	opEqual                 // A == k: to yes, else to no
	opAtLeast               // A >= k: to yes, else to no
	opAnyBit                // A & k != 0: to yes, else to no
)

// node is one step. Equal nodes that are no switches are one, so that every
// tail that two parts of a policy have in common is shared, whatever ABI or
// call it is about.
type node struct {
	op      op
	word    policy.Word // what is loaded, or what the switch is over
	k       uint32
	yes, no id
	parts   int32 // of a switch: index into graph.parts
}

// part is a range of values of a word, and where these go. The parts of a
// switch are in order and without gaps, and neighbours go elsewhere.
type part struct {
	low, high uint32
	to        id
	// weight is how often a call comes here, as a share of wholeWeight.
	weight int64
}

// graph is a program whose steps have no order yet.
type graph struct {
	nodes []node // the first is none
	parts [][]part
	ids   []id // by hash, with open addressing; 0 is free
	root  id
	limit int // of the instructions of a program
	used  int // at least so many instructions for all nodes
}

func newGraph(limit int) *graph {
	return &graph{nodes: make([]node, 1, 32), ids: make([]id, 64), limit: limit}
}

// full reports whether the graph has more than a program has room for. What is
// made from then on means nothing.
func (g *graph) full() bool { return g.used > g.limit }

// add is a node, made at most once.
func (g *graph) add(n node) id {
	if n.yes != 0 && n.yes == n.no {
		return n.yes
	}
	mask := uint32(len(g.ids) - 1)
	i := n.hash() & mask
	for ; g.ids[i] != 0; i = (i + 1) & mask {
		if g.nodes[g.ids[i]] == n {
			return g.ids[i]
		}
	}
	g.ids[i] = g.fresh(n)
	if made := g.ids[i]; 2*len(g.nodes) > len(g.ids) {
		g.rehash()
		return made
	}
	return g.ids[i]
}

func (g *graph) rehash() {
	g.ids = make([]id, 2*len(g.ids))
	mask := uint32(len(g.ids) - 1)
	for n := 1; n < len(g.nodes); n++ {
		if g.nodes[n].op == opSwitch {
			continue
		}
		i := g.nodes[n].hash() & mask
		for ; g.ids[i] != 0; i = (i + 1) & mask {
		}
		g.ids[i] = id(n)
	}
}

func (n node) hash() uint32 {
	h := (uint64(n.op)<<8 | uint64(n.word)) * 0x9e3779b97f4a7c15
	h = (h ^ uint64(n.k)) * 0xc2b2ae3d27d4eb4f
	h = (h ^ uint64(n.yes)<<32 ^ uint64(n.no)) * 0x165667b19e3779f9
	return uint32(h >> 32)
}

// fresh is a node of its own.
func (g *graph) fresh(n node) id {
	g.nodes = append(g.nodes, n)
	g.used++
	return id(len(g.nodes) - 1)
}

func (g *graph) ret(a seccomp.Action) id { return g.add(node{op: opReturn, k: uint32(a)}) }

func (g *graph) load(w policy.Word, to id) id { return g.add(node{op: opLoad, word: w, yes: to}) }

func (g *graph) mask(k uint32, to id) id { return g.add(node{op: opMask, k: k, yes: to}) }

// jump goes to yes where the test holds and to no otherwise.
func (g *graph) jump(test op, k uint32, yes, no id) id {
	return g.add(node{op: test, k: k, yes: yes, no: no})
}

// choose goes to the part that the word in A is in.
func (g *graph) choose(w policy.Word, parts []part) id {
	parts = join(parts)
	if len(parts) == 1 {
		return parts[0].to
	}
	g.parts = append(g.parts, parts)
	g.used += len(parts) / 2 // two cuts may take no more than one test
	return g.fresh(node{op: opSwitch, word: w, parts: int32(len(g.parts) - 1)})
}

// join makes one part of neighbours that go to one node. It reuses parts.
func join(parts []part) []part {
	joined := parts[:1]
	for _, p := range parts[1:] {
		if last := &joined[len(joined)-1]; last.to == p.to {
			last.high = p.high
			last.weight += p.weight
			continue
		}
		joined = append(joined, p)
	}
	return joined
}

func (g *graph) partsOf(n id) []part { return g.parts[g.nodes[n].parts] }

// each calls f with every node that can be reached, each once and before those
// that it leads to.
func (g *graph) each(f func(id, node)) {
	order := g.order()
	for i := len(order) - 1; i >= 0; i-- {
		f(order[i], g.nodes[order[i]])
	}
}

// order is every node that can be reached, each behind those that it leads to.
func (g *graph) order() []id {
	seen := make([]bool, len(g.nodes))
	var out []id
	var walk func(id)
	walk = func(n id) {
		if n == 0 || seen[n] {
			return
		}
		seen[n] = true
		if x := g.nodes[n]; x.op == opSwitch {
			for _, p := range g.partsOf(n) {
				walk(p.to)
			}
		} else {
			walk(x.no)
			walk(x.yes)
		}
		out = append(out, n)
	}
	walk(g.root)
	return out
}

// eval answers a call, as the graph does.
func (g *graph) eval(d seccomp.Data) (seccomp.Action, error) {
	var a uint32
	for n := g.root; ; {
		x := g.nodes[n]
		switch x.op {
		case opReturn:
			return seccomp.Action(x.k), nil
		case opLoad:
			a = x.word.Of(d)
			n = x.yes
		case opMask:
			a &= x.k
			n = x.yes
		case opSwitch:
			to := id(0)
			for _, p := range g.partsOf(n) {
				if p.low <= a && a <= p.high {
					to = p.to
				}
			}
			if to == 0 {
				return 0, fmt.Errorf("no part of n%d has %#x", n, a)
			}
			n = to
		default:
			if x.holds(a) {
				n = x.yes
			} else {
				n = x.no
			}
		}
	}
}

// holds reports whether the test of x holds for a value of A.
func (x node) holds(a uint32) bool {
	switch x.op {
	case opEqual:
		return a == x.k
	case opAtLeast:
		return a >= x.k
	}
	return a&x.k != 0
}
