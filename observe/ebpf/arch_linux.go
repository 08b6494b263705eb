//go:build amd64 || arm64

package ebpf

import (
	"math"

	"github.com/callgate/callgate/seccomp"
)

// arch is what the programs need to know of an architecture: where the kernel
// keeps a call in struct pt_regs, which is the same in every kernel, and how
// it tells calls of 32 bits.
type arch struct {
	native, compat seccomp.ABI
	// x32 is the ABI of native calls with bit 30; 0 where there is none.
	x32 seccomp.ABI
	// nr is where the number is; the lower 32 bits count.
	nr int16
	// args and compatArgs are where the arguments are, at the end of a call
	// as at its beginning.
	args, compatArgs [6]int16
	// rolledBack is what the result becomes where a filter answers TRAP or
	// KILL (syscall_rollback in asm/syscall.h).
	rolledBack int16
	// compatField is the member of thread_info with the bit compatMask, set
	// while a call of 32 bits is made.
	compatField string
	compatMask  int32
	// modeReg is where the mode of the processor is; it is that of 32 bits
	// where the bits modeMask are modeCompat.
	modeReg              int16
	modeMask, modeCompat int32
	// modeExact says that the mode tells the ABI of every call.
	modeExact bool
}

var archs = map[string]arch{
	"amd64": { // arch/x86/include/asm/ptrace.h, thread_info.h, segment.h
		native: seccomp.X86_64, compat: seccomp.X86, x32: seccomp.X32,
		nr:          15 * 8,
		args:        [6]int16{14 * 8, 13 * 8, 12 * 8, 7 * 8, 9 * 8, 8 * 8},
		compatArgs:  [6]int16{5 * 8, 11 * 8, 12 * 8, 13 * 8, 14 * 8, 4 * 8},
		rolledBack:  15 * 8,
		compatField: "status", compatMask: 2, // TS_COMPAT
		modeReg: 17 * 8, modeMask: math.MaxUint16, modeCompat: 0x23, // __USER32_CS
	},
	"arm64": { // arch/arm64/include/asm/ptrace.h, thread_info.h
		native: seccomp.AARCH64, compat: seccomp.ARM,
		nr:          35 * 8,
		args:        [6]int16{34 * 8, 1 * 8, 2 * 8, 3 * 8, 4 * 8, 5 * 8}, // the first as orig_x0
		compatArgs:  [6]int16{34 * 8, 1 * 8, 2 * 8, 3 * 8, 4 * 8, 5 * 8},
		rolledBack:  34 * 8,
		compatField: "flags", compatMask: 1 << 22, // TIF_32BIT
		modeReg: 33 * 8, modeMask: 0x10, modeCompat: 0x10, modeExact: true, // PSR_MODE32_BIT
	},
}
