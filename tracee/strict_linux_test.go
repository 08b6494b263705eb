//go:build amd64 || arm64 || 386

package tracee_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// Numbers of the calls that end a program in strict mode.
var (
	exitGroup = map[seccomp.ABI]uint32{seccomp.X86_64: 231, seccomp.X86: 252, seccomp.AARCH64: 94}
	fork      = map[seccomp.ABI]uint32{seccomp.X86_64: 56, seccomp.X86: 120, seccomp.AARCH64: 220}
)

// blockedCalls waits for the end and returns what seccomp stopped.
func (x *run) blockedCalls() (list []tracee.Blocked, status string) {
	x.t.Helper()
	ws, err := x.Wait(func(b tracee.Blocked) {
		b.Memory = nil
		list = append(list, b)
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return list, describe(ws)
}

// TestStrict puts programs into strict mode at main and wants the first call
// that is not allowed.
func TestStrict(t *testing.T) {
	need.Unfiltered(t)
	for _, c := range flavours {
		if strings.HasPrefix(c.name, "32") && runtime.GOARCH == "arm64" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			path := build(t, "program.c", c.flags...)
			for _, e := range []struct {
				args []string
				nr   map[seccomp.ABI]uint32
				out  string
			}{
				{[]string{"write"}, exitGroup, "main\nwritten\n"},
				{[]string{"write", "open", "write"}, openat, "main\nwritten\n"},
				{[]string{"fork"}, fork, "main\n"},
			} {
				x := hold(t, nil, path, e.args...)
				x.to(tracee.Point{Symbol: "main"})
				if err := x.Strict(); err != nil {
					t.Fatal(err)
				}
				if s, err := kernel.ReadStatus(x.PID()); err != nil || s.Mode != kernel.ModeStrict {
					t.Errorf("status %+v, %v", s, err)
				}
				blocked, status := x.blockedCalls()
				abi := x.ABI()
				if status != "SIGKILL" || len(blocked) != 1 {
					t.Fatalf("%q: ended with %s, stopped %+v", e.args, status, blocked)
				}
				b := blocked[0]
				if b.Data.NR != e.nr[abi] || b.Data.Arch != abi.Arch() || b.Signal != syscall.SIGKILL || b.Thread != x.PID() {
					t.Errorf("%q: stopped %+v, want call %d", e.args, b, e.nr[abi])
				}
				if out := <-x.out; out != e.out {
					t.Errorf("%q: wrote %q, want %q", e.args, out, e.out)
				}
			}
		})
	}
}

// TestStrictMemory reads the path that the stopped call was given.
func TestStrictMemory(t *testing.T) {
	need.Unfiltered(t)
	x := hold(t, nil, build(t, "program.c"), "open", "open")
	x.to(tracee.Point{After: 1, NR: openat[x.ABI()]})
	if err := x.Strict(); err != nil {
		t.Fatal(err)
	}
	path := make([]byte, len("/dev/null\x00"))
	_, err := x.Wait(func(b tracee.Blocked) {
		if n, err := b.Memory.ReadAt(path, int64(b.Data.Args[1])); err != nil || n != len(path) {
			t.Errorf("read the path: %d, %v", n, err)
		}
	})
	if err != nil || string(path) != "/dev/null\x00" {
		t.Errorf("path is %q, %v", path, err)
	}
}

// TestStrictKilledOtherwise has a program in strict mode end by a signal that
// somebody sends: no call is to blame.
func TestStrictKilledOtherwise(t *testing.T) {
	need.Unfiltered(t)
	path := build(t, "reader.c")
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSEGV} {
		x := hold(t, nil, path)
		x.to(tracee.Point{Symbol: "main"})
		if err := x.Strict(); err != nil {
			t.Fatal(err)
		}
		if err := x.Signal(signal); err != nil {
			t.Fatal(err)
		}
		blocked, status := x.blockedCalls()
		if len(blocked) != 0 || status != unix.SignalName(signal) {
			t.Errorf("%v: ended with %s, stopped %+v", signal, status, blocked)
		}
	}
}

// TestStrictAllowed has a program that keeps to the four calls, a signal
// handler among them.
func TestStrictAllowed(t *testing.T) {
	need.Unfiltered(t)
	x := hold(t, nil, build(t, "reader.c"), "exit")
	x.to(tracee.Point{Symbol: "wait_for_signal"})
	if err := x.Strict(); err != nil {
		t.Fatal(err)
	}
	if err := x.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	blocked, status := x.blockedCalls()
	if len(blocked) != 0 || status != "exit 3" {
		t.Errorf("ended with %s, stopped %+v", status, blocked)
	}
}

// TestStrictByItself has a program that is in strict mode already: it is
// followed as it is, and no call is made in it.
func TestStrictByItself(t *testing.T) {
	need.Unfiltered(t)
	prctl := map[seccomp.ABI]uint32{seccomp.X86_64: 157, seccomp.X86: 172, seccomp.AARCH64: 167}
	x := hold(t, nil, build(t, "program.c"), "strict", "write")
	x.to(tracee.Point{After: 1, NR: prctl[x.ABI()]})
	if err := x.Install(bpf.Program{bpf.Ret(seccomp.Allow)}, kernel.InstallOptions{NoNewPrivs: true}); err == nil {
		t.Error("a filter can be installed in strict mode")
	}
	if err := x.Strict(); err != nil {
		t.Error(err)
	}
	blocked, status := x.blockedCalls()
	if out := <-x.out; status != "SIGKILL" || out != "main\nwritten\n" || len(blocked) != 1 || blocked[0].Data.NR != exitGroup[x.ABI()] {
		t.Errorf("ended with %s, wrote %q, stopped %+v", status, out, blocked)
	}
}

// TestStrictUnderFilter cannot have both.
func TestStrictUnderFilter(t *testing.T) {
	x := hold(t, nil, build(t, "program.c"), "write")
	x.to(tracee.Point{Symbol: "main"})
	err := x.Install(bpf.Program{bpf.Ret(seccomp.Allow)}, kernel.InstallOptions{NoNewPrivs: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Strict(); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("strict mode under a filter: %v, want EINVAL", err)
	}
	x.end("exit 5", "main\nwritten\n")
}

// TestBlockedByFilter follows programs that filters end: the process, one of
// its threads, a child.
func TestBlockedByFilter(t *testing.T) {
	path := build(t, "program.c")
	for _, c := range []struct {
		action seccomp.Action
		args   []string
		status string
		out    string
		count  int
	}{
		{seccomp.KillProcess, []string{"open", "write"}, "SIGSYS", "main\n", 1},
		{seccomp.KillThread, []string{"open", "write"}, "SIGSYS", "main\n", 1},
		{seccomp.Trap, []string{"open", "write"}, "SIGSYS", "main\n", 1},
		{seccomp.KillProcess, []string{"threadopen", "write"}, "SIGSYS", "main\n", 1},
		{seccomp.KillThread, []string{"threadopen", "write"}, "exit 5", "main\nwritten\n", 1},
		{seccomp.KillThread, []string{"forkopen", "write"}, "exit 5", "main\nchild died\nwritten\n", 1},
		{seccomp.Allow, []string{"forkopen", "write"}, "exit 5", "main\nchild 3\nwritten\n", 0},
	} {
		x := hold(t, nil, path, c.args...)
		x.to(tracee.Point{Symbol: "main"})
		p := deny(x.ABI(), 0, openat[x.ABI()])
		p[len(p)-1] = bpf.Ret(c.action)
		if err := x.Install(p, kernel.InstallOptions{NoNewPrivs: true}); err != nil {
			t.Fatal(err)
		}
		blocked, status := x.blockedCalls()
		if out := <-x.out; status != c.status || len(blocked) != c.count || out != c.out {
			t.Errorf("%v %q: ended with %s, wrote %q, stopped %+v; want %s, %q, %d", c.action, c.args, status, out, blocked, c.status, c.out, c.count)
		}
		for _, b := range blocked {
			if b.Signal != syscall.SIGSYS || b.Data.NR != openat[x.ABI()] {
				t.Errorf("%v %q: stopped %+v", c.action, c.args, b)
			}
		}
	}
}

// TestNobody does everything as a user without privileges.
func TestNobody(t *testing.T) {
	user := nobody(t)
	path := build(t, "program.c")
	x := hold(t, user, path, "open", "status")
	x.to(tracee.Point{Symbol: "main"})
	p := deny(x.ABI(), seccomp.EPERM, openat[x.ABI()])
	if err := x.Install(p, kernel.InstallOptions{}); !errors.Is(err, syscall.EACCES) {
		t.Errorf("a filter without no_new_privs: %v, want EACCES", err)
	}
	if err := x.Install(deny(x.ABI(), seccomp.EPERM, 9999), kernel.InstallOptions{NoNewPrivs: true, Flags: kernel.Log | kernel.SpecAllow | kernel.TSync}); err != nil {
		t.Error(err)
	}
	if err := x.Detach(); err != nil {
		t.Error(err)
	}
	x.end("exit 5", "main\nopened\nSeccomp:\t2\nNoNewPrivs:\t1\n")
}

// TestPrivileged leaves the bit off, as CAP_SYS_ADMIN allows.
func TestPrivileged(t *testing.T) {
	need.Unfiltered(t)
	need.Root(t)
	if !kernel.Privileged() {
		t.Skip("this root has no CAP_SYS_ADMIN")
	}
	x := hold(t, nil, build(t, "program.c"), "status")
	x.to(tracee.Point{Symbol: "main"})
	if err := x.Install(deny(x.ABI(), seccomp.EPERM, 9999), kernel.InstallOptions{}); err != nil {
		t.Error(err)
	}
	if err := x.Detach(); err != nil {
		t.Error(err)
	}
	x.end("exit 5", "main\nSeccomp:\t2\nNoNewPrivs:\t0\n")
}

// TestStackedAndLarge stacks large filters, which the program's stack lends
// room for, and leaves that as it was.
func TestStackedAndLarge(t *testing.T) {
	need.Unfiltered(t)
	x := hold(t, nil, build(t, "program.c"), "open", "status")
	x.to(tracee.Point{Symbol: "main"})
	large := make(bpf.Program, 0, bpf.MaxInstructions)
	for range bpf.MaxInstructions - 1 {
		large = append(large, bpf.Stmt(bpf.LoadImm, 1))
	}
	large = append(large, bpf.Ret(seccomp.Allow))
	for range 3 {
		if err := x.Install(large, kernel.InstallOptions{NoNewPrivs: true}); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := kernel.ReadStatus(x.PID()); err != nil || s.Filters != 3 {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := x.Install(append(large, large...), kernel.InstallOptions{NoNewPrivs: true}); !errors.Is(err, bpf.TooLong) {
		t.Errorf("a program that is too long: %v", err)
	}
	if err := x.Detach(); err != nil {
		t.Error(err)
	}
	x.end("exit 5", "main\nopened\nSeccomp:\t2\nNoNewPrivs:\t1\n")
}

// TestStartErrors starts what cannot be executed.
func TestStartErrors(t *testing.T) {
	dir := need.PublicDir(t)
	plain := filepath.Join(dir, "plain")
	text := filepath.Join(dir, "text")
	if err := errors.Join(os.WriteFile(plain, []byte("x"), 0o644), os.WriteFile(text, []byte("neither ELF nor script"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "none"): os.ErrNotExist,
		plain:                      os.ErrPermission,
		dir:                        os.ErrPermission,
		text:                       syscall.ENOEXEC,
		"":                         os.ErrNotExist,
	} {
		x, err := tracee.Start(tracee.Command{Path: path, Args: []string{"x"}}, tracee.Options{})
		if !errors.Is(err, want) {
			t.Errorf("Start(%q): %v, want %v", path, err, want)
		}
		if err == nil {
			x.Close()
		}
	}
}

// TestScript holds the interpreter of a script.
func TestScript(t *testing.T) {
	sh := need.Program(t, "sh")
	script := filepath.Join(need.PublicDir(t), "script")
	if err := os.WriteFile(script, []byte("#!"+sh+"\necho script $1\nexit 4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	x := hold(t, nil, script, "argument")
	x.to(tracee.Point{Symbol: "main"})
	if err := x.Install(deny(x.ABI(), seccomp.EPERM, 9999), kernel.InstallOptions{NoNewPrivs: true}); err != nil {
		t.Error(err)
	}
	x.end("exit 4", "script argument\n")
}

// TestSetUserID holds a set-user-ID program: without privileges its bit has
// no effect while it is held.
func TestSetUserID(t *testing.T) {
	user := nobody(t)
	id := need.Program(t, "id")
	copied := filepath.Join(need.PublicDir(t), "id")
	text, err := os.ReadFile(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(copied, text, 0o755), os.Chmod(copied, 0o4755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	plain, err := exec.Command("setpriv", "--reuid", "65534", "--clear-groups", copied, "-u").CombinedOutput()
	if err == nil && string(plain) != "0\n" {
		t.Skipf("set-user-ID bits have no effect here: %q", plain)
	}
	x := hold(t, user, copied, "-u")
	x.to(tracee.Point{Symbol: "main"})
	if err := x.Detach(); err != nil {
		t.Error(err)
	}
	x.end("exit 0", "65534\n")
}

// TestManyAtOnce holds several programs from several goroutines.
func TestManyAtOnce(t *testing.T) {
	path := build(t, "program.c", "-s")
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for range 10 {
				x := hold(t, nil, path, "open", "fork", "thread", "open")
				x.to(tracee.Point{After: 2, NR: openat[x.ABI()]})
				if err := x.Install(deny(x.ABI(), seccomp.EPERM, openat[x.ABI()]), kernel.InstallOptions{NoNewPrivs: true, Flags: kernel.TSync}); err != nil {
					t.Error(err)
				}
				if err := x.Detach(); err != nil {
					t.Error(err)
				}
				x.end("exit 5", "main\nopened\ncheckpoint\nchild 3\nopened\n")
			}
		})
	}
}
