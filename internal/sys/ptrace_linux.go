package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ptrace is ptrace(2) with two plain values.
func Ptrace(request, pid int, addr, data uintptr) (int, unix.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), addr, data, 0, 0)
	return int(r), errno
}

// PtraceEventMsg is PTRACE_GETEVENTMSG.
func PtraceEventMsg(pid int) (uint64, unix.Errno) {
	var msg uintptr
	errno := ptrace(unix.PTRACE_GETEVENTMSG, pid, 0, unsafe.Pointer(&msg))
	return uint64(msg), errno
}

// PtraceFilter is PTRACE_SECCOMP_GET_FILTER: the filter of the given index,
// from 0, in the order of their installation.
func PtraceFilter(pid, index int) ([]SockFilter, unix.Errno) {
	n, errno := Ptrace(unix.PTRACE_SECCOMP_GET_FILTER, pid, uintptr(index), 0)
	if errno != 0 || n == 0 {
		return nil, errno
	}
	prog := make([]SockFilter, n)
	errno = ptrace(unix.PTRACE_SECCOMP_GET_FILTER, pid, uintptr(index), unsafe.Pointer(unsafe.SliceData(prog)))
	return prog, errno
}

func ptrace(request, pid int, addr uintptr, data unsafe.Pointer) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), addr, uintptr(data), 0, 0)
	return errno
}

// SyscallInfo is struct ptrace_syscall_info. Data is the number and the
// arguments at an entry; the result and whether it is an error at an exit.
type SyscallInfo struct {
	Op   uint8
	_    [3]uint8
	Arch uint32
	IP   uint64
	SP   uint64
	Data [8]uint64
}

// The values of SyscallInfo.Op.
const (
	SyscallInfoNone  = 0
	SyscallInfoEntry = 1
	SyscallInfoExit  = 2
)

// PtraceSyscallInfo is PTRACE_GET_SYSCALL_INFO, of Linux 5.3.
func PtraceSyscallInfo(tid int) (SyscallInfo, unix.Errno) {
	var info SyscallInfo
	errno := ptrace(unix.PTRACE_GET_SYSCALL_INFO, tid, unsafe.Sizeof(info), unsafe.Pointer(&info))
	return info, errno
}

// Siginfo is the beginning of siginfo_t.
type Siginfo struct{ Signo, Errno, Code int32 }

// PtraceSiginfo is PTRACE_GETSIGINFO.
func PtraceSiginfo(tid int) (Siginfo, unix.Errno) {
	var buf [128]byte // sizeof(siginfo_t)
	errno := ptrace(unix.PTRACE_GETSIGINFO, tid, 0, unsafe.Pointer(&buf))
	info := *(*Siginfo)(unsafe.Pointer(&buf))
	return info, errno
}

// ReadMemory is process_vm_readv of one range.
func ReadMemory(pid int, p []byte, addr uint64) (int, error) {
	local := []unix.Iovec{{Base: unsafe.SliceData(p)}}
	local[0].SetLen(len(p))
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(p)}}
	return unix.ProcessVMReadv(pid, local, remote, 0)
}

// PtraceSigmask is PTRACE_GETSIGMASK and PTRACE_SETSIGMASK: it sets the mask
// of blocked signals of a thread and returns the one before.
func PtraceSigmask(tid int, mask uint64) (before uint64, err error) {
	const size = 8 // the kernel's sigset_t
	if errno := ptrace(unix.PTRACE_GETSIGMASK, tid, size, unsafe.Pointer(&before)); errno != 0 {
		return 0, errno
	}
	if errno := ptrace(unix.PTRACE_SETSIGMASK, tid, size, unsafe.Pointer(&mask)); errno != 0 {
		return 0, errno
	}
	return before, nil
}
