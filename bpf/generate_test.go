package bpf_test

import (
	"math/rand/v2"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// generator makes programs and calls for them. Most programs are valid and
// compute an errno, which a caller can read back; the others break one rule.
type generator struct {
	*rand.Rand
	traced bool     // the verdicts TRAP and TRACE can be read back
	pool   []uint32 // constants that the program and its calls share
	cells  []uint32 // memory cells that the program writes at its start
}

func newGenerator(seed, index uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, index))}
}

// oneIn is true once in n times.
func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// constant is a number at which arithmetic and comparisons turn.
func (g *generator) constant() uint32 {
	switch g.IntN(6) {
	case 0:
		return uint32(g.IntN(8))
	case 1:
		return 1<<g.IntN(32) + pick[uint32](g, 0, 0xffffffff, 1)
	case 2:
		return -uint32(g.IntN(64))
	case 3:
		return uint32(g.IntN(70))
	case 4:
		return pick(g, uint32(seccomp.Allow), seccomp.X86_64.Arch(), 0x80000000, 0x7fffffff, 0xffff)
	}
	return g.Uint32()
}

// word is a constant of the program or one beside it.
func (g *generator) word() uint32 {
	if g.oneIn(8) {
		return g.constant()
	}
	return pick(g, g.pool...) + pick[uint32](g, 0, 0, 0, 0, 1, 0xffffffff)
}

// program makes a program; now and then an invalid one.
func (g *generator) program() Program {
	g.pool = g.pool[:0]
	for range 2 + g.IntN(5) {
		g.pool = append(g.pool, g.constant())
	}
	g.cells = g.cells[:0]
	if g.oneIn(25) {
		return g.noise()
	}
	p := g.start(nil)
	length := g.length()
	for len(p) < length {
		rest := length - len(p) // up to the first instruction of the end
		if g.oneIn(30) {
			rest += 3
		}
		p = append(p, g.instruction(rest))
	}
	p = append(p, g.end()...)
	if g.oneIn(6) {
		p = g.spoil(p)
	}
	return p
}

func (g *generator) length() int {
	switch {
	case g.oneIn(300):
		return pick(g, 4091, 4092, 4093, 4094, g.IntN(4092))
	case g.oneIn(20):
		return 100 + g.IntN(400)
	}
	return g.IntN(40)
}

// start fills registers and some memory cells.
func (g *generator) start(p Program) Program {
	if g.oneIn(2) {
		p = append(p, g.load())
	}
	for range pick(g, 0, 0, 1, 3) {
		cell := uint32(g.IntN(MemoryCells))
		g.cells = append(g.cells, cell)
		p = append(p, g.load(), Stmt(pick[uint16](g, Store, StoreX), cell))
	}
	if g.oneIn(2) {
		p = append(p, g.load(), Stmt(TAX, g.junk()), g.load())
	}
	return p
}

// junk is the value of a field that does not matter.
func (g *generator) junk() uint32 {
	if g.oneIn(4) {
		return g.constant()
	}
	return 0
}

func (g *generator) load() Instruction {
	switch g.IntN(10) {
	case 0:
		return Stmt(LoadImm, g.word())
	case 1:
		return Stmt(LoadXImm, g.word())
	case 2:
		return Stmt(pick[uint16](g, LoadLen, LoadXLen), g.junk())
	case 3:
		return LoadWord(pick[uint32](g, seccomp.OffsetNR, seccomp.OffsetArch, seccomp.OffsetIP, seccomp.OffsetIP+4))
	}
	return LoadWord(seccomp.OffsetArgs + 4*uint32(g.IntN(12)))
}

var (
	arithmeticK = []uint16{Add, Sub, Mul, Or, And, Xor}
	arithmeticX = []uint16{AddX, SubX, MulX, OrX, AndX, XorX, LshX, RshX}
	jumps       = []uint16{JumpEQ, JumpGT, JumpGE, JumpSet, JumpEQX, JumpGTX, JumpGEX, JumpSetX}
)

// instruction makes one that is valid with rest instructions behind it.
func (g *generator) instruction(rest int) Instruction {
	i := g.statement(rest)
	if g.oneIn(10) && !i.IsJump() {
		i.JT, i.JF = uint8(g.Uint32()), uint8(g.Uint32())
	}
	if g.oneIn(10) && !i.ReadsK() {
		i.K = g.constant()
	}
	return i
}

func (g *generator) statement(rest int) Instruction {
	switch g.IntN(20) {
	case 0, 1, 2, 3:
		return g.load()
	case 4, 5, 6:
		return Stmt(pick(g, arithmeticK...), g.word())
	case 7, 8:
		return Stmt(pick(g, arithmeticX...), 0)
	case 9:
		return Stmt(pick[uint16](g, Lsh, Rsh), uint32(g.IntN(32)))
	case 10:
		if g.oneIn(12) {
			return Stmt(DivX, 0)
		}
		return Stmt(Div, max(1, g.word()))
	case 11:
		return Stmt(pick[uint16](g, TAX, TXA, Neg), 0)
	case 12:
		return Stmt(pick[uint16](g, Store, StoreX), uint32(g.IntN(MemoryCells)))
	case 13:
		return g.loadCell()
	case 14:
		return Goto(uint32(g.IntN(min(rest, pick(g, 3, 8, 4096)))))
	case 15:
		if g.oneIn(4) {
			return g.ret()
		}
	}
	far := min(rest, pick(g, 2, 4, 8, MaxOffset+1))
	return Jump(pick(g, jumps...), g.word(), uint8(g.IntN(far)), uint8(g.IntN(far)))
}

// loadCell reads a cell that was written at the start, or a chance one.
func (g *generator) loadCell() Instruction {
	cell := uint32(g.IntN(MemoryCells))
	if len(g.cells) > 0 && !g.oneIn(12) {
		cell = pick(g, g.cells...)
	} else if !g.oneIn(4) {
		return g.load()
	}
	return Stmt(pick[uint16](g, LoadMem, LoadXMem), cell)
}

// ret is a return whose verdict the caller can mostly read back.
func (g *generator) ret() Instruction {
	switch g.IntN(60) {
	case 0:
		return Stmt(ReturnA, 0)
	case 1, 2:
		return Ret(pick(g, seccomp.Kinds()...) | seccomp.Action(g.junk()&0xffff))
	case 3, 4, 5, 6, 7, 8:
		return Ret(seccomp.Allow | seccomp.Action(g.junk()&0xffff))
	case 9:
		return Ret(seccomp.Action(g.constant()))
	}
	return Ret(seccomp.Err | seccomp.Action(g.IntN(4200)))
}

// end returns 12 bits of A as an errno, or something that says less. It has
// four instructions.
func (g *generator) end() Program {
	if g.oneIn(40) {
		return Program{g.load(), Stmt(Or, uint32(pick(g, seccomp.Kinds()...))), Stmt(Or, g.junk()), pick(g, Stmt(ReturnA, 0), g.ret())}
	}
	if g.traced && g.oneIn(2) || g.oneIn(200) { // sixteen bits for a tracer
		return Program{Stmt(Rsh, pick[uint32](g, 0, 16)), Stmt(And, 0xffff),
			Stmt(Or, uint32(pick(g, seccomp.Trap, seccomp.Trace))), Stmt(ReturnA, g.junk())}
	}
	return Program{Stmt(Rsh, pick[uint32](g, 0, 12, 20)), Stmt(And, 0xfff), Stmt(Or, uint32(seccomp.Err)), Stmt(ReturnA, g.junk())}
}

// noise is a program of which nothing is planned but that its opcodes are
// likely ones.
func (g *generator) noise() Program {
	codes := Opcodes()
	p := make(Program, g.IntN(8))
	for n := range p {
		p[n] = Instruction{pick(g, codes...), uint8(g.IntN(4)), uint8(g.IntN(4)), uint32(g.IntN(20))}
		if g.oneIn(30) {
			p[n].Code = uint16(g.Uint32() >> pick(g, 0, 8))
		}
	}
	if len(p) > 0 && !g.oneIn(10) {
		p[len(p)-1] = g.ret()
	}
	return p
}

// spoil breaks, or nearly breaks, one rule of p.
func (g *generator) spoil(p Program) Program {
	at := g.IntN(len(p))
	rest := uint32(len(p) - at - 1)
	near := func(limit uint32) uint32 { return limit + pick[uint32](g, 0xffffffff, 0, 1, g.Uint32()) }
	switch g.IntN(12) {
	case 0:
		p[at].Code = uint16(g.Uint32())
	case 1:
		p[at].Code ^= 1 << g.IntN(16)
	case 2:
		p[at] = LoadWord(near(seccomp.DataSize))
	case 3:
		p[at] = LoadWord(uint32(g.IntN(70)))
	case 4:
		p[at] = Stmt(Div, uint32(g.IntN(2)))
	case 5:
		p[at] = Stmt(pick[uint16](g, Lsh, Rsh), near(32))
	case 6:
		p[at] = Goto(near(rest))
	case 7:
		p[at] = Jump(pick(g, jumps...), g.word(), uint8(near(rest)), uint8(pick(g, 0, rest/2)))
		if g.oneIn(2) {
			p[at].JT, p[at].JF = p[at].JF, p[at].JT
		}
	case 8:
		p[len(p)-1] = g.load()
	case 9:
		p[at] = Stmt(pick[uint16](g, Store, StoreX, LoadMem, LoadXMem), near(MemoryCells))
	case 10:
		p[at] = Stmt(pick[uint16](g, LoadMem, LoadXMem), uint32(g.IntN(MemoryCells)))
	case 11:
		if g.oneIn(10) {
			p = repeat(g.load(), MaxInstructions-pick(g, 0, 1, 2, 9), g.ret())
		}
	}
	return p
}

// args makes the arguments of a call from the program's constants.
func (g *generator) args() (args [6]uint64) {
	for n := range args {
		args[n] = uint64(g.word())<<32 | uint64(g.word())
		if g.oneIn(3) {
			args[n] &= 0xffffffff
		}
	}
	return args
}
