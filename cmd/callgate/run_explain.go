package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
	"github.com/callgate/callgate/tracee"
)

// runExplained runs a command under a filter from its start, and tells of the
// calls that the filter stops.
//
// The filter must be there when the command is executed, as it is without
// --explain. So the process begins as callgate itself, held before its first
// instruction, and is made to install the filter and to execute the command.
func (r *runner) runExplained(path string, args []string, f filter) error {
	if f.program == nil {
		r.terminal.say("%s installs no filter, so that no call is stopped", f.source.Name)
		return r.replace(path, args, f)
	}
	if err := f.allowsExec(r.env.arch.abi); err != nil {
		return err
	}
	held, err := startHeld("/proc/self/exe", args)
	if err != nil {
		return err
	}
	defer held.Close()
	if _, err := held.RunTo(tracee.Point{}); err != nil {
		return err
	}
	err = withoutPrivileges(f.options, func(o kernel.InstallOptions) error {
		return held.Exec(f.program, o, path, args, os.Environ())
	})
	switch p := (*fs.PathError)(nil); {
	case errors.Is(err, tracee.ErrEnded):
		status, err := held.Wait(nil)
		if err != nil {
			return err
		}
		r.terminal.say("%s: %s ended the process at the execve that starts it", endOf(status), f.source.Name)
		return exit(statusOfCommand(status))
	case errors.As(err, &p) && p.Op == "exec":
		return cannotExecute(path, err)
	case err != nil:
		return err
	}
	return r.follow(held, f)
}

// follow follows a command to its end, call by call.
func (r *runner) follow(held heldCommand, f filter) error {
	s := stops{
		terminal: r.terminal, filter: f, image: processName(held.PID()),
		told: map[string]bool{}, stopped: map[string]int{}, logged: map[string]int{},
	}
	status, err := held.Follow(s.tell)
	if err != nil {
		return err
	}
	s.sum()
	return exit(statusOfCommand(status))
}

// stops tells of calls that are stopped.
type stops struct {
	terminal        *terminal
	filter          filter
	image           string          // the command's name; that of a child is told
	told            map[string]bool // lines
	stopped, logged map[string]int  // calls, by name
}

// maxTold bounds the lines that are remembered so as not to be told twice.
const maxTold = 10_000

// tell tells of a call, unless it has told the same before, as in
//
//	mkdir("/tmp/x", 0777): ERRNO(EPERM), by web.json:3:20
func (s *stops) tell(b tracee.Blocked) {
	abi, _ := seccomp.ABIOf(b.Data.Arch, b.Data.NR)
	name, ok := syscalls.Name(abi, b.Data.NR)
	if !ok {
		name = "calls without a name"
	}
	if b.Action == seccomp.Log && !b.Other {
		s.logged[name]++
	} else {
		s.stopped[name]++
	}
	line := s.call(abi, b) + ": " + s.verdict(b)
	if s.told[line] {
		return
	}
	if len(s.told) >= maxTold {
		clear(s.told)
	}
	s.told[line] = true
	s.terminal.say("%s", line)
}

// call is the call, and who makes it where that is not what one expects.
func (s *stops) call(abi seccomp.ABI, b tracee.Blocked) string {
	text := decode.Call(abi, b.Data.NR, b.Data.Args, b.Memory)
	switch {
	case abi == 0:
		text += fmt.Sprintf(" through the unknown architecture %#x", b.Data.Arch)
	case abi != s.filter.abi:
		text += " through " + abi.String()
	}
	if image := processName(b.Process); image != s.image {
		text += " in " + image
	}
	return text
}

// verdict says what became of a call, and what decided that.
func (s *stops) verdict(b tracee.Blocked) string {
	if b.Other {
		return fmt.Sprintf("stopped by another filter than %s (%v), its own or one around callgate%s", s.filter.source.Name, b.Action, ending(b))
	}
	return fmt.Sprintf("%v, by %s%s", b.Action, s.filter.place(b.Data), ending(b))
}

// ending is what becomes of the thread or the call beyond the action's name.
func ending(b tracee.Blocked) string {
	kind := b.Action.Kind()
	switch {
	case b.Signal != 0 && kind == seccomp.KillThread && threads(b.Process) > 1:
		return ": ended the thread"
	case b.Signal != 0:
		return ": ended the process"
	case b.Other:
		return ""
	case kind == seccomp.Trap:
		return ": SIGSYS to its handler"
	case kind == seccomp.Notify, kind == seccomp.Trace:
		return ": nobody is there to ask, ENOSYS"
	case kind == seccomp.Log:
		return ": let through and logged"
	}
	return ""
}

// place is what in the policy decides a call.
func (f filter) place(d seccomp.Data) string {
	if f.source.Kind == source.Filter {
		if steps, err := f.source.Trace(d); err == nil {
			return fmt.Sprintf("%s, instruction %d", f.source.Name, steps[len(steps)-1].PC)
		}
	}
	if f.policy == nil {
		return f.source.Name
	}
	e, err := newExplainer(f.policy, f.source)
	if err != nil {
		return f.source.Name
	}
	o, err := e.decides(d)
	if err != nil { // it has no rules
		return f.source.Name
	}
	if o.origin == (policy.Origin{}) {
		return f.source.Name + " (" + o.by + ")"
	}
	return o.place()
}

// sum says how many calls there were, where that is not plain from the lines.
func (s *stops) sum() {
	if len(s.stopped) == 0 {
		s.terminal.say("no call was stopped")
	}
	for _, c := range []struct {
		what  string
		calls map[string]int
	}{{"stopped", s.stopped}, {"let through and logged", s.logged}} {
		if text, n := counts(c.calls); n > 1 {
			s.terminal.say("%d calls %s: %s", n, c.what, text)
		}
	}
}

// counts lists calls with their numbers, the most frequent first.
func counts(calls map[string]int) (text string, all int) {
	names := slices.SortedFunc(maps.Keys(calls), func(a, b string) int {
		return cmp.Or(cmp.Compare(calls[b], calls[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%s %d", name, calls[name])
		all += calls[name]
	}
	return strings.Join(parts, ", "), all
}

// processName is the name of a process as ps shows it, which the process may
// have chosen.
func processName(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	name := strings.TrimSuffix(string(text), "\n")
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` || name == "" {
		return quoted
	}
	return name
}

// threads is how many threads a process has.
func threads(pid int) int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(list)
}
