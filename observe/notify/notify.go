package notify

import (
	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// Options say what is recorded. The zero value records all calls, without
// arguments.
type Options struct {
	// Arguments has the values of arguments recorded, where
	// [observe.Interesting] names any.
	Arguments bool
	// Filter is what the command runs under; nil is none. The calls that it
	// stops are what is recorded then, in Seen.Denied: they are asked about,
	// and answered as the filter would (a TRAP and a KILL by a signal that is
	// sent: SIGSYS and, to the process, SIGKILL). Those that it allows cost
	// nothing and are not recorded. The filter must return constants only, as
	// compiled ones do, and allow execve.
	Filter bpf.Program
	// Logged has the calls recorded too that Filter answers with LOG, in
	// Seen.Count. The kernel does not log them then.
	Logged bool
}

// Denial is a call that [Options.Filter] stops.
type Denial struct {
	Key observe.Key
	// Data is the first of these calls.
	Data seccomp.Data
	// Action is the answer to it.
	Action seccomp.Action
	Count  uint64
}
