// Package recordertest holds the tests that every recorder passes which starts
// a command by itself, and makes them comparable: the same programs, with
// strace as the judge.
package recordertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
	"github.com/callgate/callgate/tracee"
)

// Recorder is what a recorder does that starts a command.
type Recorder interface {
	PID() int
	Signal(syscall.Signal) error
	Wait() (syscall.WaitStatus, error)
	Alive() (int, error)
	Snapshot() (observe.Recording, error)
	Close() error
}

// Start starts a command under a recorder.
type Start func(c tracee.Command, arguments bool) (Recorder, error)

// limit is how long a program of the tests may take: none may hang.
const limit = 60 * time.Second

// Command is a command whose output goes to files that the caller closes.
func Command(t testing.TB, stdout *os.File, args ...string) tracee.Command {
	t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		t.Fatal(err)
	}
	return tracee.Command{
		Path: path, Args: args, Env: append(os.Environ(), "LC_ALL=C"),
		FDs: []uintptr{stdout.Fd(), stdout.Fd(), 2},
	}
}

// Null is /dev/null, for reading and writing.
func Null(t testing.TB) *os.File {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Begin starts a command, which is killed where it takes too long.
func (start Start) Begin(t testing.TB, c tracee.Command, arguments bool) Recorder {
	t.Helper()
	r, err := start(c, arguments)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(limit, func() { _ = r.Signal(syscall.SIGKILL) })
	t.Cleanup(func() {
		timer.Stop()
		_ = r.Close()
	})
	return r
}

// Record runs a command that must succeed to the end of the last of its
// processes.
func (start Start) Record(t testing.TB, arguments bool, args ...string) observe.Recording {
	t.Helper()
	r := start.Begin(t, Command(t, Null(t), args...), arguments)
	if status, err := r.Wait(); err != nil || status != 0 {
		t.Errorf("%q ended with status %#x: %v", args, uint32(status), err)
	}
	return Finish(t, r)
}

// Finish waits for the last process and returns the whole recording.
func Finish(t testing.TB, r Recorder) observe.Recording {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		alive, err := r.Alive()
		if err != nil {
			t.Fatal(err)
		}
		if alive == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d processes do not end", alive)
		}
	}
	recording, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if recording.Lost != 0 {
		t.Errorf("%d calls were lost", recording.Lost)
	}
	return recording
}

// Counts are how often each call was made, by its name, with the ABI before it
// where that is not the machine's own.
func Counts(r observe.Recording) map[string]uint64 {
	counts := map[string]uint64{}
	for k, s := range r.Calls {
		counts[Name(k)] += s.Count
	}
	return counts
}

// Name is the name of a call.
func Name(k observe.Key) string {
	name, ok := syscalls.Name(k.ABI, k.NR)
	if !ok {
		name = "unknown"
	}
	if native, _ := seccomp.NativeABI(runtime.GOARCH); k.ABI != native {
		name = k.ABI.String() + ":" + name
	}
	return name
}

// Program builds the program that makes children, and returns its path, which
// everybody may execute.
func Program(t testing.TB, flags ...string) string {
	t.Helper()
	gcc := need.Program(t, "gcc")
	source := filepath.Join(need.ModuleRoot(t), "observe", "internal", "recordertest", "testdata", "children.c")
	out := filepath.Join(need.PublicDir(t), "children")
	args := append([]string{"-O1", "-w", "-pthread", "-o", out, source}, flags...)
	if text, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		if len(flags) > 0 {
			need.Missing(t, "gcc-multilib", "gcc cannot build for 32 bits: "+string(text))
		}
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	return out
}
