package recordertest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
)

// kinds are the ways in which the program makes children.
var kinds = []string{
	"fork", "vfork", "clone", "clone-vm", "clone-vfork", "clone-parent", "clone3",
	"spawn", "threads", "double-fork", "thread-exec", "chain5",
}

// straced matches the beginning of a call in strace's output with -f: calls
// that are resumed have no name at this place.
var straced = regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`)

// varying are calls whose number depends on which thread is first.
var varying = []string{"futex", "restart_syscall", "sched_yield"}

// Strace is how often each call was made, but for the execve that starts the
// command.
func Strace(t testing.TB, args ...string) map[string]uint64 {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.CommandContext(t.Context(), need.Strace(t), append([]string{"-f", "-qq", "-o", log}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, m := range straced.FindAllStringSubmatch(string(text), -1) {
		counts[m[1]]++
	}
	counts["execve"]--
	maps.DeleteFunc(counts, func(_ string, n uint64) bool { return n == 0 })
	return counts
}

// Children compares a recording with strace for each way to make children, call
// by call.
func (start Start) Children(t *testing.T) {
	program := Program(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			want := Strace(t, program, kind)
			got := Counts(start.Record(t, false, program, kind))
			for _, name := range varying {
				delete(want, name)
				delete(got, name)
			}
			same(t, got, want)
		})
	}
}

func same(t testing.TB, got, want map[string]uint64) {
	t.Helper()
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if want[name] == 0 {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if got[name] != want[name] {
			t.Errorf("%s: recorded %d times, strace has %d", name, got[name], want[name])
		}
	}
}

// Many counts the calls of 1,000 children that live a millisecond.
func (start Start) Many(t *testing.T) {
	got := Counts(start.Record(t, false, Program(t), "many1000"))
	if got["getsid"] != 1000 || got["exit_group"] != 1001 {
		t.Errorf("getsid %d times, exit_group %d times, want 1000 and 1001", got["getsid"], got["exit_group"])
	}
}

// OtherABI records 32-bit calls: of a 64-bit program, and of one of 32 bits.
func (start Start) OtherABI(t *testing.T) {
	t.Run("int 0x80", func(t *testing.T) {
		got := Counts(start.Record(t, false, Program(t), "int80-5"))
		if got["x86:getpid"] != 5 || got["writev"] != 0 {
			t.Errorf("x86:getpid %d times, writev %d times, want 5 and 0", got["x86:getpid"], got["writev"])
		}
	})
	t.Run("-m32", func(t *testing.T) {
		r := start.Record(t, false, Program(t, "-m32", "-static"), "fork")
		got := Counts(r)
		if got["x86:getsid"] != 1 || got["x86:exit_group"] != 2 {
			t.Errorf("x86:getsid %d times, x86:exit_group %d times, want 1 and 2", got["x86:getsid"], got["x86:exit_group"])
		}
		for name := range got {
			if !strings.HasPrefix(name, "x86:") {
				t.Errorf("a 32-bit program made the call %s", name)
			}
		}
	})
}

// Executables compares by which executable a call was made: the path as it was
// given to exec.
func (start Start) Executables(t *testing.T) {
	program := Program(t)
	dir := filepath.Dir(program)
	link, script := filepath.Join(dir, "link"), filepath.Join(dir, "script")
	if err := os.Symlink("children", link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte("#!"+program+" leaf\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	sh := need.Program(t, "sh")
	r := start.Record(t, false, sh, "-c",
		"cd "+dir+"; ./children leaf; ./link leaf; "+link+" threads; ./script; exec ./children thread-exec")
	got := map[string]uint64{}
	for k, s := range r.Calls {
		if Name(k) == "getpgid" {
			got[k.Executable] += s.Count
		}
	}
	want := map[string]uint64{"./children": 2, "./link": 1, link: 4, "./script": 1}
	if !maps.Equal(got, want) {
		t.Errorf("getpgid was called by %v, want %v", got, want)
	}
}
