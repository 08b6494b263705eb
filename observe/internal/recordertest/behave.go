package recordertest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/tracee"
)

// Status tells how commands end, and what is no command.
func (start Start) Status(t *testing.T) {
	sh := need.Program(t, "sh")
	for script, want := range map[string]func(syscall.WaitStatus) bool{
		"exit 7":        func(s syscall.WaitStatus) bool { return s.Exited() && s.ExitStatus() == 7 },
		"kill -TERM $$": func(s syscall.WaitStatus) bool { return s.Signaled() && s.Signal() == syscall.SIGTERM },
		"kill -KILL $$": func(s syscall.WaitStatus) bool { return s.Signaled() && s.Signal() == syscall.SIGKILL },
		"sleep 0.1 & :": func(s syscall.WaitStatus) bool { return s == 0 },
	} {
		r := start.Begin(t, Command(t, Null(t), sh, "-c", script+" 2>/dev/null"), false)
		if status, err := r.Wait(); err != nil || !want(status) {
			t.Errorf("%s: status %#x, %v", script, uint32(status), err)
		}
		Finish(t, r)
	}
	for path, want := range map[string]error{"/no/such/file": syscall.ENOENT, "/dev/null": syscall.EACCES} {
		c := Command(t, Null(t), sh)
		c.Path = path
		r, err := start(c, false)
		if e, ok := err.(*os.PathError); !ok || e.Op != "exec" || e.Err != want {
			t.Errorf("%s: error %v, want %v of exec", path, err, want)
		}
		if err == nil {
			_ = r.Close()
		}
	}
}

// Signals sends signals to a command that has a handler, stops it and lets it
// go on; and has calls made in a storm of signals.
func (start Start) Signals(t *testing.T) {
	sh := need.Program(t, "sh")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	r := start.Begin(t, Command(t, write, sh, "-c", "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.01; done"), false)
	write.Close()
	line := make([]byte, 6)
	if _, err := io.ReadFull(read, line); err != nil {
		t.Fatal(err)
	}
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT, syscall.SIGUSR1} {
		if err := r.Signal(s); err != nil {
			t.Error(err)
		}
		if s == syscall.SIGSTOP {
			waitState(t, r.PID(), "Tt") // t where it is traced
		}
	}
	status, err := r.Wait()
	rest, _ := io.ReadAll(read)
	if err != nil || status.ExitStatus() != 5 || string(rest) != "got\n" {
		t.Errorf("status %#x, wrote %q, %v", uint32(status), rest, err)
	}
	if err := r.Signal(syscall.SIGKILL); err != nil {
		t.Errorf("a signal to a command that has ended: %v", err)
	}

	program := Program(t)
	if got := Counts(start.Record(t, false, program, "storm20000")); got["getpgid"] != 20000 {
		t.Errorf("getpgid %d times, want 20000", got["getpgid"])
	}
	if got := Counts(start.Record(t, false, program, "unrestarted20000")); got["getpgid"] > 20000 {
		t.Errorf("getpgid %d times, want 20000 at most", got["getpgid"])
	}
}

// waitState waits for a process to be in one of the states.
func waitState(t testing.TB, pid int, states string) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if rest != "" && strings.Contains(states, rest[:1]) {
			return
		}
	}
	t.Fatalf("process %d is never in the state %s", pid, states)
}

// Unprivileged runs a command as nobody.
func (start Start) Unprivileged(t *testing.T) {
	uid, gid := need.Nobody(t)
	program := Program(t)
	c := Command(t, Null(t), program, "threads")
	c.User = &syscall.Credential{Uid: uid, Gid: gid}
	r := start.Begin(t, c, false)
	if status, err := r.Wait(); err != nil || status != 0 {
		t.Errorf("status %#x, %v", uint32(status), err)
	}
	if got := Counts(Finish(t, r)); got["getpgid"] != 4 {
		t.Errorf("getpgid %d times, want 4", got["getpgid"])
	}
}

// Arguments records values: of prctl, whose option profiles can check.
func (start Start) Arguments(t *testing.T) {
	const setName = 15 // PR_SET_NAME
	r := start.Record(t, true, Program(t), "fork")
	if !r.Arguments {
		t.Error("the recording says that it has no arguments")
	}
	for k, s := range r.Calls {
		switch Name(k) {
		case "prctl":
			if want := [][]uint64{{setName}}; !slices.EqualFunc(s.Values.Tuples, want, slices.Equal) {
				t.Errorf("prctl with %v, want %v", s.Values.Tuples, want)
			}
		case "getsid":
			if s.Values.Tuples != nil || s.First == 0 || s.Last < s.First {
				t.Errorf("getsid: %+v", s)
			}
		}
	}
}

// Close ends a recording while the workload runs on.
func (start Start) Close(t *testing.T) {
	sh := need.Program(t, "sh")
	r := start.Begin(t, Command(t, Null(t), sh, "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.02; done; exit 9"), false)
	if _, err := r.Snapshot(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if status, err := r.Wait(); err != nil || status.ExitStatus() != 9 {
		t.Errorf("status %#x, %v", uint32(status), err)
	}
}

// Snapshots are monotone while a workload runs.
func (start Start) Snapshots(t *testing.T) {
	r := start.Begin(t, Command(t, Null(t), Program(t), "many300"), false)
	before := observe.Recording{}
	for {
		alive, err := r.Alive()
		if err != nil {
			t.Fatal(err)
		}
		now, err := r.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for k, s := range before.Calls {
			if n := now.Calls[k]; n.Count < s.Count || n.Last < s.Last || n.First != s.First {
				t.Errorf("%s: %+v after %+v", Name(k), n, s)
			}
		}
		if before = now; alive == 0 {
			break
		}
	}
	if got := Counts(before)["getsid"]; got != 300 {
		t.Errorf("getsid %d times, want 300", got)
	}
	_, _ = r.Wait()
}

// Killed has the recorder killed by SIGKILL while the workload runs: that must
// come to its own end. The recorder is a process that this program becomes with
// the given arguments before the command's; it writes a line when the command
// runs.
func Killed(t *testing.T, helper ...string) {
	sh := need.Program(t, "sh")
	for range 5 {
		out := filepath.Join(t.TempDir(), "out")
		script := "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.01; ls / >/dev/null || exit 3; done; (exit 4); echo $? >" + out + ".new; mv " + out + ".new " + out
		cmd := exec.Command("/proc/self/exe", append(slices.Clone(helper), sh, "-c", script)...)
		ready, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(ready, make([]byte, 6)); err != nil {
			t.Fatalf("the recorder does not start: %v", err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		waitFile(t, out, "4\n")
	}
}

func waitFile(t testing.TB, name, want string) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(name); err == nil {
			if string(text) != want {
				t.Errorf("the workload's result is %q, want %q", text, want)
			}
			return
		}
	}
	t.Fatal("the workload does not come to its end without the recorder")
}

// RunKilled is the recorder of Killed: it starts the command and waits.
func RunKilled(start Start, args []string) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	fd := null.Fd()
	r, err := start(tracee.Command{Path: args[0], Args: args, Env: os.Environ(), FDs: []uintptr{fd, fd, 2}}, false)
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("ready\n")
	_, _ = r.Wait()
	time.Sleep(limit)
}
