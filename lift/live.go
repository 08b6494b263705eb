package lift

import "github.com/callgate/callgate/bpf"

// The registers of the machine: A, X and the memory cells.
const (
	regA         = 0
	regX         = 1
	numRegisters = 2 + bpf.MemoryCells
)

// memory is the register that is memory cell k.
func memory(k uint32) int { return 2 + int(k) }

// registers is a set of registers.
type registers uint32

// liveRegisters tells for each instruction which registers may still be read,
// by it or behind it, before they are written.
func liveRegisters(p bpf.Program) []registers {
	live := make([]registers, len(p))
	for pc := len(p) - 1; pc >= 0; pc-- {
		i := p[pc]
		var after registers
		switch {
		case i.IsReturn():
		case i.Code == bpf.JumpAlways:
			after = live[pc+1+int(i.K)]
		case i.IsJump():
			after = live[pc+1+int(i.JT)] | live[pc+1+int(i.JF)]
		default:
			after = live[pc+1]
		}
		reads, writes := effect(i)
		live[pc] = after&^writes | reads
	}
	return live
}

// effect tells which registers an instruction reads and which it writes.
func effect(i bpf.Instruction) (reads, writes registers) {
	const a, x = 1 << regA, 1 << regX
	if i.ReadsX() {
		reads |= x
	}
	switch i.Code & bpf.ClassMask {
	case bpf.ClassALU:
		return reads | a, a
	case bpf.ClassJump:
		if i.IsJump() {
			reads |= a
		}
		return reads, 0
	}
	switch i.Code {
	case bpf.LoadAbs, bpf.LoadImm, bpf.LoadLen:
		return 0, a
	case bpf.LoadMem:
		return 1 << memory(i.K), a
	case bpf.LoadXImm, bpf.LoadXLen:
		return 0, x
	case bpf.LoadXMem:
		return 1 << memory(i.K), x
	case bpf.Store:
		return a, 1 << memory(i.K)
	case bpf.StoreX:
		return x, 1 << memory(i.K)
	case bpf.TAX:
		return a, x
	case bpf.TXA:
		return x, a
	case bpf.ReturnA:
		return a, 0
	}
	return 0, 0
}
