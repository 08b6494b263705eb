package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
)

// patience is how long a command of the tests may take: none may hang.
const patience = 20 * time.Second

// callgate is a command line of this very program.
func callgate(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Args[0] = "callgate" // by which TestMain knows it
	cmd.WaitDelay = patience
	return cmd
}

// victim compiles testdata/victim.c, and writes the profile that denies mkdir.
func victim(t *testing.T, flags ...string) (program, profile string) {
	t.Helper()
	dir := need.PublicDir(t)
	program, profile = filepath.Join(dir, "victim"), filepath.Join(dir, "mkdir.json")
	args := append([]string{"-O1", "-o", program, "testdata/victim.c"}, flags...)
	if out, err := exec.Command(need.Program(t, "gcc"), args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	const text = `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}`
	if err := os.WriteFile(profile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return program, profile
}

// TestRunUsers runs commands as root and as nobody, in each way.
func TestRunUsers(t *testing.T) {
	program, profile := victim(t)
	users := map[string]*syscall.Credential{"caller": nil}
	if os.Geteuid() == 0 {
		uid, gid := need.Nobody(t)
		users["nobody"] = &syscall.Credential{Uid: uid, Gid: gid}
	}
	for user, credential := range users {
		bit := "1" // no_new_privs
		if kernel.Privileged() && credential == nil {
			bit = "0"
		}
		for _, c := range []struct {
			flags  []string
			status int
			out    string
		}{
			{nil, 4, "mkdir: Operation not permitted\nSeccomp:\t2\nNoNewPrivs:\t" + bit + "\n"},
			{[]string{"--at", "main"}, 4, "mkdir: Operation not permitted\nSeccomp:\t2\nNoNewPrivs:\t" + bit + "\n"},
			{[]string{"--at", "entry"}, 4, "mkdir: Operation not permitted\nSeccomp:\t2\nNoNewPrivs:\t" + bit + "\n"},
			{[]string{"--after", "mkdir"}, 4, "mkdir: File exists\nSeccomp:\t2\nNoNewPrivs:\t" + bit + "\n"},
		} {
			args := append([]string{"run", "--profile", profile}, c.flags...)
			cmd := callgate(t, append(args, program, "look")...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != c.status || string(out) != c.out {
				t.Errorf("%s %q: status %d, %q; want %d, %q", user, c.flags, got, out, c.status, c.out)
			}
		}
		t.Run(user+" in strict mode", func(t *testing.T) {
			need.Unfiltered(t)
			cmd := callgate(t, "run", "--strict", program, "look")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != 137 || !strings.Contains(string(out), `SIGKILL at mkdir("/", 0700)`) {
				t.Errorf("status %d, %q", got, out)
			}
		})
	}
}

// start starts a command line whose command says "ready", and returns what it
// writes after that.
func start(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	r, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // the command too
	timer := time.AfterFunc(patience, end)
	t.Cleanup(func() {
		timer.Stop()
		end()
	})
	out := bufio.NewReader(r)
	if line, err := out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q wrote %q, %v", cmd.Args, line, err)
	}
	return out
}

// TestRunSignals sends signals to callgate, which are the command's.
func TestRunSignals(t *testing.T) {
	program, profile := victim(t)
	for _, flags := range [][]string{
		{"--profile", profile}, {"--profile", profile, "--at", "main"},
		{"--profile", profile, "--after", "mkdir,1000"}, // held all the time
		{"--profile", profile, "--explain"},
	} {
		cmd := callgate(t, append(append([]string{"run"}, flags...), program, "signals")...)
		out := start(t, cmd)
		for _, s := range []syscall.Signal{unix.SIGUSR1, unix.SIGINT, unix.SIGHUP, unix.SIGUSR2} {
			if signal.Ignored(s) {
				continue // as nohup leaves SIGHUP, for all that is started under it
			}
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if line, err := out.ReadString('\n'); line != fmt.Sprintf("signal %d\n", s) {
				t.Errorf("%q: %v came as %q, %v", flags, s, line, err)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
		held := len(flags) > 2
		switch {
		case !held && ws.Signal() != syscall.SIGTERM, held && flags[2] != "--after" && ws.ExitStatus() != 143,
			held && flags[2] == "--after" && ws.ExitStatus() != statusTool:
			t.Errorf("%q: ended with %v", flags, err)
		}
	}
}

// TestRunKilledEarly kills callgate while it starts a command, which does not
// stay behind: nobody would make it go on.
func TestRunKilledEarly(t *testing.T) {
	program, _ := victim(t)
	for i := range 200 {
		cmd := callgate(t, "run", "--after", "mkdir,1000", program, "signals")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = w
		if err := errors.Join(cmd.Start(), w.Close()); err != nil {
			t.Fatal(err)
		}
		after := 4*time.Millisecond + time.Duration(i)*50*time.Microsecond
		time.Sleep(after)
		if err := errors.Join(cmd.Process.Kill(), r.SetReadDeadline(time.Now().Add(patience))); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); err != nil { // to the end, which its last writer makes
			t.Errorf("killed after %v, callgate left the command behind: %v", after, err)
		}
		_ = cmd.Wait()
		r.Close()
	}
}

// TestRunKilled kills callgate while it holds a command: that ends, too.
func TestRunKilled(t *testing.T) {
	program, profile := victim(t)
	for _, flags := range [][]string{{"--after", "mkdir,1000"}, {"--explain"}} {
		args := append([]string{"run", "--profile", profile}, flags...)
		cmd := callgate(t, append(args, program, "signals")...)
		out := start(t, cmd)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(out) // to the end, which its last writer makes
		if err != nil || len(rest) != 0 {
			t.Errorf("%q: the command went on: %q, %v", flags, rest, err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%q: callgate ended well", flags)
		}
	}
}

// TestRunStopped stops and continues a command that is followed, in strict
// mode and under a filter.
func TestRunStopped(t *testing.T) {
	program, profile := victim(t)
	t.Run("strict", func(t *testing.T) {
		need.Unfiltered(t)
		testRunStopped(t, []string{"run", "--strict", "--after", "mkdir", program, "read"})
	})
	t.Run("filter", func(t *testing.T) {
		testRunStopped(t, []string{"run", "--explain", "--profile", profile, program, "read"})
	})
}

func testRunStopped(t *testing.T, args []string) {
	t.Helper()
	cmd := callgate(t, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := start(t, cmd)
	child := onlyChild(t, cmd.Process.Pid)
	for _, c := range []struct {
		signal syscall.Signal
		states string
	}{{syscall.SIGSTOP, "tT"}, {syscall.SIGCONT, "S"}, {syscall.SIGSTOP, "tT"}, {syscall.SIGCONT, "S"}} {
		if err := syscall.Kill(child, c.signal); err != nil {
			t.Fatal(err)
		}
		state := ""
		for range 5000 {
			if state = stateOf(child); strings.Contains(c.states, state) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if !strings.Contains(c.states, state) {
			t.Errorf("after %v it is in state %s, want one of %s", c.signal, state, c.states)
		}
	}
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if line, err := out.ReadString('\n'); line != "read\n" {
		t.Errorf("it wrote %q, %v", line, err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 9 {
		t.Errorf("it ended with %v, want status 9", err)
	}
}

func onlyChild(t *testing.T, pid int) int {
	t.Helper()
	out, err := exec.Command(need.Program(t, "pgrep"), "-P", fmt.Sprint(pid)).Output()
	var child int
	if _, scan := fmt.Sscan(string(out), &child); err != nil || scan != nil {
		t.Fatalf("pgrep: %q, %v", out, err)
	}
	return child
}

func stateOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(text, []byte(") "))
	return string(rest[:min(1, len(rest))])
}

// TestRunTerminal types an interrupt at a terminal: the command gets it once,
// whether callgate is there beside it or not.
func TestRunTerminal(t *testing.T) {
	program, profile := victim(t)
	for _, flags := range [][]string{nil, {"--at", "main"}, {"--after", "mkdir,1000"}, {"--explain"}} {
		terminal, side, err := openTerminal()
		if err != nil {
			t.Skipf("no pseudo-terminal: %v", err)
		}
		args := append([]string{"run", "--profile", profile}, flags...)
		cmd := callgate(t, append(args, program, "signals")...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = side, side, side
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		side.Close()
		timer := time.AfterFunc(patience, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		lines := bufio.NewReader(terminal)
		wait := func(want string) {
			t.Helper()
			for {
				line, err := lines.ReadString('\n')
				// The terminal shows an interrupt as ^C, before what the command
				// prints or behind it.
				if line = strings.ReplaceAll(strings.TrimSpace(line), "^C", ""); line == want {
					return
				}
				if line != "" && !strings.HasPrefix(line, "callgate: ") || err != nil {
					t.Fatalf("%q: the terminal shows %q, %v; want %q", flags, line, err, want)
				}
			}
		}
		wait("ready")
		for range 2 {
			if _, err := terminal.WriteString("\x03"); err != nil {
				t.Fatal(err)
			}
			wait("signal 2")
		}
		// Had either come twice, its second copy would stand before this.
		if err := cmd.Process.Signal(unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		wait("signal 10")
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		timer.Stop()
		terminal.Close()
	}
}

// openTerminal makes a pseudo-terminal.
func openTerminal() (terminal, side *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	terminal = os.NewFile(uintptr(fd), "ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, errors.Join(err, terminal.Close())
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, errors.Join(err, terminal.Close())
	}
	side, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return terminal, side, err
}
