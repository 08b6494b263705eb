//go:build amd64 || arm64 || 386

package tracee_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// followed follows the calls to the end, and returns those that were stopped.
func (x *run) followed() (list []tracee.Blocked, status string) {
	x.t.Helper()
	ws, err := x.Follow(func(b tracee.Blocked) { list = append(list, b) })
	if err != nil {
		x.t.Fatal(err)
	}
	return list, describe(ws)
}

// confine installs a filter that answers the call nr with an action.
func (x *run) confine(nr uint32, a seccomp.Action) {
	x.t.Helper()
	if err := x.Install(answering(x.ABI(), nr, a), kernel.InstallOptions{NoNewPrivs: true}); err != nil {
		x.t.Fatal(err)
	}
}

func answering(abi seccomp.ABI, nr uint32, a seccomp.Action) bpf.Program {
	p := deny(abi, 0, nr)
	p[len(p)-1] = bpf.Ret(a)
	return p
}

// TestFollow wants each stopped call once, and no other, from all that a
// program may be made of.
func TestFollow(t *testing.T) {
	path := build(t, "program.c")
	eperm, none := seccomp.ReturnErrno(seccomp.EPERM), syscall.Signal(0)
	for _, c := range []struct {
		action seccomp.Action
		args   string
		status string
		out    string
		count  int
		other  bool
		signal syscall.Signal
	}{
		{eperm, "write mkdir", "exit 5", "written\nexists\n", 0, false, none},
		{eperm, "open mkdir open", "exit 5", "open failed\nexists\nopen failed\n", 2, false, none},
		{seccomp.ReturnErrno(0), "open", "exit 5", "opened\n", 1, false, none}, // as descriptor 0
		{seccomp.Log, "open", "exit 5", "opened\n", 1, false, none},
		{seccomp.Trace, "open", "exit 5", "open failed\n", 1, false, none},
		{seccomp.Notify, "open", "exit 5", "open failed\n", 1, false, none},
		{seccomp.Trap, "catch open write", "exit 5", "sys\nopened\nwritten\n", 1, false, none},
		{seccomp.Trap, "open write", "SIGSYS", "", 1, false, syscall.SIGSYS},
		{seccomp.KillProcess, "open write", "SIGSYS", "", 1, false, syscall.SIGSYS},
		{seccomp.KillThread, "open write", "SIGSYS", "", 1, false, syscall.SIGSYS},
		{seccomp.Action(0x12340000), "open write", "SIGSYS", "", 1, false, syscall.SIGSYS},
		// Threads and children, and some that end beside them.
		{eperm, "threadopen write", "exit 5", "written\n", 1, false, none},
		{seccomp.KillThread, "threadopen write", "exit 5", "written\n", 1, false, syscall.SIGSYS},
		{seccomp.KillProcess, "thread thread threadopen write", "SIGSYS", "", 1, false, syscall.SIGSYS},
		{eperm, "forkopen forkopen", "exit 5", "child 3\nchild 3\n", 2, false, none},
		{seccomp.KillProcess, "forkopen write", "exit 5", "child died\nwritten\n", 1, false, syscall.SIGSYS},
		{eperm, "orphan exit", "exit 7", "", 0, false, none},
		{eperm, "kill", "SIGKILL", "", 0, false, none},
		{eperm, "signal open", "exit 5", "usr1\nopen failed\n", 1, false, none},
		// Filters of the program's own.
		{eperm, "eacces open", "exit 5", "open failed\n", 1, true, none},
		{seccomp.KillThread, "eacces open", "SIGSYS", "", 1, false, syscall.SIGSYS},
		{eperm, "die open", "SIGSYS", "", 1, true, syscall.SIGSYS},
		{seccomp.Trap, "catch die open", "SIGSYS", "", 1, true, syscall.SIGSYS},
	} {
		x := hold(t, nil, path, strings.Fields(c.args)...)
		x.to(tracee.Point{Symbol: "main"})
		x.confine(openat[x.ABI()], c.action)
		list, status := x.followed()
		name := fmt.Sprintf("%v %q", c.action, c.args)
		if out := <-x.out; status != c.status || out != "main\n"+c.out {
			t.Errorf("%s: ended with %s, wrote %q; want %s, %q", name, status, out, c.status, c.out)
		}
		if len(list) != c.count {
			t.Errorf("%s: stopped %+v, want %d calls", name, list, c.count)
		}
		for _, b := range list {
			child := strings.Contains(c.args, "fork") != (b.Process == x.PID())
			thread := strings.Contains(c.args, "thread") == (b.Thread != b.Process)
			if b.Data.NR != openat[x.ABI()] || b.Data.Arch != x.ABI().Arch() || b.Data.IP == 0 || !child || !thread ||
				b.Action != c.action.Canonical() && !strings.Contains(c.args, "die") || b.Other != c.other || b.Signal != c.signal {
				t.Errorf("%s: stopped %+v", name, b)
			}
		}
	}
}

// TestFollowExec follows a program through exec, by its first thread and by
// another one, and children of vfork, which exec as well.
func TestFollowExec(t *testing.T) {
	path := build(t, "program.c")
	for _, c := range []struct{ args, out string }{
		{"mkdir exec " + path + " mkdir", "main\nexists\nmain\nexists\n"},
		{"mkdir thread threadexec " + path + " mkdir", "main\nexists\nmain\nexists\n"},
		{"mkdir vfork vfork mkdir", "main\nexists\nchild 4\nchild 4\nexists\n"},
	} {
		for range 10 {
			x := hold(t, nil, path, strings.Fields(c.args)...)
			x.to(tracee.Point{Symbol: "main"})
			nr := map[seccomp.ABI]uint32{seccomp.X86_64: 83, seccomp.X86: 39, seccomp.AARCH64: 34}[x.ABI()]
			x.confine(nr, seccomp.ReturnErrno(seccomp.EPERM))
			list, status := x.followed()
			if out := <-x.out; status != "exit 5" || out != c.out || len(list) != 2 {
				t.Errorf("%q: ended with %s, wrote %q, stopped %+v", c.args, status, out, list)
			}
		}
	}
}

// TestFollow32 follows a program of 32 bits, and a call through x86 of one
// that has 64.
func TestFollow32(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("only x86_64 has two ways into the kernel here")
	}
	x := hold(t, nil, build(t, "program.c", "-m32"), "open")
	x.to(tracee.Point{Symbol: "main"})
	x.confine(openat[seccomp.X86], seccomp.ReturnErrno(seccomp.EPERM))
	list, status := x.followed()
	if out := <-x.out; status != "exit 5" || out != "main\nopen failed\n" || len(list) != 1 || list[0].Data.Arch != seccomp.X86.Arch() {
		t.Errorf("ended with %s, wrote %q, stopped %+v", status, out, list)
	}

	for action, out := range map[seccomp.Action]string{seccomp.Allow: "EFAULT", seccomp.ReturnErrno(seccomp.EPERM): "denied"} {
		x := hold(t, nil, build(t, "program.c"), "int80")
		x.to(tracee.Point{Symbol: "main"})
		p := answering(seccomp.X86, 39, action)
		if err := x.Install(p, kernel.InstallOptions{NoNewPrivs: true}); err != nil {
			t.Fatal(err)
		}
		list, status := x.followed()
		if got := <-x.out; status != "exit 5" || got != "main\n"+out+"\n" || (len(list) == 1) == action.Allows() {
			t.Errorf("%v: ended with %s, wrote %q, stopped %+v", action, status, got, list)
		}
		for _, b := range list {
			if want := (seccomp.Data{NR: 39, Arch: seccomp.X86.Arch(), IP: b.Data.IP, Args: [6]uint64{1: 0o700}}); b.Data.NR != want.NR || b.Data.Arch != want.Arch || b.Data.Args[1] != 0o700 {
				t.Errorf("stopped %+v, want %+v", b.Data, want)
			}
		}
	}
}

// TestFollowStacked has the strictest of several filters answer, and the
// newest of equals.
func TestFollowStacked(t *testing.T) {
	path := build(t, "program.c")
	for _, c := range []struct{ older, newer, want seccomp.Action }{
		{seccomp.ReturnErrno(1), seccomp.ReturnErrno(2), seccomp.ReturnErrno(2)},
		{seccomp.ReturnErrno(1), seccomp.Log, seccomp.ReturnErrno(1)},
		{seccomp.Trace, seccomp.ReturnErrno(2), seccomp.ReturnErrno(2)},
	} {
		x := hold(t, nil, path, "open")
		x.to(tracee.Point{Symbol: "main"})
		x.confine(openat[x.ABI()], c.older)
		x.confine(openat[x.ABI()], c.newer)
		list, status := x.followed()
		if status != "exit 5" || len(list) != 1 || list[0].Action != c.want || list[0].Other {
			t.Errorf("%+v: ended with %s, stopped %+v", c, status, list)
		}
	}
}

// TestFollowStopped follows a program that is stopped and continued.
func TestFollowStopped(t *testing.T) {
	x := hold(t, nil, build(t, "program.c"), "open", "stop", "open")
	x.to(tracee.Point{Symbol: "main"})
	x.confine(openat[x.ABI()], seccomp.ReturnErrno(seccomp.EPERM))
	go func() {
		for range 5000 { // in the stop that is no stop for the tracer
			if s, err := kernel.ReadStatus(x.PID()); err != nil || s.State == 'T' {
				break
			}
			time.Sleep(time.Millisecond)
			_ = x.Signal(syscall.SIGCONT)
		}
	}()
	list, status := x.followed()
	out := <-x.out
	// Each SIGCONT may be caught.
	if out = strings.ReplaceAll(out, "cont\n", ""); status != "exit 5" || out != "main\nopen failed\ncontinued\nopen failed\n" || len(list) != 2 {
		t.Errorf("ended with %s, wrote %q, stopped %+v", status, out, list)
	}
}

// TestFollowMany follows several programs with threads and children at once.
func TestFollowMany(t *testing.T) {
	path := build(t, "program.c")
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for range 10 {
				x := hold(t, nil, path, "forkopen", "thread", "open", "thread", "vfork", "forkopen", "orphan", "threadopen")
				x.to(tracee.Point{Symbol: "main"})
				x.confine(openat[x.ABI()], seccomp.Log)
				list, status := x.followed()
				if len(list) < 4 || status != "exit 5" {
					t.Errorf("ended with %s, logged %+v", status, list)
				}
			}
		})
	}
}

// TestFollowLetGo cannot follow a program that was let go.
func TestFollowLetGo(t *testing.T) {
	x := hold(t, nil, build(t, "program.c"))
	x.to(tracee.Point{})
	if err := x.Detach(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Follow(func(tracee.Blocked) {}); err == nil {
		t.Error("a program that was let go is followed")
	}
	x.end("exit 5", "main\n")
}

// TestFollowMemory reads the path of a call as the call finds it.
func TestFollowMemory(t *testing.T) {
	path := build(t, "program.c")
	for _, action := range []seccomp.Action{seccomp.ReturnErrno(1), seccomp.Trap, seccomp.KillProcess, seccomp.Log} {
		x := hold(t, nil, path, "open")
		x.to(tracee.Point{Symbol: "main"})
		x.confine(openat[x.ABI()], action)
		text := make([]byte, len("/dev/null"))
		_, err := x.Follow(func(b tracee.Blocked) {
			if _, err := b.Memory.ReadAt(text, int64(b.Data.Args[1])); err != nil {
				t.Errorf("%v: %v", action, err)
			}
		})
		if err != nil || string(text) != "/dev/null" {
			t.Errorf("%v: path %q, %v", action, text, err)
		}
	}
}

// exec holds a program before its first instruction, and makes it another one.
func (x *run) exec(p bpf.Program, path string, args ...string) error {
	x.t.Helper()
	x.to(tracee.Point{})
	env := []string{"LONG=" + strings.Repeat("x", 100_000), "CONSTRUCT=1"}
	return x.Exec(p, kernel.InstallOptions{NoNewPrivs: true, Flags: kernel.TSync}, path, append([]string{filepath.Base(path)}, args...), env)
}

// TestExec makes one program another, under a filter, which it is followed
// under from its start.
func TestExec(t *testing.T) {
	for _, c := range flavours {
		if strings.HasPrefix(c.name, "32") && runtime.GOARCH != "amd64" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			x := hold(t, nil, build(t, "program.c", c.flags...), "open")
			path := build(t, "program.c", "-static")
			abi := x.ABI()
			if strings.HasPrefix(c.name, "32") { // what it becomes has 64 bits
				abi = seccomp.X86_64
			}
			if err := x.exec(answering(abi, openat[abi], seccomp.ReturnErrno(seccomp.EPERM)), path, "signal", "open", "write"); err != nil {
				t.Fatal(err)
			}
			if x.ABI() != abi {
				t.Errorf("the new program is of %v", x.ABI())
			}
			list, status := x.followed()
			if out := <-x.out; status != "exit 5" || out != "constructor\nmain\nusr1\nopen failed\nwritten\n" || len(list) != 1 {
				t.Errorf("ended with %s, wrote %q, stopped %+v", status, out, list)
			}
		})
	}
}

// TestExecStart sees the calls of the dynamic loader, and holds the new
// program at a point.
func TestExecStart(t *testing.T) {
	path := build(t, "program.c")
	x := hold(t, nil, path)
	if err := x.exec(answering(x.ABI(), openat[x.ABI()], seccomp.Log), path, "open"); err != nil {
		t.Fatal(err)
	}
	if reached := x.to(tracee.Point{Symbol: "main"}); reached.Name != "main" {
		t.Errorf("reached %+v", reached)
	}
	x.end("exit 5", "constructor\nmain\nopened\n")

	x = hold(t, nil, path)
	if err := x.exec(answering(x.ABI(), openat[x.ABI()], seccomp.Log), path, "open"); err != nil {
		t.Fatal(err)
	}
	list, status := x.followed()
	if status != "exit 5" || len(list) < 3 { // a cache, a library, and the file
		t.Errorf("ended with %s, logged %+v", status, list)
	}
}

// TestExecErrors has exec fail, and the filter.
func TestExecErrors(t *testing.T) {
	path := build(t, "program.c")
	execve := map[seccomp.ABI]uint32{seccomp.X86_64: 59, seccomp.X86: 11, seccomp.AARCH64: 221}
	nothing := func(seccomp.ABI) bpf.Program { return nil }
	for _, c := range []struct {
		path   string
		filter func(seccomp.ABI) bpf.Program
		want   string
	}{
		{"/no/such/file", nothing, "exec /no/such/file: no such file or directory"},
		{"/", nothing, "exec /: permission denied"},
		{"a\x00b", nothing, "exec a\x00b: invalid argument"},
		{path, func(abi seccomp.ABI) bpf.Program { return deny(abi, seccomp.EPERM, execve[abi]) }, "exec " + path + ": operation not permitted"},
		{path, func(abi seccomp.ABI) bpf.Program { return answering(abi, execve[abi], seccomp.KillProcess) }, tracee.ErrEnded.Error()},
		{path, func(abi seccomp.ABI) bpf.Program { return answering(abi, execve[abi], seccomp.Trap) }, tracee.ErrEnded.Error()},
		{path, func(abi seccomp.ABI) bpf.Program { return deny(abi, 0, execve[abi]) }, "exec " + path + ": a filter answers ERRNO(0)"},
		{path, func(seccomp.ABI) bpf.Program { return bpf.Program{{}} }, "install a seccomp filter: invalid argument"},
	} {
		x := hold(t, nil, path)
		if err := x.exec(c.filter(x.ABI()), c.path); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.path, err, c.want)
		}
	}
	x := hold(t, nil, path)
	if err := x.Exec(nil, kernel.InstallOptions{}, path, nil, nil); err == nil {
		t.Error("exec of a program that is not held at a point")
	}
}

// TestExecUser does it as a user without privileges.
func TestExecUser(t *testing.T) {
	user, path := nobody(t), build(t, "program.c")
	x := hold(t, user, path)
	x.to(tracee.Point{})
	p := deny(x.ABI(), seccomp.EPERM, 9999)
	args := []string{"program", "status"}
	if err := x.Exec(p, kernel.InstallOptions{}, path, args, nil); err == nil {
		t.Error("a filter without no_new_privs")
	}
	if err := x.Exec(p, kernel.InstallOptions{NoNewPrivs: true}, path, args, nil); err != nil {
		t.Fatal(err)
	}
	list, status := x.followed()
	if out := <-x.out; status != "exit 5" || out != "main\nSeccomp:\t2\nNoNewPrivs:\t1\n" || len(list) != 0 {
		t.Errorf("ended with %s, wrote %q, stopped %+v", status, out, slices.Clip(list))
	}
}
