package bpf

import (
	"math/bits"

	"github.com/callgate/callgate/seccomp"
)

// What a reader of a filter keeps in mind, found by one forward pass: what A
// holds at each instruction, and which architecture the tests before it have
// established. It serves the comments of a listing only. Where two ways meet
// and disagree, nothing is known; so what is stated is true of every way. A way
// that no architecture takes is not one: compilers test bits of it first, and
// then a value that does not have them. The cost is linear in the length of the
// program.

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
	// arch is the architecture, as far as tests have shown it: the bits that
	// are set in archBits. tested says that there was a test on any way.
	arch, archBits uint32
	tested         bool
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
		if fails == holds {
			next.goTo(at, holds)
			continue
		}
		if f := next; f.learn(i, false) {
			f.goTo(at, fails)
		}
		if next.learn(i, true) {
			next.goTo(at, holds)
		}
	}
	return at
}

// goTo merges f into what is known at an instruction, if there is one.
func (f *facts) goTo(at []facts, pc int) {
	if pc < len(at) {
		at[pc].merge(f)
	}
}

// learn adds to f that the test of i holds, or fails. It reports whether that
// can be.
func (f *facts) learn(i Instruction, holds bool) bool {
	if !f.a.isWord(seccomp.OffsetArch) {
		return true
	}
	f.tested = true
	switch {
	case i.Code == JumpEQ && holds:
		return f.learnArch(0xffffffff, i.K)
	case i.Code == JumpEQ:
		return !f.knowsArch() || f.arch != i.K
	case i.Code == JumpSet && !holds:
		return f.learnArch(i.K, 0)
	case i.Code == JumpSet && bits.OnesCount32(i.K) == 1:
		return f.learnArch(i.K, i.K)
	}
	return true
}

// learnArch adds to f that the bits of mask are those of value in the
// architecture. It reports whether they can be.
func (f *facts) learnArch(mask, value uint32) bool {
	if (f.arch^value)&f.archBits&mask != 0 {
		return false
	}
	f.arch |= value
	f.archBits |= mask
	return true
}

// knowsArch reports whether the architecture is known.
func (f *facts) knowsArch() bool { return f.archBits == 0xffffffff }

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
	f.archBits &= g.archBits &^ (f.arch ^ g.arch)
	f.arch &= f.archBits
	f.tested = f.tested || g.tested
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
