//go:build amd64 || arm64

package ebpf

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
)

var ways = []string{
	"marker", "fork", "vfork", "clone", "clone-parent", "clone3", "namespaces", "thread", "spawn",
	"thread-spawn", "thread-exec", "orphan", "daemon", "rename", "exec", "signal", "leader-exits",
}

// TestChildren makes children in every way that the kernel has.
func TestChildren(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	for _, v := range variants(t) {
		for _, way := range ways {
			t.Run(v.name+"/"+way, func(t *testing.T) {
				rec := record(t, opened(t, v, Options{}, defaultSizes), program, way)
				complete(t, rec)
				if got := names(rec)["getpgid"]; got != 3 {
					t.Errorf("%d marker calls, want 3: %v", got, names(rec))
				}
				for k, s := range rec.Calls {
					if k.Phase != observe.Workload || k.Executable != program || s.Denied != 0 {
						t.Errorf("%+v: %+v", k, s)
					}
					if s.First == 0 || s.Last < s.First {
						t.Errorf("%+v: first seen at %d, last at %d", k, s.First, s.Last)
					}
				}
			})
		}
	}
}

// straced is what strace says of a command and all its children: how often
// each call was made.
func straced(t *testing.T, command ...string) map[string]uint64 {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	args := append([]string{"-f", "-qq", "-s", "0", "-o", log}, command...)
	if err := exec.Command(need.Strace(t), args...).Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]uint64{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllSubmatch(text, -1) {
		all[string(m[1])]++
	}
	return all
}

// TestLikeStrace compares with strace, call by call where a program always
// makes the same ones, and the sets of calls otherwise.
func TestLikeStrace(t *testing.T) {
	need.Root(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the programs are chosen for amd64")
	}
	program := compiled(t, "children.c", "-pthread")
	var commands [][]string
	for _, way := range ways {
		commands = append(commands, []string{program, way})
	}
	commands = append(commands,
		[]string{"ls", "-l", "/etc"},
		[]string{"sh", "-c", "ls / | sort | wc -l; (true; cat /etc/passwd) > /dev/null & wait"},
		[]string{"find", "/etc", "-name", "pass*"},
	)
	for _, command := range commands {
		t.Run(fmt.Sprint(filepath.Base(command[0]), command[1]), func(t *testing.T) {
			want := straced(t, command...)
			want["execve"]-- // the first is not the command's own
			maps.DeleteFunc(want, func(_ string, n uint64) bool { return n == 0 })
			rec := record(t, opened(t, variants(t)[0], Options{}, defaultSizes), command...)
			complete(t, rec)
			got := names(rec)
			// How often a C library waits differs.
			for _, m := range []map[string]uint64{want, got} {
				maps.DeleteFunc(m, func(name string, _ uint64) bool {
					killed := command[1] == "signal" && (name == "getpgid" || name == "pause") // a child may die before it makes them
					return killed || name == "futex" || name == "restart_syscall" || name == "rt_sigreturn"
				})
			}
			if filepath.Base(command[0]) == "sh" || command[1] == "thread-exec" { // whose threads race
				if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
					t.Errorf("calls (-strace +recorded):\n%s", diff)
				}
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("calls (-strace +recorded):\n%s", diff)
			}
		})
	}
}

// TestStorm finds three calls among ten million.
func TestStorm(t *testing.T) {
	storm := "10000000"
	if testing.Short() {
		storm = "100000"
	}
	rec := record(t, opened(t, variants(t)[0], Options{}, defaultSizes), compiled(t, "children.c", "-pthread"), "storm", storm)
	complete(t, rec)
	if got := names(rec); got["getpgid"] != 3 || fmt.Sprint(got["getppid"]) != storm {
		t.Errorf("%v", got)
	}
}

// TestManyChildren loses none of a thousand children that live a moment.
func TestManyChildren(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	for _, v := range variants(t) {
		for range 5 {
			rec := record(t, opened(t, v, Options{}, defaultSizes), program, "many", "1000")
			complete(t, rec)
			if got := names(rec); got["getpgid"] != 3000 || got["exit_group"] != 1001 {
				t.Errorf("%s: %v", v.name, got)
			}
		}
	}
}
