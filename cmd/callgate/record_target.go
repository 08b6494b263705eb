package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/callgate/callgate/container"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/observe/ebpf"
)

// target is what is to be recorded.
type target struct {
	words []string // as the user named it
	start func() (*workload, error)
	// verify starts it again, under the profile that was written; nil where
	// it was not started by callgate.
	verify func() (*workload, error)
}

// signals are those that callgate hears while it records: what it has no
// command to pass on to does what it always does.
func (t target) signals() []syscall.Signal {
	if t.verify == nil {
		return endings
	}
	return forwarded
}

// target is the one that the command line names.
func (r *recordVerb) target(args []string) (target, error) {
	switch {
	case r.container != "":
		return target{words: []string{"--container", r.container}, start: r.attachContainer}, nil
	case r.cgroup != "":
		return target{words: []string{"--cgroup", r.cgroup}, start: func() (*workload, error) {
			if !isCgroup(r.cgroup) {
				return nil, usagef(cgroupHint(cgroupRoot, r.cgroup), "--cgroup %s is not the directory of a cgroup", source.Printable(r.cgroup))
			}
			return r.attach(func(rec *ebpf.Recorder) error { return rec.FollowCgroup(r.cgroup) })
		}}, nil
	case r.pid != 0:
		return target{words: []string{"--pid", strconv.Itoa(r.pid)}, start: func() (*workload, error) {
			return r.attach(func(rec *ebpf.Recorder) error {
				err := rec.FollowProcess(r.pid)
				switch {
				case errors.Is(err, os.ErrNotExist):
					return fmt.Errorf("--pid %d: there is no such process", r.pid)
				case errors.Is(err, ebpf.ErrKernelThread):
					return usagef("kernel threads make no system calls: name a process of a program", "--pid %d is a kernel thread", r.pid)
				}
				return err
			})
		}}, nil
	}
	line, err := container.ParseCommand(args)
	if err == nil {
		return r.containerTarget(line)
	}
	if !errors.Is(err, container.ErrNoContainer) {
		return target{}, usage(err, "")
	}
	return target{
		words:  args,
		start:  func() (*workload, error) { return r.startCommand(args) },
		verify: func() (*workload, error) { return r.verifyCommand(args) },
	}, nil
}

// openEBPF loads the recorder that can record anything.
func (r *recordVerb) openEBPF(mark uint64) (*ebpf.Recorder, error) {
	if r.recorder == recorderNotify || r.recorder == recorderPtrace {
		return nil, usagef("leave out --recorder", "--recorder %s records only a command", r.recorder)
	}
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

// regular reports whether a file that is to be named later can be a regular
// one.
func regular(name string) bool {
	info, err := os.Stat(name)
	return err != nil || info.Mode().IsRegular()
}
