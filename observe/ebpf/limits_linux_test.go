//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// wantLimit fails unless the recording says so of itself.
func wantLimit(t *testing.T, rec observe.Recording, text string) {
	t.Helper()
	if !slices.ContainsFunc(rec.Limits, func(s string) bool { return strings.Contains(s, text) }) {
		t.Errorf("no limit says %q: %q", text, rec.Limits)
	}
}

// copies makes n programs under different names, and a script that executes
// each of them.
func copies(t *testing.T, n int) (script string, paths []string) {
	t.Helper()
	program := compiled(t, "children.c", "-pthread")
	dir := t.TempDir()
	for i := range n {
		path := filepath.Join(dir, "program"+strconv.Itoa(i))
		if err := os.Link(program, path); err != nil {
			t.Skip(err)
		}
		paths = append(paths, path)
	}
	return strings.Join(paths, " marker; ") + " marker", paths
}

// TestRowsOut executes more programs than there are rows: names are lost, and
// no call is.
func TestRowsOut(t *testing.T) {
	script, paths := copies(t, 20)
	for _, v := range variants(t) {
		s := defaultSizes
		s.rows = rowFirst + 10
		rec := record(t, opened(t, v, Options{}, s), "sh", "-c", script)
		complete(t, rec)
		wantLimit(t, rec, "executed beyond the first 10 different ones")
		by := map[string]uint64{}
		for k, n := range rec.Calls {
			if k.NR == unix.SYS_GETPGID {
				by[k.Executable] += n.Count
			}
		}
		if by[paths[0]] != 3 || by[paths[8]] != 3 || by[paths[9]] != 0 || by[""] != 3*11 {
			t.Errorf("%v", by)
		}
	}
}

// TestOneRow executes one program a thousand times.
func TestOneRow(t *testing.T) {
	script, paths := copies(t, 1)
	s := defaultSizes
	s.rows = rowFirst + 2
	r := opened(t, variants(t)[0], Options{}, s)
	rec := record(t, r, "sh", "-c", "i=0; while [ $i -lt 1000 ]; do "+script+"; i=$((i+1)); done; :")
	complete(t, rec)
	if len(rec.Limits) != 0 {
		t.Error(rec.Limits)
	}
	native, _ := seccomp.NativeABI(runtime.GOARCH)
	if got := rec.Calls[observe.Key{Executable: paths[0], ABI: native, NR: unix.SYS_GETPGID}]; got.Count != 3000 {
		t.Errorf("%+v", got)
	}
}

// TestLongName cuts a path that has no place.
func TestLongName(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	dir := t.TempDir()
	for len(dir) < nameSize {
		dir = filepath.Join(dir, strings.Repeat("x", 100))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, "children")
	if err := os.Rename(program, long); err != nil {
		t.Skip(err)
	}
	for _, command := range [][]string{{long, "exec"}, {"sh", "-c", long + " marker"}} {
		rec := record(t, opened(t, variants(t)[0], Options{}, defaultSizes), command...)
		complete(t, rec)
		wantLimit(t, rec, "cut after 255 bytes")
		for k := range rec.Calls {
			if k.Executable != long[:nameSize-1] && filepath.Base(k.Executable) != "sh" {
				t.Errorf("%q", k.Executable)
			}
		}
	}
}

// TestTasksFull has threads with ids beyond the map: those that are not
// followed count as lost.
func TestTasksFull(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	probe := exec.Command("true")
	if err := probe.Run(); err != nil {
		t.Fatal(err)
	}
	s := defaultSizes
	s.tasks = uint32(probe.Process.Pid) + 40 // ids are given away in turn
	rec := record(t, opened(t, variants(t)[0], Options{}, s), program, "unshare", "200")
	if rec.Lost == 0 {
		t.Errorf("nothing is lost: %v", names(rec))
	}
	wantLimit(t, rec, "threads were not followed")
}

// TestOddFull makes more calls with numbers that do not exist than there is
// space for.
func TestOddFull(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	s := defaultSizes
	s.odd = 20
	rec := record(t, opened(t, variants(t)[0], Options{}, s), program, "numbers", "100")
	got := uint64(0)
	for k, n := range rec.Calls {
		if k.NR >= 10000 {
			got += n.Count
		}
	}
	if rec.Lost == 0 || got+rec.Lost != 100 {
		t.Errorf("%d are there and %d lost, want 100", got, rec.Lost)
	}
	wantLimit(t, rec, "calls were not stored")
}

// TestArguments keeps the tuples of a call, and says where they are too many.
func TestArguments(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	native, _ := seccomp.NativeABI(runtime.GOARCH)
	for _, v := range variants(t) {
		for _, c := range []struct {
			n    int
			more bool
			s    sizes
		}{
			{3, false, defaultSizes}, {64, false, defaultSizes}, {65, true, defaultSizes}, {1000, true, defaultSizes},
			{50, true, sizes{rows: 16, odd: 100, tuples: 20}},
		} {
			rec := record(t, opened(t, v, Options{Arguments: true}, c.s), program, "sockets", strconv.Itoa(c.n))
			complete(t, rec)
			got := rec.Calls[observe.Key{Executable: program, ABI: native, NR: unix.SYS_SOCKET}]
			if !rec.Arguments || got.Count != uint64(2*c.n) || got.Values.More != c.more {
				t.Errorf("%s, %d: %+v", v.name, c.n, got)
			}
			if c.more {
				continue
			}
			var want [][]uint64
			for i := range uint64(c.n) {
				want = append(want, []uint64{1000 + i, 5<<32 + 7})
			}
			if !slices.EqualFunc(got.Values.Tuples, want, slices.Equal) {
				t.Errorf("%s: %v, want %v", v.name, got.Values.Tuples, want)
			}
		}
	}
}

// TestRefused says why there can be no recorder.
func TestRefused(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare")
	need.Program(t, "setpriv")
	const hide = "umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug; "
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		command []string
		env     string
		want    []string
	}{
		{"user", []string{"setpriv", "--bounding-set=-all", self}, "", []string{"permission", "run as root"}},
		{"pid namespace", []string{"unshare", "--pid", "--fork", "--mount-proc", self}, "", []string{"unsupported", "--pid=host"}},
		{"no tracefs", []string{"unshare", "--mount", "sh", "-c", hide + self}, "NOBTF=1", []string{"not-exist", "mount -t tracefs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(c.command[0], c.command[1:]...)
			cmd.Env = append(os.Environ(), childVariable+"=open", c.env)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q, want %q", out, c.want)
				}
			}
		})
	}
}

// childOpen tells which error Open gives.
func childOpen([]string) {
	r, err := Open(Options{NoBTF: os.Getenv("NOBTF") != ""})
	if err == nil {
		check(r.Close())
		os.Stdout.WriteString("opened")
		return
	}
	for name, sentinel := range map[string]error{"permission": os.ErrPermission, "unsupported": errors.ErrUnsupported, "not-exist": os.ErrNotExist} {
		if errors.Is(err, sentinel) {
			os.Stdout.WriteString(name + " ")
		}
	}
	os.Stdout.WriteString(err.Error())
}

func TestMarkHalves(t *testing.T) {
	for _, mark := range []uint64{1, 1 << 32} {
		if r, err := Open(Options{Mark: mark}); err == nil {
			r.Close()
			t.Errorf("the mark %#x is taken", mark)
		}
	}
}
