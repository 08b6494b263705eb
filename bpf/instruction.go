package bpf

import (
	"encoding/binary"
	"fmt"

	"github.com/callgate/callgate/seccomp"
)

// Limits of a filter (linux/bpf_common.h, linux/filter.h).
const (
	MaxInstructions = 4096 // BPF_MAXINSNS
	MemoryCells     = 16   // BPF_MEMWORDS
	MaxOffset       = 255  // of a conditional jump; JumpAlways has 32 bits
)

// maxProgram is the length that struct sock_fprog has room for. It bounds the
// memory that reading a program takes.
const maxProgram = 1<<16 - 1

// InstructionSize is the size in bytes of struct sock_filter.
const InstructionSize = 8

// Instruction is struct sock_filter. Every value can be printed, assembled
// and encoded; [Program.Verify] tells which ones the kernel accepts.
type Instruction struct {
	Code   uint16 // one of the opcodes of this package
	JT, JF uint8  // offsets of a conditional jump: where the test holds, and where not
	K      uint32 // operand, by opcode
}

// Program is a filter: struct sock_fprog.
type Program []Instruction

// Stmt is an instruction that is not a conditional jump.
func Stmt(code uint16, k uint32) Instruction { return Instruction{Code: code, K: k} }

// Jump is a conditional jump that compares A with k, or with X where code
// says so: it skips jt instructions if the test holds and jf if not.
func Jump(code uint16, k uint32, jt, jf uint8) Instruction {
	return Instruction{Code: code, JT: jt, JF: jf, K: k}
}

// LoadWord loads the word at byte offset off of struct seccomp_data into A:
// [seccomp.OffsetNR], [seccomp.OffsetArch], or an offset that
// [seccomp.ArgOffsets] gives.
func LoadWord(off uint32) Instruction { return Stmt(LoadAbs, off) }

// Goto skips n instructions.
func Goto(n uint32) Instruction { return Stmt(JumpAlways, n) }

// Ret ends the program with verdict a.
func Ret(a seccomp.Action) Instruction { return Stmt(Return, uint32(a)) }

// Allowed reports whether the kernel knows and allows the opcode of i. It
// says nothing of the other fields.
func (i Instruction) Allowed() bool { return shapeOf(i.Code)&allowed != 0 }

// IsJump reports whether i is a conditional jump, the only kind of
// instruction that JT and JF matter to.
func (i Instruction) IsJump() bool { return shapeOf(i.Code)&usesJ != 0 }

// IsReturn reports whether i ends the program.
func (i Instruction) IsReturn() bool { return i.Code == Return || i.Code == ReturnA }

// ReadsK reports whether K means something to i. Where it does not, the
// kernel accepts any value and ignores it.
func (i Instruction) ReadsK() bool { return shapeOf(i.Code)&usesK != 0 }

// ReadsX reports whether register X is the operand of i. [StoreX] and [TXA],
// which copy X, are not meant.
func (i Instruction) ReadsX() bool { return shapeOf(i.Code)&usesX != 0 }

// Encode is p as an array of struct sock_filter on a machine of the given
// byte order.
func Encode(p Program, order binary.ByteOrder) []byte {
	b := make([]byte, len(p)*InstructionSize)
	for n, i := range p {
		at := b[n*InstructionSize:]
		order.PutUint16(at, i.Code)
		at[2], at[3] = i.JT, i.JF
		order.PutUint32(at[4:], i.K)
	}
	return b
}

// Decode reads an array of struct sock_filter of a machine of the given byte
// order. It fails only where b does not have a whole number of instructions,
// or more of them than struct sock_fprog can tell the kernel (65,535);
// whether the kernel would accept the program is for [Program.Verify] to say.
func Decode(b []byte, order binary.ByteOrder) (Program, error) {
	if len(b)%InstructionSize != 0 {
		return nil, fmt.Errorf("bpf: %d bytes are not a whole number of %d-byte instructions: the file is cut short or is no raw filter",
			len(b), InstructionSize)
	}
	if n := len(b) / InstructionSize; n > maxProgram {
		return nil, fmt.Errorf("bpf: %d instructions: no filter is longer than %d: the file is no raw filter", n, maxProgram)
	}
	p := make(Program, len(b)/InstructionSize)
	for n := range p {
		at := b[n*InstructionSize:]
		p[n] = Instruction{Code: order.Uint16(at), JT: at[2], JF: at[3], K: order.Uint32(at[4:])}
	}
	return p, nil
}
