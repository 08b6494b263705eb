package tracee

import (
	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/seccomp"
)

// breakpoint is the instruction brk #0. The processor stops at it.
var breakpoint = []byte{0x00, 0x00, 0x20, 0xd4}

const breakpointLength = 0

// supported reports whether programs of the ABI can be held on this host.
func supported(abi seccomp.ABI) bool { return abi == seccomp.AARCH64 }

// callInstruction is the one that makes a system call, svc #0, and the
// alignment that it has.
func callInstruction(seccomp.ABI) (code []byte, align int) {
	return []byte{0x01, 0x00, 0x00, 0xd4}, 4
}

// registers are the general registers of a thread.
type registers struct{ raw unix.PtraceRegsArm64 }

// prStatus is NT_PRSTATUS, the set of general registers.
const prStatus = 1

func getRegisters(tid int) (registers, error) {
	var r registers
	err := unix.PtraceGetRegSetArm64(tid, prStatus, &r.raw)
	return r, err
}

func (r registers) set(tid int) error { return unix.PtraceSetRegSetArm64(tid, prStatus, &r.raw) }

func (r registers) pc() uint64 { return r.raw.Pc }

func (r registers) sp() uint64 { return r.raw.Sp }

func (r *registers) setPC(pc uint64) { r.raw.Pc = pc }

// params are the first parameters of a function of C that is about to be
// called.
func (r registers) params(seccomp.ABI, memory) [3]uint64 { return [3]uint64(r.raw.Regs[:3]) }

// setCall makes the registers those of a system call that is about to be
// made.
func (r *registers) setCall(_ seccomp.ABI, nr uint32, args [6]uint64) {
	copy(r.raw.Regs[:], args[:])
	r.raw.Regs[8] = uint64(nr)
}

// call is the system call that the thread is in. The first argument is lost
// once the call has returned.
func (r registers) call(seccomp.ABI) (nr uint32, args [6]uint64) {
	return uint32(r.raw.Regs[8]), [6]uint64(r.raw.Regs[:6])
}

// result is what the last system call returned.
func (r registers) result(seccomp.ABI) int64 { return int64(r.raw.Regs[0]) }
