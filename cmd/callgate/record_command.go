package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/callgate/callgate/observe/notify"
	"github.com/callgate/callgate/observe/ptrace"
	"github.com/callgate/callgate/tracee"
)

// This file records a command, by the best recorder that there is: in the
// kernel, which needs privileges, by notifications, or by ptrace.

// The recorders that --recorder names.
const (
	recorderAuto   = "auto"
	recorderEBPF   = "ebpf"
	recorderNotify = "notify"
	recorderPtrace = "ptrace"
)

// startCommand starts a command under a recorder.
func (r *recordVerb) startCommand(args []string) (*workload, error) {
	path, err := lookUp(args[0])
	if err != nil {
		return nil, err
	}
	switch r.recorder {
	case recorderEBPF:
		return r.startCounted(path, args)
	case recorderNotify:
		return r.startNotifying(path, args)
	case recorderPtrace:
		return r.startTraced(path, args)
	}
	w, err := r.startCounted(path, args)
	if unavailable(err) {
		if os.Geteuid() == 0 {
			r.say("recording without eBPF, and more slowly: %v", err)
		}
		w, err = r.startNotifying(path, args)
	}
	if unavailable(err) || errors.Is(err, syscall.EBUSY) {
		w, err = r.startTraced(path, args)
	}
	return w, err
}

// unavailable reports whether a recorder cannot be used here, where another
// may.
func unavailable(err error) bool {
	var path *fs.PathError
	return (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, tracee.ErrTraced)) &&
		!(errors.As(err, &path) && path.Op == "exec")
}

// startCounted starts a command whose calls the kernel counts.
func (r *recordVerb) startCounted(path string, args []string) (*workload, error) {
	rec, err := r.openEBPF(0)
	if err != nil {
		return nil, err
	}
	w, err := r.startRecorded(rec, path, args, rec.FollowStart)
	if err != nil {
		return nil, errors.Join(err, rec.Close())
	}
	return w, nil
}

// startRecorded starts a program, which is held before its first instruction
// until follow has been told of it.
func (r *recordVerb) startRecorded(rec recorder, path string, args []string, follow func(pid int) error) (*workload, error) {
	held, err := tracee.Start(command(path, args), tracee.Options{ExitKill: true})
	if err != nil {
		return nil, notStarted(path, err)
	}
	if err := errors.Join(follow(held.PID()), held.Detach()); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	r.relay.to(held.Signal)
	w := &workload{recorder: rec, signal: held.Signal}
	w.waitFor(func() (syscall.WaitStatus, error) {
		status, err := held.Wait(nil)
		return status, errors.Join(err, held.Close())
	})
	return w, nil
}

// startNotifying starts a command under a filter that asks about each call.
func (r *recordVerb) startNotifying(path string, args []string) (*workload, error) {
	rec, err := notify.Start(command(path, args), notify.Options{Arguments: r.recordsArguments()})
	if err != nil {
		return nil, notStarted(path, err)
	}
	return r.recordedBy(rec), nil
}

// startTraced starts a command that is stopped at each call.
func (r *recordVerb) startTraced(path string, args []string) (*workload, error) {
	rec, err := ptrace.Start(command(path, args), ptrace.Options{Arguments: r.recordsArguments()})
	if err != nil {
		return nil, notStarted(path, err)
	}
	return r.recordedBy(rec), nil
}

// recordedBy is the workload of a recorder that has started a command itself.
func (r *recordVerb) recordedBy(rec interface {
	recorder
	Signal(syscall.Signal) error
	Wait() (syscall.WaitStatus, error)
}) *workload {
	w := &workload{recorder: rec, signal: rec.Signal}
	r.relay.to(rec.Signal)
	w.waitFor(rec.Wait)
	return w
}

// command is one that gets the place of callgate.
func command(path string, args []string) tracee.Command {
	return tracee.Command{Path: path, Args: args, Env: os.Environ(), FDs: []uintptr{0, 1, 2}}
}

// notStarted is the error of a command that could not be started.
func notStarted(path string, err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) && e.Op == "exec" {
		return cannotExecute(path, err)
	}
	if errors.Is(err, tracee.ErrTraced) {
		return &failure{
			status: statusTool,
			err:    fmt.Errorf("callgate is traced itself (strace, gdb, another recording): %w", err),
			hint:   "--recorder notify needs no tracing",
		}
	}
	return err
}
