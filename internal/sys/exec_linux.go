package sys

import (
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Exec is seccomp(SECCOMP_SET_MODE_FILTER) and then execve(2) on the calling
// thread, with not one system call between or after; without instructions it
// is execve alone. It returns only where one of the two failed: the errno of
// the first, or that of the second. Where listener is not nil the descriptor
// that the first call returns is stored there, and the second waits until
// another thread has stored ListenerTaken.
//
// The strings must end with a zero byte, and argv and envp with a nil.
//
// Nothing else goes on in the program meanwhile that needs this thread: not a
// garbage collection, since the runtime does not know that the thread waits.
func Exec(flags uint32, prog []SockFilter, path *byte, argv, envp []*byte, listener *int32) (installed, executed unix.Errno) {
	filter := &sockFprog{len: uint16(len(prog)), filter: unsafe.SliceData(prog)}
	if len(prog) == 0 {
		filter = nil
	}
	a, b := installAndExec(uintptr(flags), unsafe.Pointer(filter), unsafe.Pointer(path),
		unsafe.Pointer(unsafe.SliceData(argv)), unsafe.Pointer(unsafe.SliceData(envp)), listener)
	runtime.KeepAlive(prog)
	return a, b
}

// ListenerTaken is stored where the descriptor of a listener was, which is
// never negative.
const ListenerTaken = -2

// installAndExec must not be preempted, and must not grow its stack: the
// runtime would make calls that the filter may stop.
//
//go:nosplit
func installAndExec(flags uintptr, fprog, path, argv, envp unsafe.Pointer, listener *int32) (installed, executed unix.Errno) {
	if fprog != nil {
		fd, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(fprog))
		if errno != 0 {
			return errno, 0
		}
		if listener != nil {
			atomic.StoreInt32(listener, int32(fd))
			for atomic.LoadInt32(listener) != ListenerTaken {
			}
		}
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(path), uintptr(argv), uintptr(envp))
	return 0, errno
}

// sigaction is the kernel's struct sigaction, or larger.
type sigaction [8]uintptr

const (
	numSignals = 64
	sigIgnore  = 1 // SIG_IGN
	sigsetSize = 8
)

// DefaultSignals gives every signal that has a handler its default action,
// which is what exec does a moment later. The runtime's own signal, SIGURG, is
// ignored then, so that no thread runs a handler any more.
func DefaultSignals() {
	handler := 0 // the word of sigaction
	if strings.HasPrefix(runtime.GOARCH, "mips") {
		handler = 1
	}
	for signal := 1; signal <= numSignals; signal++ {
		var old, none sigaction
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), 0, uintptr(unsafe.Pointer(&old)), sigsetSize, 0, 0)
		if errno == 0 && old[handler] > sigIgnore {
			_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&none)), 0, sigsetSize, 0, 0)
		}
	}
}
