package observe_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// allowAll is a profile that makes runtimes install a filter that stops
// nothing that anybody calls.
const allowAll = `{
	"defaultAction": "SCMP_ACT_ALLOW",
	"syscalls": [{"names": ["nfsservctl"], "action": "SCMP_ACT_ERRNO"}]
}`

// behindFilter are the calls that strace saw between the installation of the
// filter and the end of the execve, and those that it saw after that.
func behindFilter(t *testing.T, logs string) (runtime, workload map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(logs + ".*")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "strace left no logs")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		at := filterInstalled.FindIndex(b)
		if at == nil {
			continue
		}
		runtime, workload = map[string]bool{}, map[string]bool{}
		calls := runtime
		for _, call := range callLine.FindAllStringSubmatch(string(b[at[1]:]), -1) {
			calls[call[1]] = true
			if call[1] == "execve" && strings.HasSuffix(call[0], "= 0") {
				calls = workload
			}
		}
		return runtime, workload
	}
	t.Fatal("strace saw no filter installed")
	return nil, nil
}

var (
	filterInstalled = regexp.MustCompile(`(?m)^(seccomp\(SECCOMP_SET_MODE_FILTER|prctl\(PR_SET_SECCOMP, SECCOMP_MODE_FILTER).* = 0$`)
	callLine        = regexp.MustCompile(`(?m)^([a-z0-9_]+)\(.*$`)
)

// stay keeps a container running for an exec.
var stay = []string{"sleep", "1000"}

func busyboxImage(t *testing.T) *image.Image {
	t.Helper()
	i := image.New(t)
	i.Busybox(t, "true", "sleep")
	return i
}

// traced runs a command of a runtime that stands behind strace and its flags.
func traced(t *testing.T, command func(strace []string) *exec.Cmd) (runtime, workload map[string]bool) {
	t.Helper()
	logs := filepath.Join(t.TempDir(), "log")
	if out, err := command([]string{need.Strace(t), "-ff", "-o", logs}).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return behindFilter(t, logs)
}

// TestRuntimeCallsSeen traces the runtimes that are installed: each call that
// they make behind the filter is in the table, and those that the table calls
// Always are made.
func TestRuntimeCallsSeen(t *testing.T) {
	need.Strace(t)
	need.Unfiltered(t)
	for _, runtime := range []string{"runc", "crun"} {
		t.Run(runtime, func(t *testing.T) {
			root := busyboxImage(t)
			for _, noNewPrivs := range []bool{false, true} {
				for _, uid := range []int{0, 1000} {
					seenRuntimeCalls(t, root, runtime, image.Container{
						UID: uid, Cwd: "/work", NoNewPrivileges: noNewPrivs,
						Capabilities: []string{"CAP_KILL"}, Seccomp: json.RawMessage(allowAll),
					})
				}
			}
		})
	}
}

func seenRuntimeCalls(t *testing.T, root *image.Image, runtime string, c image.Container) {
	t.Helper()
	known, _ := observe.RuntimeCalls(runtime, c.NoNewPrivileges)
	c.Args = []string{"true"}
	b := root.Bundle(t, runtime, c)
	run, _ := traced(t, func(strace []string) *exec.Cmd { return b.Command(t, strace, "run", image.NewID()) })
	for _, call := range known {
		if call.How == observe.Always && !run[call.Name] {
			t.Errorf("run, uid %d, no_new_privs %v: no %s, which the table has as made always", c.UID, c.NoNewPrivileges, call.Name)
		}
	}
	c.Args = stay
	b.Set(t, c)
	id, err := b.Start(t)
	if err != nil {
		t.Fatal(err)
	}
	exec, _ := traced(t, func(strace []string) *exec.Cmd { return b.Exec(t, strace, id, "true") })
	for what, seen := range map[string]map[string]bool{"run": run, "exec": exec} {
		for name := range seen {
			if !slices.ContainsFunc(known, func(call observe.RuntimeCall) bool { return call.Name == name }) {
				t.Errorf("%s, uid %d, no_new_privs %v: %s, which the table does not have", what, c.UID, c.NoNewPrivileges, name)
			}
		}
	}
}

// TestRuntimeCallsSuffice starts containers under the calls of the table
// alone, without those that the runtime can do without, with the rest refused
// by one errno and by the other.
func TestRuntimeCallsSuffice(t *testing.T) {
	need.Strace(t)
	need.Unfiltered(t)
	for _, runtime := range []string{"runc", "crun"} {
		t.Run(runtime, func(t *testing.T) {
			root := busyboxImage(t)
			c := image.Container{Args: []string{"true"}, Seccomp: json.RawMessage(allowAll)}
			b := root.Bundle(t, runtime, c)
			_, workload := traced(t, func(strace []string) *exec.Cmd { return b.Command(t, strace, "run", image.NewID()) })
			allowed := slices.AppendSeq([]string{"nanosleep", "clock_nanosleep"}, maps.Keys(workload)) // the former of stay
			for _, c.NoNewPrivileges = range []bool{false, true} {
				for _, c.UID = range []int{0, 1000} {
					for _, errno := range []seccomp.Errno{seccomp.EPERM, seccomp.ENOSYS} {
						c.Seccomp = runtimeProfile(t, runtime, c.NoNewPrivileges, errno, allowed)
						t.Run(fmt.Sprintf("uid %d, no_new_privs %v, %v", c.UID, c.NoNewPrivileges, errno), func(t *testing.T) {
							startsUnder(t, b, c)
						})
					}
				}
			}
		})
	}
}

// runtimeProfile allows what a runtime cannot do without, and more.
func runtimeProfile(t *testing.T, runtime string, noNewPrivs bool, errno seccomp.Errno, more []string) json.RawMessage {
	t.Helper()
	abi, ok := seccomp.NativeABI(goruntime.GOARCH)
	if !ok {
		t.Fatal("the kernel has no seccomp here")
	}
	names := slices.Clone(more)
	calls, _ := observe.RuntimeCalls(runtime, noNewPrivs)
	for _, call := range calls {
		if !call.Optional {
			names = append(names, call.On(abi)...)
		}
	}
	profile, err := json.Marshal(map[string]any{
		"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": errno,
		"architectures": []string{abi.OCI()},
		"syscalls":      []any{map[string]any{"names": names, "action": "SCMP_ACT_ALLOW"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

// startsUnder starts a container, and a program in one, a few times.
func startsUnder(t *testing.T, b *image.Bundle, c image.Container) {
	t.Helper()
	c.Args = []string{"true"}
	b.Set(t, c)
	for range 3 {
		if out, err := b.Run(t); err != nil {
			t.Errorf("run: %v: %s", err, out)
		}
	}
	c.Args = stay
	b.Set(t, c)
	id, err := b.Start(t)
	if err != nil {
		t.Errorf("run: %v", err)
		return
	}
	for range 2 {
		if out, err := b.Exec(t, nil, id, "true").CombinedOutput(); err != nil {
			t.Errorf("exec: %v: %s", err, out)
		}
	}
}
