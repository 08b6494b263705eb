package observe_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// sleeping is an observation of "busybox sleep", made here, and its profile as
// a file.
func sleeping(t *testing.T, opts observe.ProfileOptions) (o observe.Observation, file string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	if out, err := exec.Command(need.Strace(t), "-f", "-o", log, need.Static(t, "busybox"), "sleep", "0").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if o, err = observe.ReadStrace(log, f, nativeABI(t)); err != nil {
		t.Fatal(err)
	}
	if nativeABI(t) == seccomp.X86_64 {
		o.Merge(seen(t, observe.Recording{}, "x86 read waitpid socketcall"))
	}
	file = filepath.Join(t.TempDir(), "profile.json")
	if err := os.WriteFile(file, document(t, draft(t, o, opts).Profile), 0o644); err != nil {
		t.Fatal(err)
	}
	return o, file
}

func nativeABI(t *testing.T) seccomp.ABI {
	t.Helper()
	abi, ok := seccomp.NativeABI(goruntime.GOARCH)
	if !ok {
		t.Fatal("the kernel has no seccomp here")
	}
	return abi
}

// checkFilter holds the filter that a process really has to what was observed:
// that is allowed, what else was known for long fails with EPERM, and what is
// newer than everybody's tables, like clone3, with ENOSYS.
func checkFilter(t *testing.T, o observe.Observation, pid int) {
	t.Helper()
	filters, err := kernel.Filters(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	if len(filters) != 1 {
		t.Fatalf("%d filters", len(filters))
	}
	abi := nativeABI(t)
	for name := range allowed(o) {
		if nr, ok := syscalls.Number(abi, name); ok {
			checkAnswer(t, filters[0], abi, nr, seccomp.Allow)
		}
	}
	if abi == seccomp.X86_64 {
		for nr, want := range map[uint32]seccomp.Action{
			3: seccomp.Allow, 7: seccomp.Allow, 102: seccomp.Allow, // read, waitpid, socketcall
			39: seccomp.ReturnErrno(seccomp.EPERM), 117: seccomp.ReturnErrno(seccomp.EPERM), // mkdir, ipc
			435: seccomp.ReturnErrno(seccomp.ENOSYS), 600: seccomp.ReturnErrno(seccomp.ENOSYS),
		} {
			checkAnswer(t, filters[0], seccomp.X86, nr, want)
		}
		checkAnswer(t, filters[0], seccomp.X32, seccomp.X32.Base()+1, seccomp.KillThread)
	}
	for _, name := range []string{"ptrace", "keyctl", "mkdirat", "bpf", "io_uring_setup", "pidfd_open", "faccessat2"} {
		nr, _ := syscalls.Number(abi, name)
		if !mayBeAllowed(o, name) {
			checkAnswer(t, filters[0], abi, nr, seccomp.ReturnErrno(seccomp.EPERM))
		}
	}
	clone3, _ := syscalls.Number(abi, "clone3")
	for _, nr := range []uint32{clone3, 600, 999, 1 << 20} {
		checkAnswer(t, filters[0], abi, nr, seccomp.ReturnErrno(seccomp.ENOSYS))
	}
}

// mayBeAllowed reports whether the profile of an observation allows a call: it
// was seen, or the runtimes make it.
func mayBeAllowed(o observe.Observation, name string) bool {
	for _, runtime := range []string{"runc", "crun"} {
		calls, _ := observe.RuntimeCalls(runtime, false)
		for _, c := range calls {
			if c.Name == name {
				return true
			}
		}
	}
	return allowed(o)[name]
}

func checkAnswer(t *testing.T, p bpf.Program, abi seccomp.ABI, nr uint32, want seccomp.Action) {
	t.Helper()
	got, err := p.Run(abi.ByteOrder(), seccomp.Data{Arch: abi.Arch(), NR: nr})
	if err != nil || got != want {
		name, _ := syscalls.Name(abi, nr)
		t.Errorf("%v %d %s: %v (%v), want %v", abi, nr, name, got, err, want)
	}
}

// TestProfileUnderRuntimes starts containers with runc and crun under a profile
// as containerd hands it to them, and looks at their filters.
func TestProfileUnderRuntimes(t *testing.T) {
	need.Root(t)
	need.Unfiltered(t)
	for _, runtime := range []string{"runc", "crun"} {
		for _, noNewPrivs := range []bool{false, true} {
			t.Run(runtime+", no_new_privs "+strconv.FormatBool(noNewPrivs), func(t *testing.T) {
				o, file := sleeping(t, observe.ProfileOptions{})
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				p, _, err := profile.Parse(file, data, profile.Containerd)
				if err != nil {
					t.Fatal(err)
				}
				r, err := p.Resolve(profile.Env{Engine: profile.Containerd, ABI: nativeABI(t)})
				if err != nil {
					t.Fatal(err)
				}
				var oci bytes.Buffer
				if err := profile.Write(&oci, r); err != nil {
					t.Fatal(err)
				}
				root := image.New(t)
				root.Busybox(t, "sleep")
				b := root.Bundle(t, runtime, image.Container{Args: stay, NoNewPrivileges: noNewPrivs, Seccomp: oci.Bytes()})
				id, err := b.Start(t)
				if err != nil {
					t.Fatal(err)
				}
				checkFilter(t, o, pidOf(t, b.Command(t, nil, "state", id)))
			})
		}
	}
}

// pidOf is the number of the process of a container, in what a command says of
// it.
func pidOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	if _, after, ok := strings.Cut(text, `"pid":`); ok {
		text, _, _ = strings.Cut(after, ",")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return pid
}

// TestProfileUnderDocker starts a container with the file as it is.
func TestProfileUnderDocker(t *testing.T) {
	need.Root(t)
	need.Unfiltered(t)
	docker, busybox := need.Image(t)
	for _, option := range []string{"no-new-privileges=false", "no-new-privileges=true"} {
		t.Run(option, func(t *testing.T) {
			o, file := sleeping(t, observe.ProfileOptions{})
			out, err := exec.CommandContext(t.Context(), docker, "run", "--rm", "--detach", "--security-opt", option,
				"--security-opt", "seccomp="+file, busybox, "sleep", "1000").Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			id := strings.TrimSpace(string(out))
			defer exec.Command(docker, "kill", id).Run()
			checkFilter(t, o, pidOf(t, exec.Command(docker, "inspect", "--format", "{{.State.Pid}}", id)))
		})
	}
}
