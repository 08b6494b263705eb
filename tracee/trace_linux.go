//go:build amd64 || arm64 || 386

package tracee

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/seccomp"
)

// This file follows a program and all that it starts, until the last of it has
// ended or each part has been let go. Every new thread is the tracer's from
// its first instruction, whether or not its parent lived to tell of it.

func (t *tracee) trace(w Watcher) (err error) {
	t.do(func() {
		if err = t.canWatch(); err != nil || t.ended {
			return
		}
		t.watcher, t.blocked = &w, w.Blocked
		if t.blocked == nil {
			t.blocked = func(Blocked) {}
		}
		if err = t.leave(); err != nil && !errors.Is(err, unix.ESRCH) {
			return
		}
		t.follow, t.how = true, unix.PTRACE_SYSCALL
		t.resumeHeld()
		if err = t.traceAll(); errors.Is(err, ErrEnded) { // nothing is left
			t.free, err = true, nil
		}
	})
	return err
}

func (t *tracee) traceAll() error {
	for {
		th, e, err := t.next()
		switch {
		case err != nil:
			return err
		case th == nil:
			continue
		}
		t.watchStop(th, e)
		t.goOn(th)
	}
}

// enters tells of a call that is about to be made.
func (t *tracee) enters(th *thread, info sys.SyscallInfo) {
	t.watcher.Entered(th.tid, seccomp.Data{
		NR: uint32(info.Data[0]), Arch: info.Arch, IP: info.IP, Args: [6]uint64(info.Data[1:7]),
	})
}

// newcomer deals with a thread whose parent has not told of it yet.
func (t *tracee) newcomer(tid int) {
	th := &thread{tid: tid, process: processOf(tid), stopped: true}
	t.threads[tid] = th
	t.goOn(th)
}

// goOn lets a thread go on: for good where all are let go.
func (t *tracee) goOn(th *thread) {
	if t.released.Load() || th.leaving {
		t.letGo(th)
		return
	}
	t.resume(th)
}

func (t *tracee) releaseAll() { t.released.Store(true) }

func (w *Watcher) ended(status unix.WaitStatus) {
	if w.Ended != nil {
		w.Ended(syscall.WaitStatus(status))
	}
}
