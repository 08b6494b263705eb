package notify

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// The roles of a helper process.
const (
	roleKeeper   = "keep"
	roleLauncher = "launch"
)

// helperArgument is the first argument of a helper process; its role and the
// descriptor of its stream follow.
const helperArgument = "callgate-notify-helper"

// Helper does the work of a helper process where the arguments of the program,
// os.Args, say that it is one, and returns the status to exit with.
func Helper(args []string) (status int, ok bool) {
	if len(args) != 4 || args[1] != helperArgument {
		return 0, false
	}
	fd, err := strconv.Atoi(args[3])
	switch {
	case err != nil:
	case args[2] == roleKeeper:
		return keepWorkload(fd), true
	case args[2] == roleLauncher:
		return launcher(fd), true
	}
	return 1, true
}

// since is the kernel with all that is needed: the answer CONTINUE (5.5) and
// the end of a listener (5.8).
var since = seccomp.Version{Major: 5, Minor: 8}

// Start starts a command and records its calls, and those of all its children,
// from its first instruction on; the execve that starts it does not count. The
// command gets the caller's place: its session and process group, its
// directory, and the descriptors that c names. It is a child of this process.
//
// The error is an *os.PathError of exec where the command cannot be executed,
// and otherwise one of [kernel.Install].
func Start(c tracee.Command, o Options) (*Recorder, error) {
	if running, err := kernel.Running(); err == nil && running.Compare(since) < 0 {
		return nil, &kernel.Error{Op: "record by notification", Reason: "use the ptrace recorder", Since: since, Missing: true}
	}
	filter, err := asking(o.Filter, o.Logged)
	if err != nil {
		return nil, err
	}
	r := &Recorder{filter: o.Filter, arguments: o.Arguments}
	if err := r.startKeeper(); err != nil {
		return nil, err
	}
	err = r.startCommand(c, launch{Path: c.Path, Args: c.Args, Env: c.Env, Filter: filter}, keep{o.Filter, o.Arguments, o.Logged})
	if err != nil {
		_ = r.keeper.Close()
		return nil, err
	}
	return r, nil
}

// asking is the filter that asks about what another stops, and about what it
// logs where that is wanted; about everything where there is none.
func asking(filter bpf.Program, logged bool) (bpf.Program, error) {
	if len(filter) == 0 {
		return everyCall, nil
	}
	filter = slices.Clone(filter)
	for i, ins := range filter {
		switch {
		case ins.Code == bpf.ReturnA:
			return nil, fmt.Errorf("the filter returns a value that it computes (instruction %d), so that it cannot be made to ask: compile the policy anew", i)
		case ins.Code == bpf.Return:
			if a := seccomp.Action(ins.K).Canonical(); !a.Allows() || logged && a.Kind() == seccomp.Log {
				filter[i] = bpf.Ret(seccomp.Notify)
			}
		}
	}
	return filter, nil
}

// helper starts this program anew in a role, with the descriptors that it is
// to have and then the stream to this process.
func helper(role string, stream *os.File, attr *syscall.ProcAttr) (int, error) {
	defer stream.Close()
	fd := strconv.Itoa(len(attr.Files))
	attr.Files = append(slices.Clip(attr.Files), stream.Fd())
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"callgate", helperArgument, role, fd}, attr)
	if err != nil {
		return 0, fmt.Errorf("start a helper process: %w", err)
	}
	return pid, nil
}

// startKeeper starts the process that answers, far from all that may end it
// together with this one.
func (r *Recorder) startKeeper() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	stream, theirs, err := newStream()
	if err != nil {
		return err
	}
	fd := null.Fd()
	pid, err := helper(roleKeeper, theirs, &syscall.ProcAttr{
		Dir: "/", Files: []uintptr{fd, fd, fd}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		_ = stream.Close()
		return err
	}
	r.keeper = stream
	go reap(pid)
	return nil
}

func reap(pid int) {
	_ = retry(func() error { _, err := unix.Wait4(pid, nil, 0, nil); return err })
}

// startCommand starts the launcher and sees to it that it becomes the command.
func (r *Recorder) startCommand(c tracee.Command, l launch, k keep) error {
	stream, theirs, err := newStream()
	if err != nil {
		return err
	}
	defer stream.Close()
	r.pid, err = helper(roleLauncher, theirs, &syscall.ProcAttr{
		Dir: c.Dir, Files: c.FDs, Sys: &syscall.SysProcAttr{Credential: c.User},
	})
	if err != nil {
		return err
	}
	if err = r.connect(stream, l, k); err != nil {
		_ = stream.Close() // ends the launcher wherever it is
		reap(r.pid)
	}
	return err
}

// connect takes the listener from the launcher to the keeper.
func (r *Recorder) connect(stream *peer, l launch, k keep) error {
	if err := stream.enc.Encode(l); err != nil {
		return fmt.Errorf("launch the command: %w", err)
	}
	state, fd, err := stream.receiveListener()
	if errors.Is(err, errNoListener) {
		return stream.refusal(l)
	}
	if err != nil {
		return fmt.Errorf("launch the command: %w", err)
	}
	r.noNewPrivs = state == noNewPrivs
	err = r.hand(fd, k)
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	if _, err := stream.Write([]byte{1}); err != nil {
		return fmt.Errorf("launch the command: %w", err)
	}
	return stream.refusal(l)
}

// hand gives the listener to the keeper, and waits until that answers.
func (r *Recorder) hand(fd int, k keep) error {
	if err := r.keeper.sendListener(0, fd); err != nil {
		return err
	}
	if err := r.keeper.enc.Encode(k); err != nil {
		return err
	}
	var ready bool
	return r.keeper.dec.Decode(&ready)
}

// refusal waits until exec has closed the stream, or failed.
func (p *peer) refusal(l launch) error {
	var no refusal
	switch err := p.dec.Decode(&no); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("launch the command: %w", err)
	}
	return no.error(l)
}
