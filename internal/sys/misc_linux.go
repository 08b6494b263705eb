package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Prctl is prctl(2) with up to two plain values; the others are 0.
func Prctl(option int, arg2, arg3 uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, uintptr(option), arg2, arg3, 0, 0, 0)
	return errno
}

// BPFNothing is bpf(BPF_MAP_CREATE) of a map without a type, which cannot be
// made: EINVAL says that bpf(2) is there and permitted.
func BPFNothing() unix.Errno {
	var attr [8]uint64
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_MAP_CREATE, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	return errno
}

// ListModules is lsm_list_modules(2): the LSM_ID_* of the active security
// modules.
func ListModules() ([]uint64, unix.Errno) {
	var ids [32]uint64
	size := uint32(unsafe.Sizeof(ids))
	n, _, errno := unix.Syscall(unix.SYS_LSM_LIST_MODULES, uintptr(unsafe.Pointer(&ids)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return nil, errno
	}
	return ids[:min(int(n), len(ids))], 0
}
