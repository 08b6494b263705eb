package main

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/callgate/callgate/container"
	"github.com/callgate/callgate/observe/ebpf"
)

// target is what is to be recorded.
type target struct {
	words []string // as the user named it
	// widens says that the user named the profile under which the workload
	// runs, so that what this denies is to be allowed.
	widens bool
	start  func() (*workload, error)
}

// target is the one that the command line names.
func (r *recordVerb) target(args []string) (target, error) {
	switch {
	case r.container != "":
		return target{words: []string{"--container", r.container}, start: r.attachContainer}, nil
	case r.cgroup != "":
		return target{words: []string{"--cgroup", r.cgroup}, start: func() (*workload, error) {
			return r.attach(func(rec *ebpf.Recorder) error { return rec.FollowCgroup(r.cgroup) })
		}}, nil
	case r.pid != 0:
		return target{words: []string{"--pid", strconv.Itoa(r.pid)}, start: func() (*workload, error) {
			return r.attach(func(rec *ebpf.Recorder) error { return rec.FollowProcess(r.pid) })
		}}, nil
	}
	line, err := container.ParseCommand(args)
	if err == nil {
		return r.containerTarget(line)
	}
	if !errors.Is(err, container.ErrNoContainer) {
		return target{}, usage(err, "")
	}
	return target{words: args, start: func() (*workload, error) { return r.startCommand(args) }}, nil
}

// openEBPF loads the recorder that can record anything.
func (r *recordVerb) openEBPF(mark uint64) (*ebpf.Recorder, error) {
	return ebpf.Open(ebpf.Options{Mark: mark, Arguments: r.recordsArguments()})
}

// attach records what runs already.
func (r *recordVerb) attach(follow func(*ebpf.Recorder) error) (*workload, error) {
	rec, err := r.openEBPF(0)
	if err != nil {
		return nil, err
	}
	if err := follow(rec); err != nil {
		return nil, errors.Join(err, rec.Close())
	}
	return &workload{recorder: rec}, nil
}

// startCommand starts a command under the recorder.
func (r *recordVerb) startCommand(args []string) (*workload, error) {
	path, err := lookUp(args[0])
	if err != nil {
		return nil, err
	}
	rec, err := r.openEBPF(0)
	if err != nil {
		return nil, err
	}
	w, err := startRecorded(rec, path, args, func(pid int) error { return rec.FollowStart(pid) })
	if err != nil {
		return nil, errors.Join(err, rec.Close())
	}
	return w, nil
}

// startRecorded starts a program, which is held before its first instruction
// until follow has been told of it.
func startRecorded(rec recorder, path string, args []string, follow func(pid int) error) (*workload, error) {
	held, err := startHeld(path, args)
	if e := (*fs.PathError)(nil); errors.As(err, &e) && e.Op == "exec" {
		return nil, cannotExecute(path, err)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(follow(held.PID()), held.Detach()); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	w := &workload{recorder: rec}
	w.waitFor(func() (syscall.WaitStatus, error) {
		status, err := held.Wait(nil)
		return status, errors.Join(err, held.Close())
	})
	return w, nil
}

// waitFor waits for the end of the workload's command in the background.
func (w *workload) waitFor(wait func() (syscall.WaitStatus, error)) {
	ended := make(chan struct{})
	w.command = ended
	go func() {
		status, err := wait()
		if err == nil {
			err = exit(statusOfCommand(status))
		}
		w.status = err
		close(ended)
	}()
}

// regular reports whether a file that is to be named later can be a regular
// one.
func regular(name string) bool {
	info, err := os.Stat(name)
	return err != nil || info.Mode().IsRegular()
}
