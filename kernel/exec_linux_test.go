package kernel_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// only is a filter that allows some calls and ends the process at others.
func only(numbers ...uint32) bpf.Program {
	p := bpf.Program{bpf.LoadWord(seccomp.OffsetNR)}
	for i, nr := range numbers {
		p = append(p, bpf.Jump(bpf.JumpEQ, nr, uint8(len(numbers)-i), 0))
	}
	return append(p, bpf.Ret(seccomp.KillProcess), bpf.Ret(seccomp.Allow))
}

// bareVariable names the program that children execute.
const bareVariable = "CALLGATE_TEST_BARE"

// childExec executes a program under a filter that allows nothing that Go
// itself needs, in the midst of work that keeps the runtime busy.
func childExec() {
	signals := make(chan os.Signal, 100)
	signal.Notify(signals)
	for range 4 {
		go func() {
			for kept := [][]byte{}; ; kept = append(kept[:len(kept)%100], make([]byte, 1<<12)) {
			}
		}()
	}
	path := os.Getenv(bareVariable)
	check(kernel.Exec(only(unix.SYS_EXECVE, unix.SYS_WRITE, unix.SYS_EXIT_GROUP),
		kernel.InstallOptions{NoNewPrivs: true, Flags: kernel.TSync | kernel.Log}, path, []string{path}, nil))
}

func childExecFails() {
	path := filepath.Join(os.TempDir(), "no", "such", "file")
	err := kernel.Exec(allowAll(1), kernel.InstallOptions{NoNewPrivs: true}, path, []string{path}, nil)
	fmt.Println(errors.Is(err, os.ErrNotExist), err)
}

// childLimits tells the limit of open files that an executed program has.
func childLimits() {
	check(kernel.Exec(allowAll(1), kernel.InstallOptions{NoNewPrivs: true}, "/bin/sh", []string{"sh", "-c", "ulimit -Sn"}, nil))
}

// TestExec executes a program without a C library under the least of filters,
// many times: whatever the Go runtime did between would end it.
func TestExec(t *testing.T) {
	bare := filepath.Join(t.TempDir(), "bare")
	source := filepath.Join("..", "tracee", "testdata", "bare.c")
	gcc := exec.Command(need.Program(t, "gcc"), "-nostdlib", "-static", "-fno-stack-protector", "-o", bare, source)
	if runtime.GOARCH == "386" { // the compiler may be for 64 bits
		gcc.Args = append(gcc.Args, "-m32")
	}
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv(bareVariable, bare)
	for range 100 {
		wantChild(t, "exec", false, "bare")
	}
}

func TestExecFails(t *testing.T) {
	path := filepath.Join(os.TempDir(), "no", "such", "file")
	wantChild(t, "exec fails", true, "true exec "+path+": no such file or directory")
}

// TestExecLimits holds the limit of open files to what it was before Go
// raised it.
func TestExecLimits(t *testing.T) {
	need.Program(t, "sh")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	low := exec.Command("sh", "-c", "ulimit -Sn 123; exec '"+self+"'")
	low.Env = append(os.Environ(), childVariable+"=limits")
	if out, err := low.CombinedOutput(); err != nil || string(out) != "123\n" {
		t.Errorf("the executed program may open %q files, want 123: %v", out, err)
	}
}
