//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// failed is the exit status of a child that could not set up the filter. No
// errno is as large.
const failed = 255

// tries are the calls that are made under the filter. They are raw: syscall's
// other functions tell the scheduler of a call, and it may then wait for
// another thread, by a call that is not allowed.
var tries = []struct {
	text string
	call func(buffer []byte) syscall.Errno
}{
	{"getpid()", func([]byte) syscall.Errno { return raw(syscall.SYS_GETPID, 0, nil) }},
	{"brk(NULL)", func([]byte) syscall.Errno { return raw(syscall.SYS_BRK, 0, nil) }},
	{"write(1, ..., 512)", func(b []byte) syscall.Errno { return raw(syscall.SYS_WRITE, 1, b[:512]) }},
	{"read(0, ..., 1)", func(b []byte) syscall.Errno { return raw(syscall.SYS_READ, 0, b[:1]) }},
	{"write(1, ..., 513)", func(b []byte) syscall.Errno { return raw(syscall.SYS_WRITE, 1, b[:513]) }},
	{"write(2, ..., 1)", func(b []byte) syscall.Errno { return raw(syscall.SYS_WRITE, 2, b[:1]) }},
	{"getppid()", func([]byte) syscall.Errno { return raw(syscall.SYS_GETPPID, 0, nil) }},
}

// filter is the policy in the words of the package.
func filter(abi seccomp.ABI) (*policy.Policy, error) {
	return policy.New(seccomp.KillProcess, abi).
		Allow("exit_group", "getpid", "brk").
		Rule(seccomp.Allow, "write", policy.Arg(0).EQ(1), policy.Arg(2).LE(512)).
		Deny(seccomp.EBADF, "read").
		Build()
}

// confine puts the filter on the calling thread alone: the runtime needs its
// other threads, and they need more than the policy allows.
func confine() error {
	abi, ok := seccomp.NativeABI(runtime.GOARCH)
	if !ok {
		return fmt.Errorf("no seccomp on %s", runtime.GOARCH)
	}
	p, err := filter(abi)
	if err != nil {
		return err
	}
	program, err := compile.Compile(p, compile.Options{})
	if err != nil {
		return err
	}
	return kernel.Install(program, kernel.InstallOptions{NoNewPrivs: true})
}

// confined reads twice, confines itself, makes a call and ends the process
// with the call's errno.
func confined(call func([]byte) syscall.Errno) {
	buffer := make([]byte, 1024)
	for range 2 {
		if n, err := syscall.Read(0, buffer[:1]); n != 1 {
			fmt.Fprintln(os.Stderr, "a read before the filter failed:", err)
			os.Exit(failed)
		}
	}
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(failed)
	}
	errno := call(buffer)
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
}

// raw makes a system call with a first argument and a buffer.
func raw(nr, first uintptr, buffer []byte) syscall.Errno {
	_, _, errno := syscall.RawSyscall(nr, first, uintptr(unsafe.Pointer(unsafe.SliceData(buffer))), uintptr(len(buffer)))
	return errno
}
