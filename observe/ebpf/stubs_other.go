//go:build !linux || !(amd64 || arm64)

package ebpf

import (
	"errors"
	"fmt"

	"github.com/callgate/callgate/observe"
)

// Recorder records the calls of the threads that it follows. There is none on
// this system.
type Recorder struct{}

var errSystem = fmt.Errorf("recording with eBPF needs Linux on amd64 or arm64: %w", errors.ErrUnsupported)

// Open returns an error that matches errors.ErrUnsupported.
func Open(Options) (*Recorder, error) { return nil, errSystem }

// FollowStart returns an error that matches errors.ErrUnsupported.
func (*Recorder) FollowStart(int) error { return errSystem }

// FollowProcess returns an error that matches errors.ErrUnsupported.
func (*Recorder) FollowProcess(int) error { return errSystem }

// FollowContainer returns an error that matches errors.ErrUnsupported.
func (*Recorder) FollowContainer([]int) error { return errSystem }

// FollowCgroup returns an error that matches errors.ErrUnsupported.
func (*Recorder) FollowCgroup(string) error { return errSystem }

// Alive returns an error that matches errors.ErrUnsupported.
func (*Recorder) Alive() (int, error) { return 0, errSystem }

// Started is 0.
func (*Recorder) Started() int { return 0 }

// Snapshot returns an error that matches errors.ErrUnsupported.
func (*Recorder) Snapshot() (observe.Recording, error) { return observe.Recording{}, errSystem }

// Close does nothing.
func (*Recorder) Close() error { return nil }
