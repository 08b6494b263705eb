package kernel_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// childVariable names the function of children that a test runs in a process
// of its own, since what it does cannot be undone.
const childVariable = "CALLGATE_TEST_CHILD"

// children are the functions that tests run in processes of their own. What
// one writes is compared by its test.
var children map[string]func()

func TestMain(m *testing.M) {
	children = installChildren()
	maps.Copy(children, listenerChildren())
	if name, ok := os.LookupEnv(childVariable); ok {
		children[name]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs a function of children in a new process, as the user nobody if
// unprivileged is set and the test may, and returns what it wrote and how it
// ended.
func child(t *testing.T, name string, unprivileged bool) (string, *os.ProcessState) {
	t.Helper()
	if children[name] == nil {
		t.Fatalf("there is no child %q", name)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	if unprivileged && os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("child %s: %v", name, err)
	}
	return string(bytes.TrimSpace(out)), cmd.ProcessState
}

// wantChild runs a child that must end well and write want.
func wantChild(t *testing.T, name string, unprivileged bool, want string) {
	t.Helper()
	out, state := child(t, name, unprivileged)
	if !state.Success() || out != want {
		t.Errorf("child %s: %v, wrote %q, want %q", name, state, out, want)
	}
}

// canRead skips a test where the filters of processes cannot be read.
func canRead(t *testing.T) {
	t.Helper()
	need.Root(t)
	need.Unfiltered(t)
	for _, f := range kernel.Features() {
		if f.Name == "PTRACE_SECCOMP_GET_FILTER" && f.Err != nil {
			t.Skip(f.Err)
		}
	}
}

// deny is a filter that answers one call with an action and allows others.
func deny(nr uint32, a seccomp.Action) bpf.Program {
	return bpf.Program{
		bpf.LoadWord(seccomp.OffsetNR),
		bpf.Jump(bpf.JumpEQ, nr, 0, 1),
		bpf.Ret(a),
		bpf.Ret(seccomp.Allow),
	}
}

// allowAll is a filter of n instructions that allows everything.
func allowAll(n int) bpf.Program {
	p := make(bpf.Program, n)
	for i := range p {
		p[i] = bpf.Ret(seccomp.Allow)
	}
	return p
}

// check ends a child with a message if err is not nil.
func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(9)
	}
}
