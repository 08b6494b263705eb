package syscalls

import (
	"fmt"
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// Kind says how much of its register the kernel reads for an argument. A
// filter sees the whole register: a condition on an argument can be passed by
// what the kernel does not read.
type Kind uint8

// The kinds of arguments.
const (
	Int32    Kind = 1 + iota // the low 32 bits, signed: int, pid_t, clockid_t
	UInt32                   // the low 32 bits, unsigned: unsigned int, uid_t, u32
	UInt16                   // the low 16 bits: umode_t, user ids of old calls
	Long                     // the register, signed: long, off_t
	ULong                    // the register, unsigned: unsigned long
	Size                     // the register, a number of bytes or elements: size_t
	Pointer                  // the register, an address
	Wide                     // 64 bits on every ABI: loff_t, u64
	WideLow                  // the low half of a Wide argument (see Registers)
	WideHigh                 // its high half
	Unused                   // nothing: the kernel does not look at the register
)

var kindText = [...]string{
	Int32: "int32", UInt32: "uint32", UInt16: "uint16", Long: "long",
	ULong: "ulong", Size: "size", Pointer: "pointer", Wide: "wide",
	WideLow: "wide low", WideHigh: "wide high", Unused: "unused",
}

// String is the name of k in lower case.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindText) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindText[k]
}

// Bits is how many low bits of a register of abi the kernel reads for an
// argument of kind k: 0, 16, 32 or 64. Registers have 64 bits on x32 and on the
// n32 ABIs too, and most of their calls go to the same code as those of
// x86_64 and mips64. A [Wide] argument takes two registers where they have 32
// bits.
func (k Kind) Bits(abi seccomp.ABI) int {
	switch k {
	case Unused:
		return 0
	case UInt16:
		return 16
	case Int32, UInt32, WideLow, WideHigh:
		return 32
	}
	return registerBits(abi)
}

func registerBits(abi seccomp.ABI) int {
	switch abi {
	case seccomp.X32, seccomp.MIPS64N32, seccomp.MIPSEL64N32:
		return 64
	}
	return abi.WordBits()
}

// Signed reports whether the kernel reads the argument as a signed number.
func (k Kind) Signed() bool { return k == Int32 || k == Long }

// Arg is one argument of a system call as the kernel declares it.
type Arg struct {
	Name string // as in "flags"
	Type string // in C, as in "const char *"
	Kind Kind
}

// Args are the arguments of the named call as most 64-bit machines have them:
// empty where the call takes none, nil where the name or its arguments are
// unknown. What a register carries on one ABI is told by [Registers].
func Args(name string) []Arg {
	id, ok := lookup(name)
	if !ok || isOpaque(id) {
		return nil
	}
	return append([]Arg{}, defaultArgs(id)...)
}

func defaultArgs(id int) []Arg { return argTable[argStart[id]:argStart[id+1]] }

func isOpaque(id int) bool {
	_, found := slices.BinarySearch(opaque[:], uint16(id))
	return found
}
