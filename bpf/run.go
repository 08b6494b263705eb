package bpf

import (
	"encoding/binary"
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// Filter is a program that the kernel accepts, ready to run on calls of a
// machine of one byte order. It is immutable and may be used by several
// goroutines. Its zero value answers KILL_PROCESS to every call.
type Filter struct {
	program Program
	big     bool
}

// Load verifies p and keeps a copy of it. The error is that of
// [Program.Verify].
func Load(p Program, order binary.ByteOrder) (*Filter, error) {
	if err := p.Verify(); err != nil {
		return nil, err
	}
	return &Filter{program: slices.Clone(p), big: bigEndian(order)}, nil
}

// Run is the raw 32-bit value that the filter returns for d. How the kernel
// acts on it is [seccomp.Action.Canonical]. It does not allocate.
func (f *Filter) Run(d seccomp.Data) seccomp.Action { return f.run(&d, nil) }

// Run is the raw 32-bit value that p returns for d on a machine of the given
// byte order. How the kernel acts on it is [seccomp.Action.Canonical]. The
// error is that of [Program.Verify]: a program that the kernel refuses is not
// run. It does not allocate for a valid program, but verifies it each time:
// use [Load] to run one program on many calls.
func (p Program) Run(order binary.ByteOrder, d seccomp.Data) (seccomp.Action, error) {
	if err := p.Verify(); err != nil {
		return 0, err
	}
	f := Filter{program: p, big: bigEndian(order)}
	return f.run(&d, nil), nil
}

// State is what a program can remember: the registers A and X and the memory
// cells. A program starts with all of them zero.
type State struct {
	A, X uint32
	M    [MemoryCells]uint32
}

// Step is one executed instruction and the state that it left.
type Step struct {
	PC int
	State
}

// Trace runs p on d as [Program.Run] does and returns every executed
// instruction in order. The last one is a return, or the division by zero
// that ended the program.
func (p Program) Trace(order binary.ByteOrder, d seccomp.Data) ([]Step, seccomp.Action, error) {
	if err := p.Verify(); err != nil {
		return nil, 0, err
	}
	var steps []Step
	f := Filter{program: p, big: bigEndian(order)}
	verdict := f.run(&d, func(s Step) { steps = append(steps, s) })
	return steps, verdict, nil
}

// run interprets the program. It ends, because jumps only go forward and the
// last instruction returns. Each instruction costs a few nanoseconds.
// The operations are those that net/core/filter.c translates classic BPF to:
// unsigned 32-bit arithmetic that wraps; a shift by X uses the low five bits
// of X; a division by an X of zero ends the program with the value 0.
func (f *Filter) run(d *seccomp.Data, visit func(Step)) seccomp.Action {
	var s State
	for pc := 0; pc < len(f.program); pc++ {
		i := &f.program[pc]
		at, operand := pc, i.K
		if i.Code&SourceX != 0 {
			operand = s.X // of arithmetic and jumps, which alone look at it
		}
		switch i.Code {
		case LoadAbs:
			s.A = f.word(d, i.K)
		case JumpEQ, JumpEQX:
			pc += i.skip(s.A == operand)
		case JumpGE, JumpGEX:
			pc += i.skip(s.A >= operand)
		case JumpGT, JumpGTX:
			pc += i.skip(s.A > operand)
		case JumpSet, JumpSetX:
			pc += i.skip(s.A&operand != 0)
		case JumpAlways:
			pc += int(i.K)
		case Return:
			visitState(visit, at, &s)
			return seccomp.Action(i.K)
		case ReturnA:
			visitState(visit, at, &s)
			return seccomp.Action(s.A)
		case LoadImm:
			s.A = i.K
		case LoadMem:
			s.A = s.M[i.K%MemoryCells]
		case LoadLen:
			s.A = seccomp.DataSize
		case LoadXImm:
			s.X = i.K
		case LoadXMem:
			s.X = s.M[i.K%MemoryCells]
		case LoadXLen:
			s.X = seccomp.DataSize
		case Store:
			s.M[i.K%MemoryCells] = s.A
		case StoreX:
			s.M[i.K%MemoryCells] = s.X
		case TAX:
			s.X = s.A
		case TXA:
			s.A = s.X
		case Div, DivX:
			if operand == 0 {
				s.A = 0
				visitState(visit, at, &s)
				return seccomp.KillThread
			}
			s.A /= operand
		default:
			s.A = arithmetic(i.Code, s.A, operand)
		}
		visitState(visit, at, &s)
	}
	return seccomp.KillProcess // the zero Filter: no verified program gets here
}

func visitState(visit func(Step), pc int, s *State) {
	if visit != nil {
		visit(Step{PC: pc, State: *s})
	}
}

// skip is the number of instructions that a conditional jump passes over.
func (i *Instruction) skip(holds bool) int {
	if holds {
		return int(i.JT)
	}
	return int(i.JF)
}

// arithmetic is the result of an ALU operation other than a division.
func arithmetic(code uint16, a, operand uint32) uint32 {
	switch code &^ SourceX {
	case Add:
		return a + operand
	case Sub:
		return a - operand
	case Mul:
		return a * operand
	case Or:
		return a | operand
	case And:
		return a & operand
	case Lsh:
		return a << (operand % 32)
	case Rsh:
		return a >> (operand % 32)
	case Xor:
		return a ^ operand
	}
	return -a // Neg
}

// word is the word of d at byte offset off, a multiple of 4 below 64.
func (f *Filter) word(d *seccomp.Data, off uint32) uint32 {
	var v uint64
	switch {
	case off == seccomp.OffsetNR:
		return d.NR
	case off == seccomp.OffsetArch:
		return d.Arch
	case off < seccomp.OffsetArgs:
		v = d.IP
	default:
		v = d.Args[(off-seccomp.OffsetArgs)/8%6]
	}
	if (off%8 == 0) == f.big {
		v >>= 32
	}
	return uint32(v)
}

// bigEndian asks instead of comparing, for the sake of binary.NativeEndian.
func bigEndian(order binary.ByteOrder) bool { return order.Uint16(orderProbe) == 1 }

var orderProbe = []byte{0, 1}
