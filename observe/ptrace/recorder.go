package ptrace

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/observe/internal/tally"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// Options say what is recorded. The zero value records all calls, without
// arguments.
type Options struct {
	// Arguments has the values of arguments recorded, where
	// [observe.Interesting] names any.
	Arguments bool
}

// What Recording.Limits says.
const (
	limitErrno = "Calls that a filter answered with an errno count as made."
	limitLinks = "Some executables are named by their file, since the path that was given to exec could not be read."
)

// Recorder records a command. Its methods may be called from several
// goroutines.
type Recorder struct {
	tracee     *tracee.Tracee
	arguments  bool
	noNewPrivs bool

	mu    sync.Mutex
	tally tally.Tally
	tasks *tally.Tasks
	book  tally.Book

	status syscall.WaitStatus // set when ended is closed
	err    error              // set when gone is closed
	ended  chan struct{}      // the command has
	gone   chan struct{}      // nothing is traced any more
}

// Start starts a command and records its calls, and those of all its children,
// from its first instruction on. The command gets the caller's session and
// process group, and is a child of this process. The error is that of
// [tracee.Start].
func Start(c tracee.Command, o Options) (*Recorder, error) {
	held, err := tracee.Start(c, tracee.Options{})
	if err != nil {
		return nil, err
	}
	r := &Recorder{tracee: held, arguments: o.Arguments, ended: make(chan struct{}), gone: make(chan struct{})}
	if status, err := kernel.ReadStatus(held.PID()); err == nil {
		r.noNewPrivs = status.NoNewPrivs
	}
	r.tally.Arguments = o.Arguments
	r.tasks = tally.NewTasks(&r.tally)
	go r.trace()
	return r, nil
}

func (r *Recorder) trace() {
	defer close(r.gone)
	r.err = r.tracee.Trace(tracee.Watcher{
		Entered: r.entered,
		Blocked: r.blocked,
		Ended: func(s syscall.WaitStatus) {
			r.status = s
			close(r.ended)
		},
	})
	_ = r.tracee.Close()
}

func (r *Recorder) entered(tid int, d seccomp.Data) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks.Row(tid, &d).Made(&d)
}

// blocked corrects what entered has counted.
func (r *Recorder) blocked(b tracee.Blocked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	row := r.tasks.RowNow(b.Thread)
	row.Unmade(&b.Data)
	row.Denied(&b.Data)
}

// PID is the process of the command.
func (r *Recorder) PID() int { return r.tracee.PID() }

// Signal sends a signal to the command, unless it has ended.
func (r *Recorder) Signal(s syscall.Signal) error { return r.tracee.Signal(s) }

// Wait waits for the end of the command and tells how it ended. Its children
// may live on, as Alive tells.
func (r *Recorder) Wait() (syscall.WaitStatus, error) {
	select {
	case <-r.ended:
		return r.status, nil
	case <-r.gone:
	}
	select {
	case <-r.ended:
		return r.status, nil
	default:
		return 0, r.err
	}
}

// Alive is how many processes of the workload live, as far as they have made
// calls: 0 says that the last one has ended, and that a snapshot now has
// everything.
func (r *Recorder) Alive() (int, error) {
	select {
	case <-r.gone:
		return 0, r.err
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(1, r.tasks.Prune()), nil
}

// Snapshot returns what was recorded up to now. First and Last have the
// resolution of the snapshots.
func (r *Recorder) Snapshot() (observe.Recording, error) {
	version, _ := kernel.Running()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.book.Add(r.tally.Changes(), time.Now().UnixNano())
	recording := observe.Recording{
		Recorder:   "ptrace",
		Kernel:     version,
		NoNewPrivs: r.noNewPrivs,
		Arguments:  r.arguments,
		Lost:       r.tally.Lost,
		Limits:     []string{limitErrno},
		Calls:      r.book.Calls(),
	}
	if r.tasks.Linked {
		recording.Limits = append(recording.Limits, limitLinks)
	}
	slices.Sort(recording.Limits)
	return recording, nil
}

// Close ends the recording. The workload goes on, each thread of it untraced
// from its next call or signal on.
func (r *Recorder) Close() error {
	r.tracee.Release()
	return nil
}
