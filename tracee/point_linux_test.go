//go:build amd64 || arm64 || 386

package tracee_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// TestSymbol holds a program at functions of its own, of its exported
// symbols, and of a library.
func TestSymbol(t *testing.T) {
	for _, c := range []struct {
		flags, args []string
		symbol      string
		before, out string
	}{
		{nil, []string{"write", "checkpoint"}, "checkpoint", "main\nwritten\n", "checkpoint\n"},
		{[]string{"-static"}, []string{"write", "checkpoint"}, "checkpoint", "main\nwritten\n", "checkpoint\n"},
		{[]string{"-s", "-rdynamic"}, []string{"checkpoint", "write"}, "checkpoint", "main\n", "checkpoint\nwritten\n"},
		{[]string{"-s"}, []string{"write", "signal"}, "raise", "main\nwritten\n", "usr1\n"},
	} {
		path := build(t, "program.c", c.flags...)
		x := hold(t, nil, path, c.args...)
		reached := x.to(tracee.Point{Symbol: c.symbol})
		if reached.Name != c.symbol {
			t.Errorf("%q: reached %+v", c.flags, reached)
		}
		x.end("exit 5", c.before+c.out)
	}
}

// TestOneAfterTheOther goes from point to point.
func TestOneAfterTheOther(t *testing.T) {
	x := hold(t, nil, build(t, "program.c"), "write", "checkpoint", "open")
	var last uint64
	for _, p := range []tracee.Point{{}, {Symbol: "main"}, {Symbol: "checkpoint"}, {After: 1, NR: openat[x.ABI()]}} {
		reached := x.to(p)
		if reached.Address == last {
			t.Errorf("%+v: still at %#x", p, last)
		}
		last = reached.Address
		if pid, err := x.Syscall(getpid[x.ABI()]); err != nil || int(pid) != x.PID() {
			t.Errorf("%+v: getpid() in the program = %d, %v, want %d", p, pid, err, x.PID())
		}
	}
	x.end("exit 5", "main\nwritten\ncheckpoint\nopened\n")
}

// TestAfter counts calls, of main and behind it.
func TestAfter(t *testing.T) {
	path := build(t, "program.c")
	for n, want := range []string{"", "open failed\nopen failed\nopen failed\n", "opened\nopen failed\nopen failed\n", "opened\nopened\nopen failed\n", "opened\nopened\nopened\n"} {
		if n == 0 {
			continue
		}
		x := hold(t, nil, path, "open", "open", "open")
		reached, err := x.RunTo(tracee.Point{After: n - 1, NR: openat[x.ABI()], Symbol: map[bool]string{true: "main"}[n == 1]})
		if err != nil || reached.Name != "main" {
			t.Fatalf("%+v, %v", reached, err)
		}
		err = x.Install(deny(x.ABI(), seccomp.EPERM, openat[x.ABI()]), kernel.InstallOptions{NoNewPrivs: true})
		if err != nil {
			t.Fatal(err)
		}
		x.end("exit 5", "main\n"+want)
	}
}

// TestNotReached runs to points that programs do not get to, each in its way.
func TestNotReached(t *testing.T) {
	path := build(t, "program.c")
	never := tracee.Point{After: 1000, NR: openat[seccomp.X86_64]}
	for _, c := range []struct {
		args   []string
		point  tracee.Point
		err    error
		status string
		out    string
	}{
		{[]string{"exit"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrEnded, "exit 7", "main\n"},
		{[]string{"write"}, never, tracee.ErrEnded, "exit 5", "main\nwritten\n"},
		{[]string{"kill"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrEnded, "SIGKILL", "main\n"},
		{[]string{"kill"}, never, tracee.ErrEnded, "SIGKILL", "main\n"},
		{[]string{"abort"}, never, tracee.ErrEnded, "SIGABRT", "main\n"},
		{[]string{"trap"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrEnded, "SIGTRAP", "main\n"},
		{[]string{"fork"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrEnded, "exit 5", "main\ncheckpoint\nchild 3\n"},
		{[]string{"vfork"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrEnded, "exit 5", "main\nchild 4\n"},
		{[]string{"signal"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrEnded, "exit 5", "main\nusr1\n"},
		{[]string{"exec", path, "checkpoint"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrExec, "exit 5", "main\nmain\ncheckpoint\n"},
		{[]string{"thread", "exec", path, "write"}, tracee.Point{Symbol: "checkpoint"}, tracee.ErrExec, "exit 5", "main\nmain\nwritten\n"},
		{nil, tracee.Point{Symbol: "no_such_function"}, tracee.ErrNoSymbol, "exit 5", "main\n"},
		{nil, tracee.Point{After: -1}, nil, "exit 5", "main\n"},
	} {
		x := hold(t, nil, path, c.args...)
		_, err := x.RunTo(c.point)
		if err == nil || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%q to %+v: %v, want %v", c.args, c.point, err, c.err)
		}
		x.end(c.status, c.out)
	}
}

// TestAfterExec goes on counting in the program that a program becomes.
func TestAfterExec(t *testing.T) {
	path := build(t, "program.c")
	x := hold(t, nil, path, "open", "exec", path, "open", "open", "open")
	// The start of the second program makes calls of its own: two or more
	// files are opened for its libraries.
	x.to(tracee.Point{After: 2, NR: openat[x.ABI()]})
	if err := x.Install(deny(x.ABI(), seccomp.EPERM, 9999), kernel.InstallOptions{NoNewPrivs: true}); err != nil {
		t.Error(err)
	}
	x.end("exit 5", "main\nopened\nmain\nopened\nopened\nopened\n")
}

// TestStopped holds a program that stops itself: it stays stopped until it is
// told to continue.
func TestStopped(t *testing.T) {
	path := build(t, "program.c")
	for _, wait := range []bool{false, true} {
		x := hold(t, nil, path, "stop", "checkpoint")
		x.to(tracee.Point{})
		go func() {
			stopped(x.PID())
			time.Sleep(20 * time.Millisecond)
			if s, err := kernel.ReadStatus(x.PID()); err != nil || s.State != 'T' && s.State != 't' {
				t.Errorf("it does not stay stopped: %+v, %v", s, err)
			}
			if err := x.Signal(syscall.SIGCONT); err != nil {
				t.Error(err)
			}
		}()
		if !wait {
			x.to(tracee.Point{Symbol: "checkpoint"})
		}
		x.end("exit 5", "main\ncont\ncontinued\ncheckpoint\n")
	}
}

// TestDeathSignal lets go of a program, which then outlives the tracer.
func TestDeathSignal(t *testing.T) {
	for _, flag := range []string{"-O1", "-m32"} {
		if flag == "-m32" && runtime.GOARCH != "amd64" {
			continue
		}
		x := hold(t, nil, build(t, "program.c", flag), "deathsig")
		x.to(tracee.Point{Symbol: "main"})
		if err := x.Detach(); err != nil {
			t.Fatal(err)
		}
		x.end("exit 5", "main\nno death signal\n")
	}
}

// TestTraceMe lets go of a program that then asks its parent to trace it, and
// gets a signal or executes another program.
func TestTraceMe(t *testing.T) {
	path := build(t, "program.c")
	for _, c := range []struct {
		args        []string
		status, out string
	}{
		{[]string{"traceme", "signal"}, "exit 5", "main\ntraced\nusr1\n"},
		{[]string{"traceme", "traceme", "signal"}, "exit 5", "main\ntraced\nnot traced\nusr1\n"},
		{[]string{"traceme", "kill"}, "SIGKILL", "main\ntraced\n"},
		{[]string{"traceme", "trap"}, "SIGTRAP", "main\ntraced\n"},
		{[]string{"traceme", "exec", path}, "exit 5", "main\ntraced\nmain\n"},
	} {
		x := hold(t, nil, path, c.args...)
		x.to(tracee.Point{Symbol: "main"})
		if err := x.Detach(); err != nil {
			t.Fatal(err)
		}
		x.end(c.status, c.out)
	}
}

// stopped waits until a process is stopped.
func stopped(pid int) {
	for range 5000 {
		if s, err := kernel.ReadStatus(pid); err != nil || s.State == 'T' || s.State == 't' {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// getpid and getppid are calls that change nothing.
var (
	getpid  = map[seccomp.ABI]uint32{seccomp.X86_64: 39, seccomp.X86: 20, seccomp.AARCH64: 172}
	getppid = map[seccomp.ABI]uint32{seccomp.X86_64: 110, seccomp.X86: 64, seccomp.AARCH64: 173}
)

// goBuild compiles the Go program of testdata.
func goBuild(t *testing.T, flags ...string) string {
	t.Helper()
	out := filepath.Join(need.PublicDir(t), "goprogram")
	if runtime.GOARCH == "386" { // which has no PIE without C
		flags = slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == "-buildmode=pie" })
	}
	cmd := exec.Command(need.Program(t, "go"), append([]string{"build", "-o", out}, append(flags, "./testdata/gosource")...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+map[bool]string{true: "1", false: "0"}[strings.Contains(strings.Join(flags, " "), "external")])
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
	return out
}

// TestGo confines all threads of Go programs from main.main on.
func TestGo(t *testing.T) {
	for _, flags := range [][]string{nil, {"-ldflags=-s -w"}, {"-buildmode=pie"}, {"-buildmode=pie", "-ldflags=-s -w"}} {
		path := goBuild(t, flags...)
		for _, symbol := range []string{"main", "main.main", "main.ppid"} {
			x := hold(t, nil, path)
			reached := x.to(tracee.Point{Symbol: symbol})
			if want := map[string]string{"main": "main.main"}[symbol]; want != "" && reached.Name != want {
				t.Errorf("%q: reached %+v, want %s", flags, reached, want)
			}
			if reached.Threads < 2 {
				t.Errorf("%q: %s has %d threads", flags, symbol, reached.Threads)
			}
			p := deny(x.ABI(), 33, getppid[x.ABI()]) // EDOM
			if err := x.Install(p, kernel.InstallOptions{NoNewPrivs: true}); !errors.Is(err, tracee.ErrThreads) {
				t.Errorf("a filter for one of %d threads: %v", reached.Threads, err)
			}
			if err := x.Strict(); !errors.Is(err, tracee.ErrThreads) {
				t.Errorf("strict mode for one of %d threads: %v", reached.Threads, err)
			}
			if err := x.Install(p, kernel.InstallOptions{NoNewPrivs: true, Flags: kernel.TSync}); err != nil {
				t.Errorf("%q at %s: %v", flags, symbol, err)
			}
			if err := x.Detach(); err != nil {
				t.Error(err)
			}
			x.end("exit 6", "10\n")
		}
	}
}

// TestGoLinkedByC finds main.main in stripped programs that gcc linked.
func TestGoLinkedByC(t *testing.T) {
	need.Program(t, "gcc")
	for _, flags := range [][]string{
		{"-ldflags=-linkmode=external -s -w"},
		{"-buildmode=pie", "-ldflags=-linkmode=external -s -w"},
		{"-ldflags=-linkmode=external -s -w -extldflags=-static"},
	} {
		x := hold(t, nil, goBuild(t, flags...))
		if reached := x.to(tracee.Point{Symbol: "main"}); reached.Name != "main.main" || reached.Threads < 2 {
			t.Errorf("%q: reached %+v, want main.main", flags, reached)
		}
		o := kernel.InstallOptions{NoNewPrivs: true, Flags: kernel.TSync}
		if err := x.Install(deny(x.ABI(), 33, getppid[x.ABI()]), o); err != nil {
			t.Errorf("%q: %v", flags, err)
		}
		x.end("exit 6", "10\n")
	}
}

// TestGoAtEntry holds a Go program where it has one thread.
func TestGoAtEntry(t *testing.T) {
	x := hold(t, nil, goBuild(t))
	if reached := x.to(tracee.Point{}); reached.Threads != 1 {
		t.Errorf("reached %+v, want one thread", reached)
	}
	if err := x.Install(deny(x.ABI(), 33, getppid[x.ABI()]), kernel.InstallOptions{NoNewPrivs: true}); err != nil {
		t.Error(err)
	}
	x.end("exit 6", "10\n")
}

// TestNoMain holds programs that hand no main function to anybody.
func TestNoMain(t *testing.T) {
	path := build(t, "bare.c", "-nostdlib", "-static", "-s", "-fno-stack-protector")
	x := hold(t, nil, path)
	reached := x.to(tracee.Point{Symbol: "main"})
	if reached.Substitute == "" || reached.Name != "" {
		t.Errorf("reached %+v, want the entry point as a substitute", reached)
	}
	if err := x.Install(deny(x.ABI(), seccomp.EPERM, write[x.ABI()]), kernel.InstallOptions{NoNewPrivs: true}); err != nil {
		t.Error(err)
	}
	x.end("exit 1", "")
}
