package lift_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/seccomp"
)

// stackedEnv tells a child which answers its filters give, the oldest first.
const stackedEnv = "CALLGATE_TEST_STACKED"

// TestStackOnKernel asks the running kernel what several filters on one thread
// come to, those with answers that no kernel knows included.
func TestStackOnKernel(t *testing.T) {
	if answers := os.Getenv(stackedEnv); answers != "" {
		stacked(answers)
	}
	stacks := [][]seccomp.Action{
		{seccomp.ReturnErrno(5), seccomp.ReturnErrno(7)},
		{0x12340000, seccomp.ReturnErrno(5)},
		{0x12340000, seccomp.Allow},
		{seccomp.KillProcess, 0x80010000},
	}
	n := 60
	if testing.Short() {
		n = 10
	}
	r := arbitrary.New(1)
	for range n {
		var stack []seccomp.Action
		for range 1 + r.IntN(4) {
			a := arbitrary.Action(r)
			if r.IntN(6) == 0 {
				a = seccomp.Action(r.Uint32())
			}
			stack = append(stack, a)
		}
		stacks = append(stacks, stack)
	}
	for _, stack := range stacks {
		var programs []bpf.Program
		for _, a := range stack {
			programs = append(programs, answering(a))
		}
		p, err := lift.Stack(binary.NativeEndian, programs...)
		if err != nil {
			t.Fatal(err)
		}
		want := outcome(p.Eval(seccomp.Data{NR: unix.SYS_GETPPID}))
		if got := runStacked(t, stack); got != want {
			t.Errorf("%v: the kernel %s, want %s", stack, got, want)
		}
	}
}

// answering is a filter that answers getppid with a and allows all else.
func answering(a seccomp.Action) bpf.Program {
	return bpf.Program{
		bpf.LoadWord(seccomp.OffsetNR),
		bpf.Jump(bpf.JumpEQ, unix.SYS_GETPPID, 0, 1),
		bpf.Ret(a),
		bpf.Ret(seccomp.Allow),
	}
}

// outcome is what a program sees of its call, which returns a positive number
// where it is made. Nobody listens and nobody traces.
func outcome(a seccomp.Action) string {
	switch a.Kind() {
	case seccomp.Allow, seccomp.Log:
		return "makes the call"
	case seccomp.Err:
		return "returns " + strconv.Itoa(int(a.Data()))
	case seccomp.Trace, seccomp.Notify:
		return "returns " + strconv.Itoa(int(unix.ENOSYS))
	case seccomp.Trap:
		return "sends SIGSYS"
	case seccomp.KillThread:
		return "ends the thread"
	}
	return "ends the process"
}

func runStacked(t *testing.T, stack []seccomp.Action) string {
	t.Helper()
	var answers []string
	for _, a := range stack {
		answers = append(answers, fmt.Sprint(uint32(a)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestStackOnKernel$")
	c.Env = append(os.Environ(), stackedEnv+"="+strings.Join(answers, ","))
	var out, talk bytes.Buffer
	c.Stdout, c.Stderr = &out, &talk
	err := c.Run()
	status, _ := c.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled() && status.Signal() == syscall.SIGSYS:
		return "ends the process"
	case strings.HasPrefix(talk.String(), "SIGSYS"):
		return "sends SIGSYS"
	case strings.HasPrefix(out.String(), "skip: "):
		t.Skip(out.String())
	case err != nil:
		t.Fatalf("%v: %v\n%s", stack, err, &talk)
	}
	return out.String()
}

// stacked is the child: one of its threads installs the filters and makes the
// call. It prints what came of that and exits.
func stacked(answers string) {
	thread, done := make(chan int), make(chan string)
	go func() {
		runtime.LockOSThread()
		for answer := range strings.SplitSeq(answers, ",") {
			a, err := strconv.ParseUint(answer, 10, 32)
			if err == nil {
				err = kernel.Install(answering(seccomp.Action(a)), kernel.InstallOptions{NoNewPrivs: true})
			}
			if err != nil {
				fmt.Print("skip: ", err)
				os.Exit(0)
			}
		}
		thread <- unix.Gettid()
		// Not a raw call: the scheduler must know that it may last.
		r, _, errno := syscall.Syscall(unix.SYS_GETPPID, 0, 0, 0)
		switch result := int(r); {
		case errno == 0 && result > 0:
			done <- "makes the call"
		case result == -seccomp.MaxErrno: // which package syscall takes for a result
			errno = seccomp.MaxErrno
		}
		done <- "returns " + strconv.Itoa(int(errno))
	}()
	status := fmt.Sprintf("/proc/self/task/%d/status", <-thread)
	for {
		select {
		case result := <-done:
			fmt.Print(result)
			os.Exit(0)
		case <-time.After(time.Millisecond):
			// The first thread of a process stays on as a zombie.
			if b, err := os.ReadFile(status); err != nil || bytes.Contains(b, []byte("\nState:\tZ")) {
				fmt.Print("ends the thread")
				os.Exit(0)
			}
		}
	}
}
