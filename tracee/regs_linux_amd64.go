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
func supported(abi seccomp.ABI) bool { return abi == seccomp.X86_64 || abi == seccomp.X86 }

// callInstruction is the one that makes a system call through the ABI, and
// the alignment that it has.
func callInstruction(abi seccomp.ABI) (code []byte, align int) {
	if abi == seccomp.X86 {
		return []byte{0xcd, 0x80}, 1 // int $0x80
	}
	return []byte{0x0f, 0x05}, 1 // syscall
}

// registers are the general registers of a thread, in the layout of 64 bits
// for a thread of 32 bits too: that is what PTRACE_GETREGS gives, and not
// PTRACE_GETREGSET.
type registers struct{ raw unix.PtraceRegsAmd64 }

func getRegisters(tid int) (registers, error) {
	var r registers
	err := unix.PtraceGetRegsAmd64(tid, &r.raw)
	return r, err
}

func (r registers) set(tid int) error { return unix.PtraceSetRegsAmd64(tid, &r.raw) }

func (r registers) pc() uint64 { return r.raw.Rip }

func (r registers) sp() uint64 { return r.raw.Rsp }

func (r *registers) setPC(pc uint64) { r.raw.Rip = pc }

// params are the first parameters of a function of C that is about to be
// called. On 32 bits they lie on the stack, from its top on.
func (r registers) params(abi seccomp.ABI, mem memory) [3]uint64 {
	if abi == seccomp.X86 {
		return mem.words32(r.raw.Rsp)
	}
	return [3]uint64{r.raw.Rdi, r.raw.Rsi, r.raw.Rdx}
}

// setCall makes the registers those of a system call that is about to be
// made. The number -1 of the call that was made last keeps the kernel from
// starting that anew.
func (r *registers) setCall(abi seccomp.ABI, nr uint32, args [6]uint64) {
	r.raw.Rax, r.raw.Orig_rax = uint64(nr), ^uint64(0)
	if abi == seccomp.X86 {
		r.raw.Rbx, r.raw.Rcx, r.raw.Rdx = args[0], args[1], args[2]
		r.raw.Rsi, r.raw.Rdi, r.raw.Rbp = args[3], args[4], args[5]
		return
	}
	r.raw.Rdi, r.raw.Rsi, r.raw.Rdx = args[0], args[1], args[2]
	r.raw.R10, r.raw.R8, r.raw.R9 = args[3], args[4], args[5]
}

// call is the system call that the thread is in; the number is -1 where it is
// in none.
func (r registers) call(abi seccomp.ABI) (nr uint32, args [6]uint64) {
	if abi == seccomp.X86 {
		low := func(v uint64) uint64 { return uint64(uint32(v)) }
		return uint32(r.raw.Orig_rax), [6]uint64{
			low(r.raw.Rbx), low(r.raw.Rcx), low(r.raw.Rdx),
			low(r.raw.Rsi), low(r.raw.Rdi), low(r.raw.Rbp),
		}
	}
	return uint32(r.raw.Orig_rax), [6]uint64{r.raw.Rdi, r.raw.Rsi, r.raw.Rdx, r.raw.R10, r.raw.R8, r.raw.R9}
}

// result is what the last system call returned.
func (r registers) result(abi seccomp.ABI) int64 {
	if abi == seccomp.X86 {
		return int64(int32(r.raw.Rax))
	}
	return int64(r.raw.Rax)
}
