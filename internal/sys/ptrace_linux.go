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
	return prog, ptrace(unix.PTRACE_SECCOMP_GET_FILTER, pid, uintptr(index), unsafe.Pointer(unsafe.SliceData(prog)))
}

func ptrace(request, pid int, addr uintptr, data unsafe.Pointer) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), addr, uintptr(data), 0, 0)
	return errno
}
