package main

import (
	"errors"
	"syscall"

	"github.com/callgate/callgate/observe"
)

// recorder is what records a workload: by eBPF, notifications or ptrace.
type recorder interface {
	// Snapshot is what was seen so far.
	Snapshot() (observe.Recording, error)
	// Alive is how many tasks are followed.
	Alive() (int, error)
	Close() error
}

// workload is what is being recorded.
type workload struct {
	recorder recorder
	// command is closed when the command has ended, nil where there is none.
	command <-chan struct{}
	// status is the exit status of the command, or why it has none: to be
	// read when command is closed.
	status error
	// signal sends a signal to the command; nil where there is none.
	signal func(syscall.Signal) error
	// container is the one that was started; nil where none was.
	container *startedContainer
	// unseen says what may be wrong where nothing was seen; nil for nothing.
	unseen error
	// facts completes a recording by what is known of how it began.
	facts func(*observe.Recording)
	// cleanup removes what was made for the workload; nil for nothing.
	cleanup func() error
}

// close lets go of the workload, which goes on.
func (w *workload) close() error {
	err := w.recorder.Close()
	if w.cleanup != nil {
		err = errors.Join(err, w.cleanup())
	}
	return err
}

// running reports whether there is a command that has not ended.
func (w *workload) running() bool {
	select {
	case <-w.command:
		return false
	default:
		return w.command != nil
	}
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
