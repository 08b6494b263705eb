package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// recorded is what callgate record has seen of a command.
func recorded(t *testing.T, flags []string, command ...string) observe.Observation {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.obs")
	args := append([]string{"record", "--quiet", "-o", file}, flags...)
	if out, err := callgate(t, append(args, command...)...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	o, err := readObservation(file)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// seen are the names of the calls that were made by the workload.
func seen(o observe.Observation, phases ...observe.Phase) []string {
	var names []string
	for _, r := range o.Recordings {
		for k, s := range r.Calls {
			if s.Count > 0 && (len(phases) == 0 || slices.Contains(phases, k.Phase)) {
				names = append(names, fmt.Sprint(k.ABI, " ", callName(k)))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// without are the elements of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// TestRecordIsComplete holds what is recorded of ten workloads to strace. Some
// calls depend on how threads get scheduled (sched_yield, futex): so it is the
// unions of several runs that must be equal in the end.
func TestRecordIsComplete(t *testing.T) {
	need.Root(t)
	strace := need.Strace(t)
	const fewest, most = 2, 12
	for _, w := range image.Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			i := w.Image(t)
			var ours, theirs observe.Observation
			var more, less []string
			for run := range most {
				ours.Merge(recorded(t, nil, inRoot(t, i.Dir, w.Job)...))
				theirs.Merge(straced(t, strace, inRoot(t, i.Dir, w.Job)))
				// A tracer's stops interrupt calls that wait, and the kernel
				// resumes them by restart_syscall; and they leave no two threads
				// to contend for a lock, for which they yield.
				tracers := []string{"restart_syscall", "sched_yield"}
				a, b := without(names(ours), tracers), without(names(theirs), tracers)
				more, less = without(a, b), without(b, a)
				if run+1 >= fewest && len(more)+len(less) == 0 {
					break
				}
			}
			if len(more)+len(less) > 0 {
				t.Errorf("only strace: %q; only callgate: %q", less, more)
			}
			for _, r := range ours.Recordings {
				if r.Recorder != "ebpf" || r.Lost > 0 {
					t.Errorf("recorder %s lost %d calls", r.Recorder, r.Lost)
				}
			}
		})
	}
}

// inRoot is a command that does a job in a copy of a root file system.
func inRoot(t *testing.T, root string, job []string) []string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("cp", "-a", root+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	const script = `mkdir -p $0/dev $0/proc && mount --rbind /dev $0/dev && mount -t proc proc $0/proc && exec chroot $0 "$@"`
	return append([]string{need.Program(t, "unshare"), "--mount", "sh", "-c", script, dir}, job...)
}

// names are the names of the calls of an observation, by whatever ABI: the log
// of strace does not always tell it.
func names(o observe.Observation) []string {
	var all []string
	for _, name := range seen(o) {
		_, name, _ = strings.Cut(name, " ")
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// straced is what strace has seen of a command.
func straced(t *testing.T, strace string, command []string) observe.Observation {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	args := append([]string{"-f", "-n", "-o", log}, command...)
	if out, err := exec.CommandContext(t.Context(), strace, args...).CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	abi, _ := seccomp.NativeABI("amd64")
	o, err := observe.ReadStrace(log, f, abi)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestRecordKilled kills the recorder at random moments: the workload goes on,
// and what was seen until a second before is in the next recording.
func TestRecordKilled(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	if n := os.Getenv("CALLGATE_ROUNDS"); n != "" {
		fmt.Sscan(n, &rounds)
	}
	for range rounds {
		dir := need.PublicDir(t)
		profile := filepath.Join(dir, "web.json")
		script := fmt.Sprintf("cd %s; mkdir early; while ! [ -e stop ]; do sleep 0.05; done; echo done >end", dir)
		cmd := callgate(t, "record", "--quiet", "-o", profile, "sh", "-c", script)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Second + rand.N(time.Second))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		o, err := readObservation(profile + ".recording")
		if err != nil {
			t.Fatalf("what was left: %v", err)
		}
		for _, name := range []string{"mkdir", "clone", "execve"} {
			all := strings.Join(seen(o), "\n") + "\n"
			if !strings.Contains(all, " "+name+"\n") && !(name == "clone" && strings.Contains(all, " vfork\n")) {
				t.Errorf("%s is not in what was left", name)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(patience)
		for {
			if text, err := os.ReadFile(filepath.Join(dir, "end")); err == nil && string(text) == "done\n" {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the workload did not go on")
			}
			time.Sleep(10 * time.Millisecond)
		}
		var talk bytes.Buffer
		cmd = callgate(t, "record", "-o", profile, "sh", "-c", script)
		cmd.Stderr = &talk
		if err := cmd.Run(); err != nil || !strings.Contains(talk.String(), "was killed") {
			t.Errorf("the next recording: %v\n%s", err, &talk)
		}
	}
}

// TestRecordContainer records containers in each way.
func TestRecordContainer(t *testing.T) {
	need.Root(t)
	docker, name := need.Image(t)
	t.Run("run", func(t *testing.T) {
		for option, want := range map[string]int{"no-new-privileges:false": 35, "no-new-privileges:true": 24} {
			o := recorded(t, nil, docker, "run", "--rm", "--security-opt", option, name, "ls")
			r := o.Recordings[0]
			if !r.Boundary || r.NoNewPrivs != strings.HasSuffix(option, "true") || r.Lost > 0 {
				t.Errorf("%s: boundary %v, no_new_privs %v, lost %d", option, r.Boundary, r.NoNewPrivs, r.Lost)
			}
			// Of the runtime's own calls some are made only now and then.
			if n := len(seen(o)); n < want-6 || n > want+6 {
				t.Errorf("%s: %d calls, want about %d: %q", option, n, want, seen(o))
			}
			if all := seen(o, observe.Workload); !slices.Contains(all, "x86_64 getdents64") && !slices.Contains(all, "aarch64 getdents64") {
				t.Errorf("%s: %q", option, all)
			}
		}
	})
	t.Run("verify", func(t *testing.T) {
		profile := filepath.Join(t.TempDir(), "web.json")
		out, err := callgate(t, "record", "--verify", "-o", profile, docker, "run", "--rm", name, "sh", "-c", "mkdir /a && ls /a").CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("denies none")) {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("widen", func(t *testing.T) {
		dir := t.TempDir()
		tight, wide := filepath.Join(dir, "tight.json"), filepath.Join(dir, "wide.json")
		text := `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}`
		if err := os.WriteFile(tight, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := callgate(t, "record", "-o", wide, docker, "run", "--rm", "--security-opt", "seccomp="+tight, name, "mkdir", "/x").CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("DENIED")) {
			t.Errorf("%v\n%s", err, out)
		}
		if out, err := exec.Command(docker, "run", "--rm", "--security-opt", "seccomp="+wide, name, "mkdir", "/x").CombinedOutput(); err != nil {
			t.Errorf("under the wider profile: %v\n%s", err, out)
		}
	})
	t.Run("attach", func(t *testing.T) {
		out, err := exec.Command(docker, "run", "-d", "--rm", name, "sh", "-c", "while :; do mkdir /a; sleep 0.1; done").Output()
		if err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSpace(string(out))
		t.Cleanup(func() { _ = exec.Command(docker, "rm", "-f", id).Run() })
		file := filepath.Join(t.TempDir(), "a.obs")
		cmd := callgate(t, "record", "--quiet", "-o", file, "--container", id)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if out, err := exec.Command(docker, "exec", id, "uname").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		o, err := readObservation(file)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(seen(o), "\n") + "\n"
		for _, name := range []string{" mkdir\n", " uname\n"} {
			if !strings.Contains(all, name) {
				t.Errorf("%q is not in %q", name, all)
			}
		}
	})
	t.Run("no daemon", func(t *testing.T) {
		cmd := callgate(t, "record", "-o", filepath.Join(t.TempDir(), "web.json"), docker, "run", name)
		cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nonexistent")
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 125 || !bytes.Contains(out, []byte("Cannot connect")) {
			t.Errorf("status %d\n%s", cmd.ProcessState.ExitCode(), out)
		}
	})
}
