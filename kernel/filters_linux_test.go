package kernel_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// stack is what childStacked installs, in this order.
func stack() []bpf.Program {
	return []bpf.Program{denyPPID(), allowAll(4096), deny(1000, seccomp.Trap|7)}
}

func childStacked() {
	for _, p := range stack() {
		check(kernel.Install(p, kernel.InstallOptions{NoNewPrivs: true}))
	}
	waitForEnd()
}

// waitForEnd says that the child is ready, and waits until its input is
// closed.
func waitForEnd() {
	os.Stdout.WriteString("ready\n")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

// startChild starts a child that calls waitForEnd and returns its process
// once it is ready.
func startChild(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("child %s: %v", name, err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("child %s wrote %q, %v", name, line, err)
	}
	return cmd
}

// threadIn finds a thread of a process that is in the mode: in a Go program
// that is often not the first.
func threadIn(t *testing.T, pid int, mode kernel.Mode) int {
	t.Helper()
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range threads {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if s, err := kernel.ReadStatus(tid); err == nil && s.Mode == mode {
			return tid
		}
	}
	t.Fatalf("no thread is in mode %v", mode)
	return 0
}

func TestFilters(t *testing.T) {
	canRead(t)
	cmd := startChild(t, "stacked")
	tid := threadIn(t, cmd.Process.Pid, kernel.ModeFilter)
	got, err := kernel.Filters(t.Context(), tid)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stack(), got); diff != "" {
		t.Errorf("filters differ from those installed (-want +got):\n%s", diff)
	}
	if s, err := kernel.ReadStatus(tid); err != nil || s.Filters != len(stack()) || s.Tracer != 0 {
		t.Errorf("afterwards: %+v, %v", s, err)
	}
}

func TestFiltersNone(t *testing.T) {
	canRead(t)
	cmd := startChild(t, "unfiltered")
	got, err := kernel.Filters(t.Context(), cmd.Process.Pid)
	if err != nil || len(got) != 0 {
		t.Errorf("Filters = %v, %v, want none", got, err)
	}
}

// TestFiltersLeaveState reads the filters of a process that is stopped, and
// of one that sleeps: both go on as they were.
func TestFiltersLeaveState(t *testing.T) {
	canRead(t)
	for _, c := range []struct {
		args []string
		stop bool
	}{{[]string{"sleep", "1000"}, false}, {[]string{"sleep", "1000"}, true}, {[]string{"cat"}, false}} {
		cmd := exec.Command(c.args[0], c.args[1:]...)
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := cmd.Process.Pid
		want := byte('S')
		if c.stop {
			want = 'T'
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		waitState(t, pid, want)
		for range 20 {
			if got, err := kernel.Filters(t.Context(), pid); err != nil || len(got) != 0 {
				t.Errorf("Filters = %v, %v", got, err)
			}
			waitState(t, pid, want)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("%v ended by itself: %v", c.args, err)
		}
	}
}

// waitState waits until a process is in the state.
func waitState(t *testing.T, pid int, want byte) {
	t.Helper()
	var s kernel.Status
	var err error
	for range 5000 {
		if s, err = kernel.ReadStatus(pid); err != nil {
			t.Fatal(err)
		}
		if s.State == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("process is in state %c, want %c", s.State, want)
}

func TestFiltersErrors(t *testing.T) {
	need.Linux(t)
	if _, err := kernel.Filters(t.Context(), 1<<22-1); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("no such process: %v", err)
	}
	if _, err := kernel.Filters(t.Context(), os.Getpid()); !errors.Is(err, syscall.EPERM) {
		t.Errorf("the own process: %v", err)
	}
	canRead(t)
	cmd := startChild(t, "unfiltered")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := kernel.Filters(ctx, cmd.Process.Pid); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	wantChild(t, "read unprivileged", true, "true true")
	wantChild(t, "read filtered", false, "true")
}

// childReadUnprivileged may trace its own child but not read filters.
func childReadUnprivileged() {
	cmd := exec.Command("sleep", "1000")
	check(cmd.Start())
	_, err := kernel.Filters(context.Background(), cmd.Process.Pid)
	fmt.Println(errors.Is(err, syscall.EACCES), strings.Contains(err.Error(), "CAP_SYS_ADMIN"))
	check(cmd.Process.Kill())
}

// childReadFiltered has a filter of its own.
func childReadFiltered() {
	cmd := exec.Command("sleep", "1000")
	check(cmd.Start())
	check(kernel.Install(allowAll(1), kernel.InstallOptions{Flags: kernel.TSync, NoNewPrivs: true}))
	_, err := kernel.Filters(context.Background(), cmd.Process.Pid)
	fmt.Println(errors.Is(err, syscall.EACCES))
	check(cmd.Process.Kill())
}
