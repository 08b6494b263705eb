package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/callgate/callgate/container"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/observe/ebpf"
)

// This file records containers: one that a command line starts, and one that
// runs.
//
// A command line that starts a container is run with another profile, which
// allows everything, or is the one that the line names, and carries a mark. What
// installs a filter with the mark is the container's runtime: from there on its
// calls count, and up to its first exec they are the runtime's own.

// attachContainer records a container that runs.
func (r *recordVerb) attachContainer() (*workload, error) {
	c, err := container.Find(context.Background(), r.container)
	if err != nil {
		return nil, &failure{status: statusMachine, err: err}
	}
	w, err := r.attach(func(rec *ebpf.Recorder) error { return rec.FollowContainer([]int{c.PID}) })
	if err == nil {
		w.facts = func(rec *observe.Recording) { rec.Runtime = knownRuntime(c.Runtime) }
	}
	return w, err
}

// knownRuntime is the name of a runtime of whose calls there are facts, or "".
func knownRuntime(name string) string {
	if _, ok := observe.RuntimeCalls(filepath.Base(name), false); ok {
		return filepath.Base(name)
	}
	return ""
}

// containerTarget is the container that a command line starts.
func (r *recordVerb) containerTarget(line *container.Command) (target, error) {
	if err := line.CheckPrivileged(); err != nil {
		return target{}, usage(err, "leave out --privileged, and name the capabilities and devices that the workload needs")
	}
	if line.Remote != "" {
		return target{}, usagef("record it there", "the container runs on another machine: %s", line.Remote)
	}
	return target{
		words:  line.Args,
		widens: line.Seccomp == container.File,
		start:  func() (*workload, error) { return r.startContainer(line) },
	}, nil
}

// startContainer runs the command line with a marked profile.
func (r *recordVerb) startContainer(line *container.Command) (*workload, error) {
	path, err := lookUp(line.Args[0])
	if err != nil {
		return nil, err
	}
	mark := newMark()
	dir, err := os.MkdirTemp("", "callgate-record-")
	if err != nil {
		return nil, &failure{status: statusMachine, err: err}
	}
	args, err := r.marked(line, mark, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	rec, err := r.openEBPF(mark)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	w, err := startRecorded(rec, path, args, func(int) error { return nil })
	if err != nil {
		return nil, errors.Join(err, rec.Close(), os.RemoveAll(dir))
	}
	w.started = func() error { return r.containerStarted(rec, w) }
	w.facts = func(rec *observe.Recording) { rec.Runtime = knownRuntime(runtimeOf(line)) }
	w.cleanup = func() error { return os.RemoveAll(dir) }
	return w, nil
}

// newMark is a random number neither half of which is 0.
func newMark() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.LittleEndian.Uint64(b[:]) | 1<<63 | 1<<31
}

// marked is the command line with a marked profile, which is put into dir.
func (r *recordVerb) marked(line *container.Command, mark uint64, dir string) ([]string, error) {
	if line.Engine.OCI() {
		err := line.CopyBundle(dir, func(own []byte) ([]byte, error) {
			if own == nil {
				return container.AllowAll(runtime.GOARCH, mark), nil
			}
			r.profile.options.AllowDenied = r.profile.options.AllowDenied || r.profile.denied == "auto"
			return container.Marked(own, mark)
		})
		if err != nil {
			return nil, usage(err, "")
		}
		r.say("the container runs from a copy of its bundle, whose profile also carries a mark by which it is found")
		return line.WithBundle(dir), nil
	}
	file := filepath.Join(dir, "profile.json")
	data := container.AllowAll(runtime.GOARCH, mark)
	if line.Seccomp == container.File {
		own, err := os.ReadFile(line.SeccompFile)
		if err != nil {
			return nil, usage(err, "")
		}
		if data, err = container.Marked(own, mark); err != nil {
			return nil, usage(fmt.Errorf("%s: %w", line.SeccompFile, err), "")
		}
		r.say("the container runs under %s with one more rule: a mark by which it is found", line.SeccompFile)
	} else {
		r.say("the container runs with --security-opt seccomp=FILE, which allows everything and marks it")
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, &failure{status: statusMachine, err: err}
	}
	return line.WithProfile(file), nil
}

// say tells of what is done, unless --quiet.
func (r *recordVerb) say(format string, args ...any) {
	if !r.quiet {
		r.terminal.say(format, args...)
	}
}

// runtimeOf is the OCI runtime that a command line leads to, as far as that can
// be told from it.
func runtimeOf(line *container.Command) string {
	switch {
	case line.Engine.OCI():
		return line.Engine.String()
	case line.Runtime != "":
		return line.Runtime
	case line.Engine == container.Docker, line.Engine == container.Nerdctl:
		return "runc"
	}
	return ""
}

// containerStarted is an error where no container was seen.
func (r *recordVerb) containerStarted(rec *ebpf.Recorder, w *workload) error {
	if rec.Started() > 0 {
		return nil
	}
	if status := w.wait(); status != nil {
		return status // the engine has said why
	}
	return &failure{
		status: statusTool,
		err:    errors.New("no container was seen to start"),
		hint:   "does the engine run on this machine, and does it heed --security-opt seccomp=FILE?",
	}
}
