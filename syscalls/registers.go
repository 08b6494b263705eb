package syscalls

import (
	"encoding/binary"
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// variant is a row of the generated table: the arguments of call id on the
// ABIs of a set (bit N for ABI N) are argTable[first:past].
type variant struct {
	id          uint16
	abis        uint32
	first, past uint16
}

// maxRegisters is how many argument registers struct seccomp_data has.
const maxRegisters = 6

// Registers tells what each argument register carries when abi makes the named
// call directly: entry i is register i, as a filter sees it. It is empty where
// the call takes no arguments, and nil where the ABI, the name or its
// arguments are unknown.
//
// It differs from [Args] where an architecture has its own order or types
// (clone, the 16-bit user ids of 32-bit x86), and for [Wide] arguments on ABIs
// with 32-bit registers: they come as [WideLow] and [WideHigh] in the byte
// order of the machine, on some ABIs in an even and an odd register with an
// [Unused] one before. What does not fit in six registers is left out.
func Registers(abi seccomp.ABI, name string) []Arg {
	id, ok := lookup(name)
	if !ok || !abi.Valid() || isOpaque(id) {
		return nil
	}
	regs := make([]Arg, 0, maxRegisters+2)
	for _, a := range argsOn(abi, id) {
		if a.Kind == Wide && registerBits(abi) == 32 {
			regs = appendWide(regs, abi, a)
			continue
		}
		regs = append(regs, a)
	}
	return regs[:min(len(regs), maxRegisters)]
}

// argsOn is the part of argTable with the arguments of call id on abi.
func argsOn(abi seccomp.ABI, id int) []Arg {
	i, _ := slices.BinarySearchFunc(variants[:], id, func(v variant, id int) int {
		return int(v.id) - id
	})
	for ; i < len(variants) && int(variants[i].id) == id; i++ {
		if v := variants[i]; v.abis>>abi&1 != 0 {
			return argTable[v.first:v.past]
		}
	}
	return defaultArgs(id)
}

// appendWide adds the two halves of a to the registers before it. Which ABIs
// want an even register first is in syscall(2), "Architecture-specific
// requirements".
func appendWide(regs []Arg, abi seccomp.ABI, a Arg) []Arg {
	switch abi {
	case seccomp.ARM, seccomp.MIPS, seccomp.MIPSEL, seccomp.PPC:
		if len(regs)%2 == 1 {
			regs = append(regs, Arg{Kind: Unused})
		}
	}
	low, high := a, a
	low.Kind, high.Kind = WideLow, WideHigh
	if abi.ByteOrder() == binary.ByteOrder(binary.BigEndian) {
		return append(regs, high, low)
	}
	return append(regs, low, high)
}
