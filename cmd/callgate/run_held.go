package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
	"github.com/callgate/callgate/tracee"
)

// point is where a program is held: at a function, or behind a call whose
// number depends on the ABI of the program.
type point struct {
	text   string // as the user wrote it
	symbol string // "" is the entry point
	call   string
	count  int
}

// point is the one that the flags ask for; nil where there is none.
func (r *runner) point() (*point, error) {
	switch {
	case r.at != "" && r.after != "":
		return nil, usagef("", "--at and --after name one point each: want one of them")
	case r.at == "entry":
		return &point{text: "the entry point"}, nil
	case r.at != "":
		return &point{text: r.at, symbol: r.at}, nil
	case r.after != "":
		return parseAfter(r.after)
	case r.strict:
		return &point{text: "main", symbol: "main"}, nil
	}
	return nil, nil
}

// parseAfter reads "openat" or "openat,3".
func parseAfter(text string) (*point, error) {
	call, number, counted := strings.Cut(text, ",")
	p := &point{call: call, count: 1}
	if counted {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return nil, usagef("", "--after %s: want a count of 1 or more behind the comma", text)
		}
		p.count = n
	}
	if !syscalls.Known(call) {
		hint := ""
		if near, ok := syscalls.Nearest(call); ok {
			hint = "did you mean " + near
		}
		return nil, usagef(hint, "--after %s: there is no system call %q", text, call)
	}
	p.text = "the return of " + call
	if counted {
		p.text = fmt.Sprintf("the return of %s number %d", call, p.count)
	}
	return p, nil
}

// of is p in a program of an ABI.
func (p point) of(abi seccomp.ABI) (tracee.Point, error) {
	if p.call == "" {
		return tracee.Point{Symbol: p.symbol}, nil
	}
	nr, ok := syscalls.Number(abi, p.call)
	if !ok {
		return tracee.Point{}, fmt.Errorf("a program of the ABI %v has no call %s", abi, p.call)
	}
	return tracee.Point{After: p.count, NR: nr}, nil
}

// heldCommand is a command that runs beside this process, and gets the signals
// that this process gets.
type heldCommand struct {
	*tracee.Tracee
	stopForwarding func()
}

func (c heldCommand) Close() error {
	c.stopForwarding()
	return c.Tracee.Close()
}

// wait waits for the end of the command, whose exit status is the answer.
func (c heldCommand) wait(blocked func(tracee.Blocked)) error {
	status, err := c.Wait(blocked)
	if err != nil {
		return err
	}
	return exit(statusOfCommand(status))
}

// statusOfCommand is the exit status that tells how a command ended.
func statusOfCommand(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// startHeld starts a program, held before its first instruction. The caller
// must call Close where there is no error.
func startHeld(path string, args []string) (heldCommand, error) {
	t, err := tracee.Start(command(path, args), tracee.Options{ExitKill: true})
	if err != nil {
		return heldCommand{}, err
	}
	return heldCommand{t, forwardSignals(t.Signal)}, nil
}

// hold starts a command and runs it to a point. The caller must call Close
// where there is no error.
func (r *runner) hold(path string, args []string, p point) (heldCommand, tracee.Reached, error) {
	c, err := startHeld(path, args)
	if e := (*os.PathError)(nil); errors.As(err, &e) && e.Op == "exec" {
		return heldCommand{}, tracee.Reached{}, cannotExecute(path, err)
	}
	if err != nil {
		return heldCommand{}, tracee.Reached{}, err
	}
	where, err := p.of(c.ABI())
	if err != nil {
		return heldCommand{}, tracee.Reached{}, errors.Join(err, c.Close())
	}
	reached, err := c.RunTo(where)
	if err != nil {
		return heldCommand{}, reached, errors.Join(notReached(c.Tracee, p, err), c.Close())
	}
	if reached.Substitute != "" {
		r.terminal.say("%s", reached.Substitute)
	}
	return c, reached, nil
}

// notReached is the error of a program that does not get to the point.
func notReached(held *tracee.Tracee, p point, err error) error {
	f := &failure{status: statusTool, err: err}
	switch {
	case errors.Is(err, tracee.ErrEnded):
		status, _ := held.Wait(nil)
		f.err = fmt.Errorf("the program ended (%s) before it got to %s: it ran unconfined", endOf(status), p.text)
	case errors.Is(err, tracee.ErrExec):
		f.err = fmt.Errorf("the program executed another before it got to %s, and was ended", p.text)
		f.hint = "name the program itself as the command"
	case errors.Is(err, tracee.ErrNoSymbol):
		f.err = fmt.Errorf("there is no function %s in the program or the libraries that it starts with", p.symbol)
		f.hint = "a stripped program keeps the names of no functions of its own but those that it exports: use --at main, or --after CALL"
	}
	return f
}

func endOf(s syscall.WaitStatus) string {
	if s.Signaled() {
		return "signal: " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

// runHeld runs a command and installs the filter at the point.
func (r *runner) runHeld(path string, args []string, p point, f filter) error {
	held, reached, err := r.hold(path, args, p)
	if err != nil {
		return err
	}
	defer held.Close()
	if f.program != nil {
		o := f.options
		if reached.Threads > 1 {
			o.Flags |= kernel.TSync
		}
		err := withoutPrivileges(o, func(o kernel.InstallOptions) error { return held.Install(f.program, o) })
		if err != nil {
			return err
		}
	}
	if r.explain {
		return r.follow(held, f)
	}
	if err := held.Detach(); err != nil {
		return err
	}
	return r.waitKilled(held, f)
}

// withoutPrivileges installs a filter, with no_new_privs too where exec took
// away what this process may.
func withoutPrivileges(o kernel.InstallOptions, install func(kernel.InstallOptions) error) error {
	err := install(o)
	if errors.Is(err, syscall.EACCES) && !o.NoNewPrivs {
		o.NoNewPrivs = true
		err = install(o)
	}
	return err
}

// waitKilled waits for the end of a command that was let go, and says so where
// the filter seems to have ended it: nothing else does.
func (r *runner) waitKilled(held heldCommand, f filter) error {
	status, err := held.Wait(nil)
	if err != nil {
		return err
	}
	if f.program != nil && status.Signaled() && status.Signal() == syscall.SIGSYS {
		r.terminal.say("the command was ended by SIGSYS, with which a filter kills: with --explain, callgate run shows the call")
	}
	return exit(statusOfCommand(status))
}
