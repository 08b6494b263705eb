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
	"slices"
	"strings"

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
	if line.Verb == "create" && !line.Engine.OCI() {
		return target{}, usagef(fmt.Sprintf("record its start: %s run instead of %s create", line.Engine, line.Engine),
			"%s create starts nothing, and would keep the profile that allows everything", line.Engine)
	}
	if line.Remote != "" {
		return target{}, usagef("record it there", "the container runs on another machine: %s", line.Remote)
	}
	return target{
		words:  line.Args,
		start:  func() (*workload, error) { return r.startContainer(line, r.allowing) },
		verify: func() (*workload, error) { return r.startContainer(line, r.verifying) },
	}, nil
}

// marking makes the profile under which a container is started of the bundle's
// own; nil where that has none, or where there is no bundle.
type marking func(c *startedContainer, own []byte, mark uint64) ([]byte, error)

// startContainer runs the command line with another profile.
func (r *recordVerb) startContainer(line *container.Command, profile marking) (*workload, error) {
	path, err := lookUp(line.Args[0])
	if err != nil {
		return nil, err
	}
	mark := newMark()
	dir, err := newScratch()
	if err != nil {
		return nil, &failure{status: statusMachine, err: err, hint: roomHint(err, "$TMPDIR may name another directory for temporary files")}
	}
	started := &startedContainer{line: line, cidFile: line.CIDFile}
	args, err := started.marked(dir.dir, func(own []byte) ([]byte, error) { return profile(started, own, mark) })
	if err != nil {
		return nil, errors.Join(err, dir.close())
	}
	rec, err := r.openEBPF(mark)
	if err != nil {
		return nil, errors.Join(err, dir.close())
	}
	w, err := r.startRecorded(rec, path, args, func(int) error { return nil })
	if err != nil {
		return nil, errors.Join(err, rec.Close(), dir.close())
	}
	started.begun = func() bool { return rec.Started() > 0 }
	w.unseen, w.container = errNoContainer, started
	w.facts = func(rec *observe.Recording) { rec.Runtime = knownRuntime(runtimeOf(line)) }
	w.cleanup = dir.close
	return w, nil
}

// newMark is a random number neither half of which is 0.
func newMark() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.LittleEndian.Uint64(b[:]) | 1<<63 | 1<<31
}

// marked is the command line with the profile that edit makes, which is put
// into dir.
func (c *startedContainer) marked(dir string, edit func(own []byte) ([]byte, error)) ([]string, error) {
	if c.line.Engine.OCI() {
		if err := c.line.CopyBundle(dir, edit); err != nil {
			return nil, usage(err, "")
		}
		return c.line.WithBundle(dir), nil
	}
	data, err := edit(nil)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "profile.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, &failure{status: statusMachine, err: err}
	}
	if c.cidFile != "" {
		return c.line.WithProfile(file), nil
	}
	c.cidFile = filepath.Join(dir, "id")
	return c.line.WithProfile(file, "--cidfile="+c.cidFile), nil
}

// allowing makes the profile under which a container is recorded: the one that
// is its own, where its command line or its bundle has one.
func (r *recordVerb) allowing(c *startedContainer, own []byte, mark uint64) ([]byte, error) {
	name := "the profile of its bundle"
	if c.line.Seccomp == container.File {
		data, err := os.ReadFile(c.line.SeccompFile)
		if err != nil {
			return nil, usage(err, "")
		}
		own, name = data, c.line.SeccompFile
	}
	if own == nil {
		c.open, c.greeting = true, "the container is recorded under a profile that allows everything, and marks it"
		return container.AllowAll(runtime.GOARCH, mark), nil
	}
	r.profile.options.AllowDenied = r.profile.options.AllowDenied || r.profile.denied == "auto"
	data, err := container.Marked(own, mark)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", name, err), "")
	}
	c.greeting = fmt.Sprintf("the container is recorded under %s, with one more rule that marks it; what this denies is allowed in what is written", name)
	return data, nil
}

// verifying makes the profile under which a container is run again.
func (r *recordVerb) verifying(_ *startedContainer, _ []byte, mark uint64) ([]byte, error) {
	data, err := r.written()
	if err != nil {
		return nil, err
	}
	return container.Marked(data, mark)
}

// noteEngines warns of engines that the workload has executed: what these start
// is nobody's child, and not part of the recording.
func (r *recordVerb) noteEngines(recorded observe.Recording) {
	var names []string
	for k := range recorded.Calls {
		name := filepath.Base(k.Executable)
		if k.Phase == observe.Workload && container.EngineOf(name) != container.Unknown && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		r.terminal.warn("the workload executed %s: containers that this started were not recorded; put record in front of that command",
			strings.Join(names, ", "))
	}
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

// errNoContainer is a command that succeeded, and started no container that was
// seen.
var errNoContainer = &failure{
	status: statusTool,
	err:    errors.New("no container was seen to start"),
	hint:   "does the engine run on this machine, and does it heed --security-opt seccomp=FILE?",
}
