//go:build amd64 || arm64 || 386

package tracee

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/seccomp"
)

// This file follows a program call by call. Each call stops its thread at its
// entry, before the kernel runs any filter on it, and at its exit, which a
// stopped call reaches as well. What the installed filters answer is
// known at the entry, where their program is run on the call; what the kernel
// did is known
//
//   - at the exit for ERRNO, and for TRACE and NOTIFY, which fail with ENOSYS
//     as nobody is there to ask: the result is the errno,
//   - from the SIGSYS that comes after the exit for TRAP with a handler,
//   - when the thread ends for TRAP without one and for KILL.
//
// A call that the filters allow costs two stops of about two system calls of
// the tracer each, and one run of their programs.

func (t *tracee) watch(blocked func(Blocked)) (status syscall.WaitStatus, err error) {
	t.do(func() {
		if err = t.canWatch(); err != nil {
			return
		}
		t.blocked = blocked
		if !t.ended {
			err = t.toEnd(unix.PTRACE_SYSCALL, func(th *thread, e event) bool {
				t.watchStop(th, e)
				return false
			})
		}
		status = syscall.WaitStatus(t.status)
	})
	return status, err
}

func (t *tracee) canWatch() error {
	if t.free && !t.ended {
		return errors.New("the program has been let go, so that its calls cannot be followed")
	}
	for _, th := range t.threads {
		if _, errno := sys.PtraceSyscallInfo(th.tid); errno == unix.EIO {
			return fmt.Errorf("following calls needs PTRACE_GET_SYSCALL_INFO of Linux 5.3: %w", errors.ErrUnsupported)
		}
	}
	return nil
}

// watchStop looks for the answer to a call in one stop of a thread.
func (t *tracee) watchStop(th *thread, e event) {
	switch {
	case e.kind == gotSignal && e.signal == unix.SIGSYS && !th.trapped && byFilter(th.tid):
		if b, ok := t.stopped(th); ok {
			b.Other = b.Action.Kind() != seccomp.Trap
			th.pending = nil
			t.blocked(b)
		}
	case e.kind == gotSyscall:
		info, errno := sys.PtraceSyscallInfo(th.tid)
		switch {
		case errno != 0: // it was killed meanwhile
		case info.Op == sys.SyscallInfoEntry && t.watcher != nil:
			t.enters(th, info)
		case info.Op == sys.SyscallInfoEntry:
			t.entering(th, info)
		case info.Op == sys.SyscallInfoExit && th.pending != nil:
			t.returning(th, int64(info.Data[0]))
		}
	}
}

// entering asks the filters about a call that is about to be made.
func (t *tracee) entering(th *thread, info sys.SyscallInfo) {
	th.pending = nil
	d := seccomp.Data{NR: uint32(info.Data[0]), Arch: info.Arch, IP: info.IP, Args: [6]uint64(info.Data[1:7])}
	action := t.answer(d)
	if action == seccomp.Allow {
		return
	}
	b := t.describe(th, d, action)
	if action == seccomp.Log { // its memory, or the thread, may be gone at the exit
		t.blocked(b)
		return
	}
	th.pending = &b
}

// returning compares the result of a call with the answer to it.
func (t *tracee) returning(th *thread, result int64) {
	b, want := *th.pending, -int64(unix.ENOSYS)
	switch b.Action.Kind() {
	case seccomp.Err:
		want = -int64(b.Action.Data())
	case seccomp.Notify, seccomp.Trace:
	default: // the end, or a signal, will tell
		return
	}
	// A result that is no error is that of a call that another filter is
	// about to end the thread for, or that its listener answers.
	if b.Other = result != want; b.Other && !isError(result) {
		return
	}
	th.pending = nil
	t.blocked(b)
}

func isError(result int64) bool { return -seccomp.MaxErrno <= result && result < 0 }
