package compile

import (
	"encoding/binary"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file makes a graph of instructions of a diagram: what to load and to
// test, and where to go then, but not yet in which order to place it. Equal
// instructions with equal successors are one, so that every tail that two
// parts of a policy have in common is shared, whatever ABI or call it is
// about.

// id is an instruction of a graph; 0 is none.
type id int32

// instruction is one of a graph. A conditional jump goes to yes or no, a
// return ends, and anything else goes to yes.
type instruction struct {
	code    uint16
	k       uint32
	yes, no id
}

type graph struct {
	s     *policy.Space
	order binary.ByteOrder
	limit int // instructions
	all   []instruction
	ids   map[instruction]id
	tests map[policy.Node]id // what to do once the word that the node tests is loaded
}

func newGraph(s *policy.Space, order binary.ByteOrder, limit int) *graph {
	return &graph{
		s: s, order: order, limit: limit,
		all:   make([]instruction, 1),
		ids:   map[instruction]id{},
		tests: map[policy.Node]id{},
	}
}

// full reports whether the graph has more instructions than it may. All of
// them are reachable, so that no program of it would fit; what is made from
// then on means nothing.
func (g *graph) full() bool { return len(g.all)-1 > g.limit }

func (g *graph) add(i instruction) id {
	if i.yes != 0 && i.yes == i.no {
		return i.yes
	}
	n, ok := g.ids[i]
	if !ok {
		n = id(len(g.all))
		g.all = append(g.all, i)
		g.ids[i] = n
	}
	return n
}

func (g *graph) ret(a seccomp.Action) id {
	return g.add(instruction{code: bpf.Return, k: uint32(a)})
}

// jump is a conditional jump to yes where its test holds and to no otherwise.
func (g *graph) jump(code uint16, k uint32, yes, no id) id {
	return g.add(instruction{code: code, k: k, yes: yes, no: no})
}

// node is the way to the answer of n, whatever A holds.
func (g *graph) node(n policy.Node) id {
	if a, ok := g.s.Action(n); ok {
		return g.ret(a)
	}
	w, _, _, _ := g.s.Test(n)
	test := g.test(n)
	if g.all[test].code == bpf.Return {
		return test
	}
	return g.add(instruction{code: bpf.LoadAbs, k: w.Offset(g.order), yes: test})
}
