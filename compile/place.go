package compile

import (
	"encoding/binary"
	"slices"

	"github.com/callgate/callgate/bpf"
)

// This file places the instructions of a graph. It works from the end of the
// program to its start, so that every target has its place when a jump to it
// is made and the distance is known. Where that is more than a conditional
// jump can express, a jump without condition or a copy of a return stands in
// between.

// placer builds a program backwards: out[0] is its last instruction.
type placer struct {
	g     *graph
	order binary.ByteOrder
	out   bpf.Program
	home  []int // index in out of an instruction; -1 is none
	at    []int // the same, or that of what stands for it from here on
	size  []int // instructions that it leads to, each counted as often as it is reached
}

// place is the program of a graph without switches; fits is false where it would
// have more instructions than the graph's limit.
func (g *graph) place(order binary.ByteOrder) (p bpf.Program, fits bool) {
	none := slices.Repeat([]int{-1}, len(g.nodes))
	pl := &placer{
		g: g, order: order, out: make(bpf.Program, 0, len(g.nodes)),
		home: none, at: slices.Clone(none), size: make([]int, len(g.nodes)),
	}
	pl.place(g.root)
	if len(pl.out) > g.limit {
		return nil, false
	}
	slices.Reverse(pl.out)
	return pl.out, true
}

// weight is the number of instructions behind n, bounded: what matters is
// which of two is larger.
func (pl *placer) weight(n id) int {
	if n == 0 {
		return 0
	}
	if pl.size[n] == 0 {
		i := pl.g.nodes[n]
		pl.size[n] = min(1+pl.weight(i.yes)+pl.weight(i.no), 1<<20)
	}
	return pl.size[n]
}

// place puts n, and before that whatever it leads to, at the end of out.
func (pl *placer) place(n id) {
	if pl.home[n] >= 0 || len(pl.out) > pl.g.limit {
		return
	}
	i := pl.g.nodes[n]
	// The larger of two targets goes further away, so that the distance is
	// the size of the smaller.
	far, near := i.yes, i.no
	if pl.weight(near) > pl.weight(far) {
		far, near = near, far
	}
	for _, target := range []id{far, near} {
		if target != 0 {
			pl.place(target)
		}
	}
	if i.no == 0 {
		pl.step(i)
	} else {
		pl.jump(i)
	}
	pl.home[n] = len(pl.out) - 1
	pl.at[n] = pl.home[n]
}

// step places an instruction that goes on to the next one, or returns.
func (pl *placer) step(i node) {
	if i.yes != 0 && pl.distance(i.yes) != 0 {
		pl.stand(i.yes)
	}
	switch i.op {
	case opReturn:
		pl.push(bpf.Stmt(bpf.Return, i.k))
	case opLoad:
		pl.push(bpf.LoadWord(i.word.Offset(pl.order)))
	case opMask:
		pl.push(bpf.Stmt(bpf.And, i.k))
	}
}

// codes are the opcodes of the tests.
var codes = [...]uint16{opEqual: bpf.JumpEQ, opAtLeast: bpf.JumpGE, opAnyBit: bpf.JumpSet}

// jump places a conditional jump. Standing in for one target moves the other
// away by one.
func (pl *placer) jump(i node) {
	for pl.distance(i.yes) > bpf.MaxOffset || pl.distance(i.no) > bpf.MaxOffset {
		if pl.distance(i.yes) > pl.distance(i.no) {
			pl.stand(i.yes)
		} else {
			pl.stand(i.no)
		}
	}
	pl.push(bpf.Jump(codes[i.op], i.k, uint8(pl.distance(i.yes)), uint8(pl.distance(i.no))))
}

// distance is the offset of n for a jump that is placed next.
func (pl *placer) distance(n id) int { return len(pl.out) - 1 - pl.at[n] }

// stand places something that does what a jump to n does, and lets it stand
// for n from here on. A jump without condition reaches any distance, so that
// no way leads over two of them.
func (pl *placer) stand(n id) {
	if i := pl.g.nodes[n]; i.op == opReturn {
		pl.push(bpf.Stmt(bpf.Return, i.k))
	} else {
		pl.push(bpf.Goto(uint32(len(pl.out) - 1 - pl.home[n])))
	}
	pl.at[n] = len(pl.out) - 1
}

func (pl *placer) push(i bpf.Instruction) { pl.out = append(pl.out, i) }
