package notify

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/observe/internal/tally"
)

// Recorder records a command. Its methods may be called from several
// goroutines.
type Recorder struct {
	filter     bpf.Program
	arguments  bool
	noNewPrivs bool
	keeper     *peer

	report sync.Mutex // held while the keeper is asked
	book   tally.Book
	last   report

	process sync.Mutex
	pid     int
	ended   bool
	wait    sync.Once
	status  syscall.WaitStatus
	waitErr error
}

// What Recording.Limits says.
const (
	limitFilters = "Calls that a filter of the workload's own, or one that it was started under, stops are not seen."
	limitLinks   = "Some executables are named by their file, since the path that was given to exec could not be read."
)

// PID is the process of the command.
func (r *Recorder) PID() int { return r.pid }

// Signal sends a signal to the command, unless it has ended.
func (r *Recorder) Signal(s syscall.Signal) error {
	r.process.Lock()
	defer r.process.Unlock()
	if r.ended {
		return nil
	}
	return unix.Kill(r.pid, s)
}

// Wait waits for the end of the command and tells how it ended. Its children
// may live on, as Alive tells.
func (r *Recorder) Wait() (syscall.WaitStatus, error) {
	r.wait.Do(func() {
		// The number stays the command's until it is waited for.
		r.waitErr = retry(func() error { return unix.Waitid(unix.P_PID, r.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) })
		if r.waitErr != nil {
			return
		}
		r.process.Lock()
		defer r.process.Unlock()
		var status unix.WaitStatus
		r.waitErr = retry(func() error { _, err := unix.Wait4(r.pid, &status, 0, nil); return err })
		r.ended, r.status = true, syscall.WaitStatus(status)
	})
	return r.status, r.waitErr
}

// ask fetches what is new from the keeper. It must be called with r.report
// held.
func (r *Recorder) ask() error {
	var answer report
	err := r.keeper.enc.Encode(true)
	if err == nil {
		err = r.keeper.dec.Decode(&answer)
	}
	if err != nil {
		return fmt.Errorf("the process that answers for the workload is gone, so that the workload's calls fail: %w", err)
	}
	r.last = answer
	r.book.Add(answer.Changes, time.Now().UnixNano())
	return nil
}

// Alive is how many processes of the workload live, as far as they have made
// calls: 0 says that the last one has ended, and that a snapshot now has
// everything. Under a filter it is never more than 1.
func (r *Recorder) Alive() (int, error) {
	r.report.Lock()
	defer r.report.Unlock()
	if err := r.ask(); err != nil {
		return 0, err
	}
	return r.last.Alive, nil
}

// Snapshot returns what was recorded up to now. First and Last have the
// resolution of the snapshots. Where there is an error the recording has what
// was known before.
func (r *Recorder) Snapshot() (observe.Recording, error) {
	r.report.Lock()
	defer r.report.Unlock()
	err := r.ask()
	version, _ := kernel.Running()
	recording := observe.Recording{
		Recorder:   "notify",
		Kernel:     version,
		NoNewPrivs: r.noNewPrivs,
		Arguments:  r.arguments,
		Lost:       r.last.Lost,
		Limits:     []string{limitFilters},
		Calls:      r.book.Calls(),
	}
	if r.last.Linked {
		recording.Limits = append(recording.Limits, limitLinks)
	}
	slices.Sort(recording.Limits)
	return recording, err
}

// Denials are the calls that the filter has stopped up to the last snapshot, in
// the order of their keys.
func (r *Recorder) Denials() []Denial {
	r.report.Lock()
	defer r.report.Unlock()
	recording := observe.Recording{Calls: r.book.Calls()}
	first := r.book.Denials()
	var denials []Denial
	for _, k := range recording.Keys() {
		data, ok := first[k]
		if !ok {
			continue
		}
		action, _ := r.filter.Run(binary.NativeEndian, data) // it ran in the keeper
		denials = append(denials, Denial{k, data, action.Canonical(), recording.Calls[k].Denied})
	}
	return denials
}

// Close ends the recording. The workload goes on, as does the process that
// answers for it.
func (r *Recorder) Close() error {
	r.report.Lock()
	defer r.report.Unlock()
	return r.keeper.Close()
}
