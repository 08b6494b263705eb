package bpf

import (
	"fmt"
	"syscall"

	"github.com/callgate/callgate/seccomp"
)

// Reason is why the kernel refuses a program. It is an error, so that
// errors.Is(err, bpf.UnsetCell) asks for it.
type Reason uint8

// The reasons for which the kernel refuses a program, always with EINVAL.
const (
	Empty        Reason = 1 + iota // there is no instruction
	TooLong                        // more than MaxInstructions
	BadOpcode                      // an opcode that is not one of this package's
	BadOffset                      // a load that is not aligned to 4 bytes or not below 64
	BadCell                        // a memory cell that is not below MemoryCells
	DivideByZero                   // a division by the constant 0
	ShiftTooFar                    // a shift by a constant of 32 or more
	JumpOutside                    // a jump behind the last instruction
	NoReturn                       // the last instruction is not a return
	UnsetCell                      // a memory cell is read that might not have been written
)

var reasonText = [...]string{
	Empty:        "the program is empty",
	TooLong:      "the program is too long",
	BadOpcode:    "opcode not allowed in a seccomp filter",
	BadOffset:    "load outside the words of struct seccomp_data",
	BadCell:      "no such memory cell",
	DivideByZero: "division by zero",
	ShiftTooFar:  "shift by more than 31 bits",
	JumpOutside:  "jump behind the end of the program",
	NoReturn:     "the last instruction is not a return",
	UnsetCell:    "memory cell is read before it is written",
}

// Error is the reason in a few words.
func (r Reason) Error() string {
	if r == 0 || int(r) >= len(reasonText) {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return reasonText[r]
}

// VerifyError says why the kernel would refuse a program. It matches, by
// errors.Is, its [Reason] and syscall.EINVAL, the error of the kernel.
type VerifyError struct {
	// PC is the index of the instruction that is wrong; -1 where it is the
	// program as a whole, for Empty and TooLong.
	PC          int
	Instruction Instruction // the one at PC
	Reason      Reason
	// Detail says what is wrong with this instruction and what would be
	// right.
	Detail string
}

// Error is one line: where, what, and what to do.
func (e *VerifyError) Error() string {
	if e.PC < 0 {
		return fmt.Sprintf("bpf: %v: %s", e.Reason, e.Detail)
	}
	return fmt.Sprintf("bpf: instruction %d (%v): %v: %s", e.PC, e.Instruction, e.Reason, e.Detail)
}

// Unwrap is the reason and the kernel's errno.
func (e *VerifyError) Unwrap() []error { return []error{e.Reason, syscall.EINVAL} }

// Verify reports whether the kernel would accept p as a seccomp filter: it
// returns nil exactly then, and a [*VerifyError] otherwise, about the first
// instruction that is wrong in itself, or else the last, or else the first
// read of an unset memory cell.
//
// Like the kernel it judges code that nothing reaches, too, and does not look
// at fields that an opcode does not use. It allocates nothing for a valid
// program and takes time linear in its length.
func (p Program) Verify() error {
	if len(p) == 0 {
		return &VerifyError{PC: -1, Reason: Empty, Detail: "a filter needs at least a return"}
	}
	if len(p) > MaxInstructions {
		return &VerifyError{PC: -1, Reason: TooLong,
			Detail: fmt.Sprintf("it has %d instructions, the kernel takes %d", len(p), MaxInstructions)}
	}
	for pc := range p {
		if reason := p.check(pc); reason != 0 {
			return p.refuse(pc, reason)
		}
	}
	if last := len(p) - 1; !p[last].IsReturn() {
		return p.refuse(last, NoReturn)
	}
	if pc := p.unsetCell(); pc >= 0 {
		return p.refuse(pc, UnsetCell)
	}
	return nil
}

// check judges the instruction at pc by itself.
func (p Program) check(pc int) Reason {
	i, rest := p[pc], uint32(len(p)-pc-1)
	switch i.Code {
	case LoadAbs:
		if i.K%4 != 0 || i.K >= seccomp.DataSize {
			return BadOffset
		}
	case LoadMem, LoadXMem, Store, StoreX:
		if i.K >= MemoryCells {
			return BadCell
		}
	case Div:
		if i.K == 0 {
			return DivideByZero
		}
	case Lsh, Rsh:
		if i.K >= 32 {
			return ShiftTooFar
		}
	case JumpAlways:
		if i.K >= rest {
			return JumpOutside
		}
	default:
		switch s := shapeOf(i.Code); {
		case s&allowed == 0:
			return BadOpcode
		case s&usesJ != 0 && uint32(max(i.JT, i.JF)) >= rest:
			return JumpOutside
		}
	}
	return 0
}

// unsetCell returns the first instruction that reads a memory cell which the
// kernel does not take for written, or -1. It walks the program once, as
// check_load_and_stores does, with the set of cells that are written on every
// way to the instruction. Jumps go forward only, so that every way has been
// seen. Two things follow from the kernel's method that a proper analysis
// would not give: after a jump, an instruction that nothing jumps to counts
// as having all cells written; but after a return the cells of the return
// flow on, as though it could be passed.
//
// All jumps must have been checked. The cost is linear.
func (p Program) unsetCell() int {
	var missing [MaxInstructions]uint16 // cells unset on some jump to the instruction
	var unset uint16 = 1<<MemoryCells - 1
	for pc, i := range p {
		unset |= missing[pc]
		switch i.Code {
		case Store, StoreX:
			unset &^= 1 << i.K
		case LoadMem, LoadXMem:
			if unset&(1<<i.K) != 0 {
				return pc
			}
		case JumpAlways:
			missing[pc+1+int(i.K)] |= unset
			unset = 0
		default:
			if i.IsJump() {
				missing[pc+1+int(i.JT)] |= unset
				missing[pc+1+int(i.JF)] |= unset
				unset = 0
			}
		}
	}
	return -1
}

func (p Program) refuse(pc int, reason Reason) error {
	return &VerifyError{PC: pc, Instruction: p[pc], Reason: reason, Detail: detail(p[pc], reason, len(p)-pc-1)}
}

// detail is the advice for one instruction with rest instructions behind it.
func detail(i Instruction, reason Reason, rest int) string {
	switch reason {
	case BadOpcode:
		return fmt.Sprintf("code %#04x is %s", i.Code, opcodeAdvice(i.Code))
	case BadOffset:
		return fmt.Sprintf("offset %d, want a multiple of 4 from 0 to %d", i.K, seccomp.DataSize-4)
	case BadCell:
		return fmt.Sprintf("cell %d, want 0 to %d", i.K, MemoryCells-1)
	case DivideByZero:
		return "the divisor must not be 0"
	case ShiftTooFar:
		return fmt.Sprintf("%d bits, want 0 to 31", i.K)
	case JumpOutside:
		far := i.K
		if i.IsJump() {
			far = uint32(max(i.JT, i.JF))
		}
		return fmt.Sprintf("it skips %d of the %d instructions that follow", far, rest)
	case NoReturn:
		return "end the program with a return of a constant or of A"
	case UnsetCell:
		return fmt.Sprintf("store to M[%d] first, on every way that leads here; a return just before this instruction counts as such a way", i.K)
	}
	return ""
}

// opcodeAdvice says what an opcode is that the kernel does not allow, and
// what does the same.
func opcodeAdvice(code uint16) string {
	if code > 0xff {
		return "no opcode of classic BPF"
	}
	switch code & ClassMask {
	case ClassLoad, ClassLoadX:
		switch mode := code & ModeMask; {
		case mode == ModeAbs || mode == ModeInd || mode == ModeMSH || mode == ModeLen:
			return "a load for packets; load whole words at constant offsets into A"
		}
	case ClassALU:
		if code&OpMask == OpMod {
			return "the modulo operation; divide, multiply and subtract, or mask by a power of 2"
		}
	case ClassRet:
		return "a return of X; copy it to A and return A"
	}
	return "no opcode of classic BPF"
}
