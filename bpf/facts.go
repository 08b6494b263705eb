package bpf

import (
	"math/bits"

	"github.com/callgate/callgate/seccomp"
)

// What a reader of a filter keeps in mind, found by one forward pass: what A
// holds at each instruction, and which architecture the tests before it have
// established. It serves the comments of a listing, and drawings. Where two ways
// meet and disagree, nothing is known; so what is stated is true of every way. A
// way that no architecture takes is not one: compilers test bits of it first, and
// then a value that does not have them. The cost is linear in the length of the
// program.

// Content is what a register or memory cell is known to hold, whatever way led
// to an instruction.
type Content struct {
	Kind   ContentKind
	Offset uint32 // of a Field: that of the word in struct seccomp_data
	K      uint32 // the value of a Constant; the bits of a Field that were not masked out
}

// ContentKind says what a [Content] is.
type ContentKind uint8

// The kinds of content. A result of arithmetic other than a mask is Unknown.
const (
	Unknown ContentKind = iota
	Constant
	Field
)

// Registers are the contents of the two registers.
type Registers struct{ A, X Content }

// Registers is what the registers hold before each instruction of p. Before one
// that no call reaches both are Unknown.
func (p Program) Registers() []Registers {
	all := make([]Registers, len(p))
	for pc, f := range factsOf(p) {
		all[pc] = Registers{A: f.a, X: f.x}
	}
	return all
}

// facts is what is known before an instruction.
type facts struct {
	reached bool
	a, x    Content
	m       [MemoryCells]Content
	// arch is the architecture, as far as tests have shown it: the bits that
	// are set in archBits. tested says that there was a test on any way.
	arch, archBits uint32
	tested         bool
}

// factsOf returns the facts before each instruction of p.
func factsOf(p Program) []facts {
	at := make([]facts, len(p))
	if len(p) > 0 {
		zero := Content{Kind: Constant}
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
		f.a = Content{}
		if i.K < seccomp.DataSize && i.K%4 == 0 {
			f.a = Content{Kind: Field, Offset: i.K, K: 0xffffffff}
		}
	case LoadImm:
		f.a = Content{Kind: Constant, K: i.K}
	case LoadMem:
		f.a = f.m[i.K%MemoryCells]
	case LoadLen:
		f.a = Content{Kind: Constant, K: seccomp.DataSize}
	case LoadXImm:
		f.x = Content{Kind: Constant, K: i.K}
	case LoadXMem:
		f.x = f.m[i.K%MemoryCells]
	case LoadXLen:
		f.x = Content{Kind: Constant, K: seccomp.DataSize}
	case Store:
		f.m[i.K%MemoryCells] = f.a
	case StoreX:
		f.m[i.K%MemoryCells] = f.x
	case TAX:
		f.x = f.a
	case TXA:
		f.a = f.x
	case And:
		f.a.K &= i.K // a constant, or a mask
	default:
		switch {
		case !i.Allowed():
			f.a, f.x = Content{}, Content{}
		case i.Code&ClassMask == ClassALU:
			f.a = Content{}
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

func (c *Content) merge(d Content) {
	if *c != d {
		*c = Content{}
	}
}

// isWord reports whether c is the whole word at offset off of the data.
func (c Content) isWord(off uint32) bool {
	return c.Kind == Field && c.Offset == off && c.K == 0xffffffff
}
