package kernel

import (
	"context"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
)

// filters does all of its work on one thread, as ptrace demands. The thread is
// not given back: its end detaches from the process in any case, also where
// ctx ended the wait.
func filters(ctx context.Context, pid int) ([]bpf.Program, error) {
	type result struct {
		programs []bpf.Program
		err      error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		programs, err := readFilters(ctx, pid)
		done <- result{programs, err}
	}()
	r := <-done
	return r.programs, r.err
}

func readFilters(ctx context.Context, tid int) ([]bpf.Program, error) {
	if _, errno := sys.Ptrace(unix.PTRACE_SEIZE, tid, 0, 0); errno != 0 {
		return nil, attachError(tid, errno)
	}
	if _, errno := sys.Ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0); errno != 0 {
		return nil, attachError(tid, errno)
	}
	sig, err := awaitStop(ctx, tid)
	if err != nil {
		return nil, err
	}
	defer sys.Ptrace(unix.PTRACE_DETACH, tid, 0, uintptr(sig))

	var programs []bpf.Program
	for {
		raw, errno := sys.PtraceFilter(tid, len(programs))
		switch {
		case errno == unix.ENOENT || errno == unix.EINVAL && len(programs) == 0 && unfiltered(tid):
			return programs, nil // there is no further filter, or none at all
		case errno != 0:
			return nil, filterError(errno)
		}
		programs = append(programs, toProgram(raw))
	}
}

func unfiltered(tid int) bool {
	s, err := ReadStatus(tid)
	return err == nil && s.Mode != ModeFilter
}

// awaitStop waits until the thread is held, and returns the signal that was
// about to be delivered to it and must be passed on; 0 where there is none.
func awaitStop(ctx context.Context, tid int) (syscall.Signal, error) {
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		var status unix.WaitStatus
		got, err := unix.Wait4(tid, &status, unix.WNOHANG|unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, &Error{Op: opFilters, Errno: err.(unix.Errno), Reason: "the process ended"}
		case got == tid && status.Stopped():
			if status>>16 != 0 { // an event, which has no signal to pass on
				return 0, nil
			}
			return status.StopSignal(), nil
		case got == tid:
			return 0, &Error{Op: opFilters, Errno: unix.ESRCH, Reason: "the process ended"}
		}
		select {
		case <-ctx.Done():
			return 0, &Error{Op: opFilters, Reason: "the thread does not stop", Err: context.Cause(ctx)}
		case <-time.After(pause):
		}
	}
}

func toProgram(raw []sys.SockFilter) bpf.Program {
	p := make(bpf.Program, len(raw))
	for i, ins := range raw {
		p[i] = bpf.Instruction(ins)
	}
	return p
}

const opFilters = "read the filters of a process"

func attachError(tid int, errno unix.Errno) error {
	e := &Error{Op: opFilters, Errno: errno}
	switch status, err := ReadStatus(tid); {
	case errno == unix.ESRCH || err != nil:
		e.Reason = "there is no such process"
	case status.Tracer != 0:
		e.Reason = "another process traces it, and there can be only one: see TracerPid in /proc/PID/status"
	case errno == unix.EPERM:
		e.Reason = "ptrace of it is not permitted: this needs CAP_SYS_PTRACE, and CAP_SYS_ADMIN for the filters; see also /proc/sys/kernel/yama/ptrace_scope"
	}
	return e
}

func filterError(errno unix.Errno) error {
	e := &Error{Op: opFilters, Errno: errno}
	switch errno {
	case unix.EACCES:
		e.Reason = "the caller must have CAP_SYS_ADMIN and no filter of its own"
	case unix.EIO, unix.EINVAL:
		e.Reason = "the kernel is older, or built without CONFIG_CHECKPOINT_RESTORE"
		e.Since, e.Missing = version(4, 4), true
	case unix.EMEDIUMTYPE:
		e.Reason = "it is not classic BPF"
	}
	return e
}
