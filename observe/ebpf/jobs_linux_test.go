//go:build amd64 || arm64

package ebpf

import (
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe/internal/recordertest"
	"github.com/callgate/callgate/tracee"
)

// job is a command under a recorder of its own.
type job struct {
	*Recorder
	held  *tracee.Tracee
	begun time.Time
}

// Begun is when the recorder was open, which is BenchmarkOpen's matter.
func (j job) Begun() time.Time { return j.begun }

func (j job) PID() int { return j.held.PID() }

func (j job) Signal(s syscall.Signal) error { return syscall.Kill(j.PID(), s) }

func (j job) Wait() (syscall.WaitStatus, error) {
	status, err := j.held.Wait(nil)
	_ = j.held.Close()
	return status, err
}

// jobs records each command by a recorder that is opened for it.
var jobs recordertest.Start = func(c tracee.Command, arguments bool) (recordertest.Recorder, error) {
	r, err := Open(Options{Arguments: arguments})
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	held, err := tracee.Start(c, tracee.Options{ExitKill: true})
	if err != nil {
		return nil, err
	}
	if err := r.FollowStart(held.PID()); err != nil {
		return nil, err
	}
	return job{r, held, begun}, held.Detach()
}

func BenchmarkDD(b *testing.B) {
	need.Root(b)
	jobs.DD(b, 4_000_000)
}

func BenchmarkRedis(b *testing.B) {
	need.Root(b)
	jobs.Redis(b)
}

func BenchmarkFind(b *testing.B) {
	need.Root(b)
	jobs.Find(b)
}

func BenchmarkBuild(b *testing.B) {
	need.Root(b)
	jobs.Build(b)
}
