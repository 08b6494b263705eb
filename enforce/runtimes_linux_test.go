package enforce_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// profiles are what users write, what they get wrong, and what only a model of
// the runtimes explains.
var profiles = map[string]string{
	"mkdir": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}`,
	"article": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
		"syscalls": [{"name": "mkdir", "action": "SCMP_ACT_ERRNO"}, {"names": ["socket", "connect"], "action": "SCMP_ACT_ERRNO"}]}`,
	"two conditions on one argument": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ERRNO",
		"args": [{"index": 0, "value": 100, "op": "SCMP_CMP_GE"}, {"index": 0, "value": 200, "op": "SCMP_CMP_LE"}]}]}`,
	"higher argument first": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
		{"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "args": [{"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}]},
		{"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 9, "args": [{"index": 2, "value": 4294967296, "op": "SCMP_CMP_GT"}]}]}`,
	"ranges": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_GT"}]},
		{"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "args": [{"index": 1, "value": 5, "op": "SCMP_CMP_LT"}]},
		{"names": ["kcmp"], "action": "SCMP_ACT_LOG", "args": [{"index": 1, "value": 7, "op": "SCMP_CMP_NE"}]}]}`,
	"exception before a rule": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["chroot"], "action": "SCMP_ACT_ALLOW"}, {"names": ["chroot"], "action": "SCMP_ACT_ERRNO"}]}`,
	"head is a pseudo call": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [
		{"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}]},
		{"names": ["chown32"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7}]}`,
	"socketcall": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
		{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},
		{"names": ["shmget", "semtimedop"], "action": "SCMP_ACT_ERRNO"}]}`,
	"masks": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["kcmp"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 1, "value": 12884901891, "valueTwo": 4294967297, "op": "SCMP_CMP_MASKED_EQ"}]},
		{"names": ["kcmp"], "action": "SCMP_ACT_TRAP", "args": [{"index": 1, "value": 1, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]}]}`,
	"only x86": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
		{"names": ["mkdir", "chown32", "nfsservctl"], "action": "SCMP_ACT_KILL_PROCESS"}]}`,
	"errno that is cut": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["kcmp"], "action": "SCMP_ACT_TRACE", "errnoRet": 65535}, {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0}]}`,
	"many calls": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [
		{"names": ["acct", "add_key", "bpf", "chroot", "clock_settime", "create_module", "delete_module", "finit_module", "get_kernel_syms",
			"init_module", "ioperm", "iopl", "kcmp", "kexec_load", "keyctl", "lookup_dcookie", "mbind", "move_pages", "nfsservctl",
			"open_by_handle_at", "perf_event_open", "personality", "pivot_root", "ptrace", "query_module", "quotactl", "reboot",
			"request_key", "settimeofday", "swapon", "swapoff", "sysfs", "_sysctl", "uselib", "userfaultfd", "ustat", "vm86"],
		"action": "SCMP_ACT_ERRNO"},
		{"names": ["kcmp"], "action": "SCMP_ACT_LOG", "args": [{"index": 4, "value": 3, "op": "SCMP_CMP_LE"}]}]}`,
}

// installed is what libseccomp and which runc are here.
func installed(t *testing.T) (runc enforce.Runtime, version libseccomp.Version) {
	t.Helper()
	release, library := need.Runc(t)
	runc, err := enforce.ParseRuntime("runc-" + release)
	if err != nil {
		t.Fatal(err)
	}
	if version, err = libseccomp.Parse(library); err != nil {
		t.Fatal(err)
	}
	return runc, version
}

// machine is this one, for a container.
func machine(t *testing.T, engine profile.Engine, add, drop []string) profile.Env {
	t.Helper()
	v, err := kernel.Running()
	if err != nil {
		t.Fatal(err)
	}
	env := profile.DockerEnv(seccomp.X86_64, v)
	env.Engine = engine
	if env.Caps, err = env.Caps.Adjust(add, drop); err != nil {
		t.Fatal(err)
	}
	return env
}

// readBack compares the filters of a process with a prediction.
func readBack(t *testing.T, pid int, f *enforce.Filter) {
	t.Helper()
	programs, err := kernel.Filters(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	if len(programs) != 1 {
		t.Fatalf("%d filters, want 1", len(programs))
	}
	got, err := lift.Stack(seccomp.X86_64.ByteOrder(), programs...)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, f, got)
}

// resolvedAs is what an engine makes of a profile.
func resolvedAs(t *testing.T, p *profile.Profile, env profile.Env) profile.Resolved {
	t.Helper()
	r, err := p.Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func predict(t *testing.T, r profile.Resolved, stack enforce.Stack) *enforce.Filter {
	t.Helper()
	f, err := enforce.New(r, stack)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDocker predicts what Docker and its runc install: for the default profile
// by the capabilities of the container, and for profiles of users.
func TestDocker(t *testing.T) {
	need.Root(t)
	need.Unfiltered(t)
	docker, name := need.Image(t)
	runc, version := installed(t)
	stack := enforce.Stack{Runtime: runc, Libseccomp: version}
	engine, release := dockerEngine(t, docker)
	start := func(t *testing.T, args ...string) int {
		args = append(append([]string{"run", "--detach", "--rm"}, args...), name, "sleep", "600")
		out, err := exec.Command(docker, args...).Output()
		if err != nil {
			t.Fatalf("docker %q: %v", args, err)
		}
		id := strings.TrimSpace(string(out))
		t.Cleanup(func() { _ = exec.Command(docker, "rm", "--force", id).Run() })
		if out, err = exec.Command(docker, "inspect", "--format", "{{.State.Pid}}", id).Output(); err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Sscan(string(out), &pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	for _, c := range []struct{ add, drop []string }{{}, {add: []string{"SYS_ADMIN"}}, {add: []string{"SYS_PTRACE"}}, {drop: []string{"ALL"}}} {
		t.Run(fmt.Sprint("default", c.add, c.drop), func(t *testing.T) {
			p, err := profile.Default("docker:" + release)
			if err != nil {
				t.Fatal(err)
			}
			var flags []string
			for _, cap := range c.add {
				flags = append(flags, "--cap-add", cap)
			}
			for _, cap := range c.drop {
				flags = append(flags, "--cap-drop", cap)
			}
			f := predict(t, resolvedAs(t, p, machine(t, engine, c.add, c.drop)), stack)
			readBack(t, start(t, flags...), f)
		})
	}
	for title, text := range profiles {
		t.Run(title, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "profile.json")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			p, _, err := profile.Parse(file, []byte(text), engine)
			if err != nil {
				t.Fatal(err)
			}
			f := predict(t, resolvedAs(t, p, machine(t, engine, nil, nil)), stack)
			readBack(t, start(t, "--security-opt", "seccomp="+file), f)
		})
	}
}

// dockerEngine is the daemon's version, as an engine and as a default's name.
func dockerEngine(t *testing.T, docker string) (profile.Engine, string) {
	t.Helper()
	release := need.DockerRelease(t, docker)
	engine, err := profile.ParseEngine("docker-" + release)
	if err != nil {
		t.Fatal(err)
	}
	return engine, release
}

// TestBundles predicts what runc and crun install for what is in a bundle.
func TestBundles(t *testing.T) {
	need.Root(t)
	need.Unfiltered(t)
	runc, version := installed(t)
	root := image.New(t)
	root.Busybox(t, "sleep")
	for name, runtime := range map[string]enforce.Runtime{"runc": runc, "crun": enforce.Crun} {
		stack := enforce.Stack{Runtime: runtime, Libseccomp: version}
		for title, text := range profiles {
			t.Run(name+"/"+title, func(t *testing.T) {
				p, _, err := profile.Parse("profile.json", []byte(text), profile.Docker)
				if err != nil {
					t.Fatal(err)
				}
				r := resolvedAs(t, p, machine(t, profile.Docker, nil, nil))
				object, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				bundle := root.Bundle(t, name, image.Container{
					Args: []string{"sleep", "600"}, Capabilities: image.Capabilities, Seccomp: object,
				})
				id, err := bundle.Start(t)
				if err != nil {
					t.Fatal(err)
				}
				readBack(t, bundlePID(t, bundle, id), predict(t, r, stack))
			})
		}
	}
}

// bundlePID is the first process of a container of runc or crun.
func bundlePID(t *testing.T, b *image.Bundle, id string) int {
	t.Helper()
	out, err := b.Command(t, nil, "state", id).Output()
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ PID int }
	if err := json.Unmarshal(out, &state); err != nil {
		t.Fatal(err)
	}
	return state.PID
}
