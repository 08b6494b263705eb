//go:build !linux

package notify

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/tracee"
)

// Recorder records a command. There is none on this system.
type Recorder struct{}

var errSystem = fmt.Errorf("recording by seccomp notification needs Linux: %w", errors.ErrUnsupported)

// Helper does nothing: there are no helper processes.
func Helper([]string) (status int, ok bool) { return 0, false }

// Start returns an error that matches errors.ErrUnsupported.
func Start(tracee.Command, Options) (*Recorder, error) { return nil, errSystem }

// PID is 0.
func (*Recorder) PID() int { return 0 }

// Signal returns an error that matches errors.ErrUnsupported.
func (*Recorder) Signal(syscall.Signal) error { return errSystem }

// Wait returns an error that matches errors.ErrUnsupported.
func (*Recorder) Wait() (syscall.WaitStatus, error) { return 0, errSystem }

// Alive returns an error that matches errors.ErrUnsupported.
func (*Recorder) Alive() (int, error) { return 0, errSystem }

// Snapshot returns an error that matches errors.ErrUnsupported.
func (*Recorder) Snapshot() (observe.Recording, error) { return observe.Recording{}, errSystem }

// Denials are none.
func (*Recorder) Denials() []Denial { return nil }

// Close does nothing.
func (*Recorder) Close() error { return nil }
