//go:build amd64 || arm64 || 386

package bpf_test

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	. "github.com/callgate/callgate/bpf"
	"golang.org/x/sys/unix"
)

// threadChild installs q on a thread of its own, makes a call there, and
// reports on standard output in the form that runChild reads. It succeeds
// where the thread ends and the process does not.
func threadChild(q Program) int {
	tid := make(chan int)
	go sacrifice(q, tid)
	task := fmt.Sprintf("/proc/self/task/%d", <-tid)
	for range 1000 {
		if _, err := os.Stat(task); os.IsNotExist(err) {
			fmt.Println("{}")
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "the thread lives")
	return 1
}

// sacrifice tells its thread and makes a call under q. It moves on from the
// first thread of the process, which stays visible after its end.
func sacrifice(q Program, tid chan<- int) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		go sacrifice(q, tid)
		select {}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	tid <- unix.Gettid()
	fprog := unix.SockFprog{Len: uint16(len(q)), Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(q)))}
	const setModeFilter = 1
	if _, _, errno := syscall.Syscall(unix.SYS_SECCOMP, setModeFilter, 0, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		fmt.Fprintln(os.Stderr, errno)
		os.Exit(2)
	}
	syscall.Syscall(unix.SYS_GETPPID, 0, 0, 0) // through the scheduler, which then takes the thread for blocked
}
