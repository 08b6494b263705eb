//go:build amd64 || arm64 || 386

package tracee

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
)

func (t *tracee) detach() (err error) {
	t.do(func() {
		if t.ended || t.free {
			return
		}
		if err = t.leave(); err == nil {
			err = t.release()
		}
		t.free = true
		if errors.Is(err, ErrEnded) {
			err = nil // which Wait tells
		}
	})
	return err
}

// release lets go of everything that is traced.
func (t *tracee) release() error {
	for _, th := range t.threads {
		t.letGo(th)
	}
	for len(t.threads) > 0 {
		th, _, err := t.next()
		if err != nil {
			return err
		}
		if th != nil {
			t.letGo(th)
		}
		for _, other := range t.threads { // those that are new
			if !other.leaving {
				t.letGo(other)
			}
		}
	}
	return nil
}

// letGo detaches from a thread that is held, and interrupts one that is not.
// One that is killed meanwhile stops once more, as it ends, and is let go
// then: nobody else could.
func (t *tracee) letGo(th *thread) {
	th.leaving = true
	if !th.stopped {
		_, _ = sys.Ptrace(unix.PTRACE_INTERRUPT, th.tid, 0, 0)
		return
	}
	th.stopped = false
	if _, errno := sys.Ptrace(unix.PTRACE_DETACH, th.tid, 0, uintptr(th.signal)); errno == 0 {
		delete(t.threads, th.tid)
	}
}

func (t *tracee) wait(blocked func(Blocked)) (status syscall.WaitStatus, err error) {
	t.do(func() {
		t.blocked = blocked
		if !t.ended {
			err = t.toEnd(unix.PTRACE_CONT, func(*thread, event) bool { return false })
		}
		status = syscall.WaitStatus(t.status)
	})
	return status, err
}

// toEnd lets the process and its children go on by a request, stop by stop,
// until the process has ended.
func (t *tracee) toEnd(how int, stop func(*thread, event) bool) error {
	if t.free {
		return t.reap()
	}
	if err := t.leave(); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	t.follow, t.how = true, how
	t.resumeHeld()
	if err := t.until(stop); !errors.Is(err, ErrEnded) {
		return err
	}
	t.free = true
	if err := t.release(); !errors.Is(err, ErrEnded) { // children that live on
		return err
	}
	return nil
}

// reap waits for the process as its parent. One that has asked since to be
// traced by its parent, which is this thread, is let go at its first stop:
// nobody else could make it go on.
func (t *tracee) reap() error {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(t.pid, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case status.Exited() || status.Signaled():
			t.end(status)
			return nil
		case status.Stopped():
			signal := status.StopSignal()
			if info, errno := sys.PtraceSiginfo(t.pid); signal == unix.SIGTRAP && errno == 0 && info.Code == 0 {
				signal = 0 // by exec, as one that kill sends
			}
			_, _ = sys.Ptrace(unix.PTRACE_DETACH, t.pid, 0, uintptr(signal))
		}
	}
}

// signal may be called while the tracer's thread waits. The process's number
// stays its own until it is waited for, which end notes.
func (t *tracee) signal(s syscall.Signal) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil
	}
	return unix.Kill(t.pid, s)
}

func (t *tracee) close() error {
	t.do(func() {
		if t.pid != 0 && !t.ended {
			_ = unix.Kill(t.pid, unix.SIGKILL)
			if t.free {
				_ = t.reap()
			} else {
				t.resumeHeld()
				_ = t.until(func(*thread, event) bool { return false })
			}
		}
		if t.image != nil {
			_ = t.image.closer.Close()
		}
	})
	close(t.jobs)
	return nil
}
