package tracee

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// Errors of a program that cannot be held, or does not get to the point.
var (
	// ErrEnded says that the program ended first. The process is gone;
	// [Tracee.Wait] tells how it ended.
	ErrEnded = errors.New("the program ended before the point was reached")
	// ErrExec says that the program became another by exec first, which has
	// not the function that was awaited.
	ErrExec = errors.New("the program became another by exec before the point was reached")
	// ErrNoSymbol says that neither the program nor a library that it starts
	// with has the function.
	ErrNoSymbol = errors.New("no such function in the program or its libraries")
	// ErrThreads says that the program has several threads, where what was
	// asked for holds only one.
	ErrThreads = errors.New("the program has several threads")
	// ErrTraced says that the program cannot be held, since it is traced by
	// whoever traces the caller and all that this starts.
	ErrTraced = errors.New("the caller is traced itself, and what it starts with it")
)

// Command is what to start.
type Command struct {
	Path string              // the file; it is not looked up
	Args []string            // with the name of the command first
	Env  []string            // as "NAME=value"
	Dir  string              // the working directory; "" is the caller's
	FDs  []uintptr           // the descriptors 0, 1, 2 and so on of the program
	User *syscall.Credential // the user to run as; nil is the caller's
}

// Options say how a program is held. The zero value lets it live on when the
// tracer dies.
type Options struct {
	// ExitKill has the kernel kill the program when the tracer ends without
	// having let it go.
	ExitKill bool
}

// A Point is a place in the run of a program. The zero value is the entry
// point of its file, to which the kernel or the dynamic loader jumps.
type Point struct {
	// Symbol is the function that is about to be entered. "main" is the main
	// function, whatever it is called: main.main of a Go program, and in a
	// stripped program what its start code hands to the C library as main.
	Symbol string
	// After is how many calls of the number NR have returned since main was
	// reached; it is 0 where Symbol counts. A call that a signal interrupts
	// and that is started anew counts once.
	After int
	// NR is in the number space of the program's ABI.
	NR uint32
}

// Reached says where a program is held.
type Reached struct {
	// Name is the function, or "" for the entry point.
	Name string
	// Address is where the program is to go on.
	Address uint64
	// Substitute is why the point is not the one that was asked for; ""
	// where it is. A stripped program that never calls a C library's start
	// function is held before its first system call instead.
	Substitute string
	// Threads is how many threads the program has there.
	Threads int
}

// Blocked is a call that seccomp stopped, or that a filter had logged.
type Blocked struct {
	// Thread is the id of the thread, Process that of its process.
	Thread, Process int
	// Data is the call.
	Data seccomp.Data
	// Action is what the filters answer that [Tracee.Install] and
	// [Tracee.Exec] have put there: ALLOW where there are none.
	Action seccomp.Action
	// Other says that it was not their answer that counted but that of
	// another filter, which the program installed by itself or was under
	// before.
	Other bool
	// Signal is what ended the thread, SIGKILL in strict mode and SIGSYS by a
	// filter; 0 where the thread goes on.
	Signal syscall.Signal
	// Memory is that of the thread. It can be read only until the function
	// that was given the Blocked returns.
	Memory io.ReaderAt
}

// Tracee is a program that is held, or let go and waited for. Its methods may
// be called from any goroutine, one at a time; only [Tracee.Signal] and
// [Tracee.Release] may be called while another runs.
type Tracee struct{ t *tracee }

// Start starts a command and holds it before its first instruction. The error
// is that of exec where the command cannot be executed: it matches
// [os.ErrNotExist] where there is no such file and [os.ErrPermission] where
// there is no permission, and syscall.ENOEXEC where it is no program. It is
// [ErrTraced], as errors.Is tells, where it cannot be held at all. A script is
// held as its interpreter.
func Start(c Command, o Options) (*Tracee, error) {
	t, err := start(c, o)
	if err != nil {
		return nil, err
	}
	return &Tracee{t}, nil
}

// PID is the process.
func (t *Tracee) PID() int { return t.t.pid }

// ABI is the one through which the program that is being executed makes its
// calls.
func (t *Tracee) ABI() seccomp.ABI { return t.t.abi() }

// RunTo lets the program run until it is at the point. Signals are delivered,
// and a stop signal stops it until it is told to continue. The error is
// [ErrEnded], [ErrExec] or [ErrNoSymbol], as errors.Is tells, or one of
// ptrace's. The program is held after any error but ErrEnded.
func (t *Tracee) RunTo(p Point) (Reached, error) {
	if p.After < 0 {
		return Reached{}, fmt.Errorf("count %d of calls: want 1 or more", p.After)
	}
	return t.t.runTo(p)
}

// Syscall makes a system call in the program and returns its result, which is
// negative for an errno. The number is of the program's ABI. The program must
// have been held by [Tracee.RunTo].
func (t *Tracee) Syscall(nr uint32, args ...uint64) (int64, error) { return t.t.syscall(nr, args) }

// Install installs a filter from within the program, on all its threads with
// [kernel.TSync] and on the first otherwise; with several threads and without
// TSync it is an error that matches [ErrThreads]. NewListener is not possible
// here. Other errors are those of [kernel.Install].
func (t *Tracee) Install(p bpf.Program, o kernel.InstallOptions) error { return t.t.install(p, o) }

// Exec has the program install a filter and execute another one under it, as
// [kernel.Exec] does for the calling process: in the thread that is held,
// with nothing in between, and with no filter where p has no instructions. The
// program must have been held by [Tracee.RunTo], and after it the new one is,
// before its first instruction. The errors are those of kernel.Exec, an
// *os.PathError where the filter is there and exec failed, and [ErrEnded]
// where the filter ended the program for that. It may be tried again where
// the filter could not be installed.
func (t *Tracee) Exec(p bpf.Program, o kernel.InstallOptions, path string, args, env []string) error {
	return t.t.exec(p, o, path, args, env)
}

// Strict puts the program into strict mode, unless it has put itself there. The
// error matches [ErrThreads] where it has several threads, since strict mode
// holds one.
func (t *Tracee) Strict() error { return t.t.strict() }

// Memory is that of the program.
func (t *Tracee) Memory() io.ReaderAt { return memory{t.t.pid} }

// Detach lets the program go. [Tracee.Wait] still waits for its end.
func (t *Tracee) Detach() error { return t.t.detach() }

// Wait lets the program run to its end and returns how it ended. Where the
// program was not let go, blocked (if it is not nil) is called for each
// thread that seccomp ends, before it is gone; children are followed too.
func (t *Tracee) Wait(blocked func(Blocked)) (syscall.WaitStatus, error) { return t.t.wait(blocked) }

// Follow lets the program run to its end, as [Tracee.Wait] does, and calls
// blocked for each call of any of its threads and children to which a filter
// that [Tracee.Install] or [Tracee.Exec] has put there answers anything but
// ALLOW, and for each thread that another filter or strict mode ends. It is
// called when the kernel has done what the filter says, so that a call which
// is allowed and fails never counts; but for LOG before the call is made.
// Memory is then as the call finds it.
//
// It stops the program twice at each system call, which makes a call that is
// cheap by itself a hundred times as dear. The program must not have been let go. It needs
// Linux 5.3, without which the error matches [errors.ErrUnsupported] and the
// program stays held.
func (t *Tracee) Follow(blocked func(Blocked)) (syscall.WaitStatus, error) {
	return t.t.watch(blocked)
}

// Watcher is told what [Tracee.Trace] sees, on one goroutine. The threads of the
// program wait meanwhile where they are what it is told of.
type Watcher struct {
	// Entered is called for each system call that a thread is about to make,
	// before any filter sees it.
	Entered func(tid int, d seccomp.Data)
	// Blocked is called for each thread that a filter ends, and for each call
	// that it answers with a SIGSYS. A call that it answers with an errno
	// looks like one that fails. It may be nil.
	Blocked func(Blocked)
	// Ended is called when the program that was started has ended. Its
	// children may go on. It may be nil.
	Ended func(syscall.WaitStatus)
}

// Trace lets the program run, tells of each call of it and of everything that
// it starts, and returns when nothing of that is left, be it that it has ended
// or has been let go by [Tracee.Release]. Like [Tracee.Follow] it stops
// the program twice at each call.
//
// The error is that of Follow. A tracer that ends, even by SIGKILL, lets the
// program go unharmed, unless it was started with ExitKill.
func (t *Tracee) Trace(w Watcher) error { return t.t.trace(w) }

// Release has everything let go that [Tracee.Trace] traces, each thread the
// next time it makes a call or gets a signal. Trace goes on until the program
// has ended. Release may be called while Trace runs.
func (t *Tracee) Release() { t.t.releaseAll() }

// Signal sends a signal to the process, unless that has ended.
func (t *Tracee) Signal(s syscall.Signal) error { return t.t.signal(s) }

// Close kills the program if it has not ended, and frees what the Tracee
// holds. It must be called at last.
func (t *Tracee) Close() error { return t.t.close() }
