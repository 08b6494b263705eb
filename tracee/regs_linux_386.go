package tracee

import (
	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/seccomp"
)

// breakpoint is the instruction int3. The processor has gone past it when it
// stops.
var breakpoint = []byte{0xcc}

const breakpointLength = 1

// supported reports whether programs of the ABI can be held on this host.
func supported(abi seccomp.ABI) bool { return abi == seccomp.X86 }

// callInstruction is the one that makes a system call, and the alignment that
// it has.
func callInstruction(seccomp.ABI) (code []byte, align int) { return []byte{0xcd, 0x80}, 1 }

// registers are the general registers of a thread.
type registers struct{ raw unix.PtraceRegs386 }

func getRegisters(tid int) (registers, error) {
	var r registers
	err := unix.PtraceGetRegs386(tid, &r.raw)
	return r, err
}

func (r registers) set(tid int) error { return unix.PtraceSetRegs386(tid, &r.raw) }

func (r registers) pc() uint64 { return uint64(uint32(r.raw.Eip)) }

func (r registers) sp() uint64 { return uint64(uint32(r.raw.Esp)) }

func (r *registers) setPC(pc uint64) { r.raw.Eip = int32(pc) }

// params are the first parameters of a function of C that is about to be
// called, from the top of the stack on.
func (r registers) params(_ seccomp.ABI, mem memory) [3]uint64 { return mem.words32(r.sp()) }

// setCall makes the registers those of a system call that is about to be
// made. The number -1 of the call that was made last keeps the kernel from
// starting that anew.
func (r *registers) setCall(_ seccomp.ABI, nr uint32, args [6]uint64) {
	r.raw.Eax, r.raw.Orig_eax = int32(nr), -1
	r.raw.Ebx, r.raw.Ecx, r.raw.Edx = int32(args[0]), int32(args[1]), int32(args[2])
	r.raw.Esi, r.raw.Edi, r.raw.Ebp = int32(args[3]), int32(args[4]), int32(args[5])
}

// call is the system call that the thread is in; the number is -1 where it is
// in none.
func (r registers) call(seccomp.ABI) (nr uint32, args [6]uint64) {
	for i, v := range [6]int32{r.raw.Ebx, r.raw.Ecx, r.raw.Edx, r.raw.Esi, r.raw.Edi, r.raw.Ebp} {
		args[i] = uint64(uint32(v))
	}
	return uint32(r.raw.Orig_eax), args
}

// result is what the last system call returned.
func (r registers) result(seccomp.ABI) int64 { return int64(r.raw.Eax) }
