package bpf

import "github.com/callgate/callgate/seccomp"

// What a reader of a filter keeps in mind, found by one forward pass: what A
// holds at each instruction, and which architecture the tests before it have
// established. It serves the comments of a listing only. Where two ways meet
// and disagree, nothing is known; so what is stated is true of every way.
// The cost is linear in the length of the program.

// content is what a register or memory cell is known to hold.
type content struct {
	kind contentKind
	off  uint8  // field: the offset of the word in struct seccomp_data
	k    uint32 // constant: the value; field: the mask that was applied
}

type contentKind uint8

const (
	unknown contentKind = iota
	constant
	field
)

// facts is what is known before an instruction.
type facts struct {
	reached bool
	a, x    content
	m       [MemoryCells]content
	hasArch bool
	arch    uint32
}

// factsOf returns the facts before each instruction of p.
func factsOf(p Program) []facts {
	at := make([]facts, len(p))
	if len(p) > 0 {
		zero := content{kind: constant}
		at[0] = facts{reached: true, a: zero, x: zero}
	}
	for pc, i := range p {
		if !at[pc].reached || i.IsReturn() {
			continue
		}
		next := at[pc]
		next.execute(i)
		holds, fails := i.Targets(pc)
		if fails != holds && fails < len(p) {
			at[fails].merge(&next)
		}
		if holds < len(p) {
			if i.Code == JumpEQ && holds != fails && next.a.isWord(seccomp.OffsetArch) {
				next.hasArch, next.arch = true, i.K
			}
			at[holds].merge(&next)
		}
	}
	return at
}

// execute changes f by what i does to registers and memory.
func (f *facts) execute(i Instruction) {
	switch i.Code {
	case LoadAbs:
		f.a = content{}
		if i.K < seccomp.DataSize && i.K%4 == 0 {
			f.a = content{kind: field, off: uint8(i.K), k: 0xffffffff}
		}
	case LoadImm:
		f.a = content{kind: constant, k: i.K}
	case LoadMem:
		f.a = f.m[i.K%MemoryCells]
	case LoadLen:
		f.a = content{kind: constant, k: seccomp.DataSize}
	case LoadXImm:
		f.x = content{kind: constant, k: i.K}
	case LoadXMem:
		f.x = f.m[i.K%MemoryCells]
	case LoadXLen:
		f.x = content{kind: constant, k: seccomp.DataSize}
	case Store:
		f.m[i.K%MemoryCells] = f.a
	case StoreX:
		f.m[i.K%MemoryCells] = f.x
	case TAX:
		f.x = f.a
	case TXA:
		f.a = f.x
	case And:
		f.a.k &= i.K // a constant, or a mask
	default:
		switch {
		case !i.Allowed():
			f.a, f.x = content{}, content{}
		case i.Code&ClassMask == ClassALU:
			f.a = content{}
		}
	}
}

// merge makes f what holds both by f and by g.
func (f *facts) merge(g *facts) {
	if !f.reached {
		*f = *g
		return
	}
	f.a.merge(g.a)
	f.x.merge(g.x)
	for n := range f.m {
		f.m[n].merge(g.m[n])
	}
	f.hasArch = f.hasArch && g.hasArch && f.arch == g.arch
}

func (c *content) merge(d content) {
	if *c != d {
		*c = content{}
	}
}

// isWord reports whether c is the whole word at offset off of the data.
func (c content) isWord(off uint8) bool {
	return c.kind == field && c.off == off && c.k == 0xffffffff
}
