//go:build amd64 || arm64

package ebpf

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
	"github.com/callgate/callgate/tracee"
)

// variant is a kind of kernel that this one can stand in for.
type variant struct {
	name  string
	probe func(Options, seccomp.Version) (machine, error)
}

// variants are all kernels that have their own code in the programs.
func variants(t testing.TB) []variant {
	old := func(since func(*machine)) func(Options, seccomp.Version) (machine, error) {
		return func(o Options, v seccomp.Version) (machine, error) {
			m, err := probe(o, v)
			since(&m)
			return m, err
		}
	}
	all := []variant{
		{"this kernel", probe},
		{"5.11", old(func(m *machine) { m.dead = false })},
		{"5.8", old(func(m *machine) { m.dead, m.taskBTF = false, false })},
	}
	if _, err := readFormat("sched_process_exec"); err == nil {
		all = append(all, variant{"no BTF", func(o Options, v seccomp.Version) (machine, error) {
			o.NoBTF = true
			return probe(o, v)
		}})
	} else if os.Getenv(need.Variable) != "" {
		need.Missing(t, "tracefs", err.Error())
	}
	return all
}

// opened opens a recorder for a test.
func opened(t testing.TB, v variant, o Options, s sizes) *Recorder {
	t.Helper()
	need.Root(t)
	r, err := open(o, s, v.probe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// record runs a command to the end of all its children, recorded from its
// first instruction on.
func record(t testing.TB, r *Recorder, command ...string) observe.Recording {
	t.Helper()
	started := start(t, r, command...)
	if err := started.Detach(); err != nil {
		t.Fatal(err)
	}
	if _, err := started.Wait(nil); err != nil {
		t.Fatal(err)
	}
	return finish(t, r)
}

// start holds a command that is followed.
func start(t testing.TB, r *Recorder, command ...string) *tracee.Tracee {
	t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	started, err := tracee.Start(tracee.Command{
		Path: path, Args: command, Env: os.Environ(),
		FDs: []uintptr{null.Fd(), null.Fd(), os.Stderr.Fd()},
	}, tracee.Options{ExitKill: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { started.Close() })
	if err := r.FollowStart(started.PID()); err != nil {
		t.Fatal(err)
	}
	return started
}

// finish waits until nothing that is followed lives.
func finish(t testing.TB, r *Recorder) observe.Recording {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		n, err := r.Alive()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d threads still live", n)
		}
	}
	rec, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// complete fails the test if anything is lost.
func complete(t testing.TB, rec observe.Recording) {
	t.Helper()
	if rec.Lost != 0 {
		t.Errorf("lost %d: %v", rec.Lost, rec.Limits)
	}
}

// names are the calls of a recording that were made, by all executables.
func names(rec observe.Recording) map[string]uint64 {
	all := map[string]uint64{}
	for k, s := range rec.Calls {
		if s.Count > 0 {
			all[callName(k.ABI, k.NR)] += s.Count
		}
	}
	return all
}

// callName is like "read", or "x86:read" on a foreign ABI.
func callName(abi seccomp.ABI, nr uint32) string {
	name, ok := syscalls.Name(abi, nr)
	if !ok {
		name = "?"
	}
	if native, _ := seccomp.NativeABI("amd64"); abi != native {
		name = abi.String() + ":" + name
	}
	return name
}

// compiled builds a C program of testdata.
func compiled(t testing.TB, source string, flags ...string) string {
	t.Helper()
	gcc := need.Program(t, "gcc")
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(source), ".c"))
	args := append([]string{"-O1", "-Wall", "-o", out, filepath.Join("testdata", source)}, flags...)
	if text, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		if len(flags) > 0 && flags[0] == "-m32" {
			need.Missing(t, "gcc-multilib", string(text))
		}
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func TestOpens(t *testing.T) {
	for _, v := range variants(t) {
		for _, o := range []Options{{}, {Arguments: true}, {Mark: 0x123456789abcdef0}, {Mark: 1<<32 + 1, Arguments: true}} {
			t.Run(v.name, func(t *testing.T) {
				r := opened(t, v, o, defaultSizes)
				rec := record(t, r, "true")
				complete(t, rec)
				if got := names(rec); got["exit_group"] != 1 || got["execve"] != 0 || len(got) < 2 {
					t.Errorf("true called %v", got)
				}
			})
		}
	}
}
