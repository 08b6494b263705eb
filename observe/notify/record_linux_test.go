package notify_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/observe/notify"
	"github.com/callgate/callgate/tracee"
)

// record runs a command to the end of all its processes, with its output going
// nowhere.
func record(t testing.TB, o notify.Options, args ...string) observe.Recording {
	t.Helper()
	r := start(t, o, args...)
	if status, err := r.Wait(); err != nil || status.ExitStatus() != 0 {
		t.Errorf("%q ended with status %#x: %v", args, status, err)
	}
	return finish(t, r)
}

func start(t testing.TB, o notify.Options, args ...string) *notify.Recorder {
	t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd := null.Fd()
	r, err := notify.Start(tracee.Command{Path: path, Args: args, Env: os.Environ(), FDs: []uintptr{fd, fd, 2}}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// finish waits for the last process and returns the whole recording.
func finish(t testing.TB, r *notify.Recorder) observe.Recording {
	t.Helper()
	for {
		alive, err := r.Alive()
		if err != nil {
			t.Fatal(err)
		}
		if alive == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	recording, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return recording
}

// calls are how often each call was made by an executable, by name.
func calls(r observe.Recording, executable string) map[string]uint64 {
	all := map[string]uint64{}
	for k, s := range r.Calls {
		if name, ok := name(k); ok && (executable == "" || executable == k.Executable) {
			all[name] += s.Count
		}
	}
	return all
}

func TestRecord(t *testing.T) {
	sh := need.Program(t, "sh")
	need.Unfiltered(t)
	mkdir := need.Program(t, "mkdir")
	r := record(t, notify.Options{}, sh, "-c", mkdir+" -p /tmp; cd / && exec "+mkdir+" -p /tmp")
	if r.Lost != 0 || r.Recorder != "notify" {
		t.Errorf("lost %d calls, recorder %q", r.Lost, r.Recorder)
	}
	if got := calls(r, sh); got["chdir"] != 1 || got["execve"] != 2 || got["exit_group"] != 0 {
		t.Errorf("sh made the calls %v", got)
	}
	if got := calls(r, mkdir); got["mkdir"] != 2 || got["exit_group"] != 2 || got["execve"] != 0 {
		t.Errorf("mkdir made the calls %v", got)
	}
}
