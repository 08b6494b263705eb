//go:build amd64 || arm64

package ebpf

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
)

// TestDenials has a filter give every answer that there is.
func TestDenials(t *testing.T) {
	need.Unfiltered(t)
	program := compiled(t, "denials.c", "-pthread")
	for _, v := range variants(t) {
		for _, c := range []struct {
			way          string
			made, denied uint64
		}{
			{"errno", 0, 3},
			{"errno0", 3, 0}, // as documented
			{"trap", 0, 3},
			{"trace", 0, 3},
			{"log", 3, 0},
			{"notify", 2, 1},
			{"kill-process", 0, 1},
			{"kill-thread", 0, 2},
			{"kill-only-thread", 0, 1},
			{"strict", 0, 1},
			{"kill-by-signal", 3, 0},
		} {
			t.Run(v.name+"/"+c.way, func(t *testing.T) {
				r := opened(t, v, Options{}, defaultSizes)
				var rec observe.Recording
				if c.way == "strict" { // which cannot be had under a filter
					rec = record(t, r, program, c.way)
				} else {
					cmd := exec.Command(program, c.way, "held")
					in := ready(t, cmd, 1)
					if err := r.FollowProcess(cmd.Process.Pid); err != nil {
						t.Fatal(err)
					}
					in.Close()
					rec = finish(t, r)
				}
				complete(t, rec)
				if (c.way == "kill-thread" || c.way == "strict") && !r.dead {
					c.denied = 0
				}
				var made, denied uint64
				for k, s := range rec.Calls {
					if k.NR == unix.SYS_GETPGID {
						made += s.Count
						denied += s.Denied
					} else if s.Denied != 0 && c.way != "strict" {
						t.Errorf("%s: %+v", callName(k.ABI, k.NR), s)
					}
				}
				if made != c.made || denied != c.denied {
					t.Errorf("made %d, denied %d, want %d and %d: %v", made, denied, c.made, c.denied, names(rec))
				}
			})
		}
	}
}

// TestLateFilter has a program that nothing confined put itself under a filter.
func TestLateFilter(t *testing.T) {
	need.Unfiltered(t)
	program := compiled(t, "denials.c", "-pthread")
	for _, v := range variants(t) {
		rec := record(t, opened(t, v, Options{}, defaultSizes), program, "late")
		complete(t, rec)
		wantLimit(t, rec, "installed a filter itself")
		for k, s := range rec.Calls {
			if want := map[bool]uint64{true: 3}[k.NR == unix.SYS_GETPGID]; s.Denied != want {
				t.Errorf("%s: %s: %+v", v.name, callName(k.ABI, k.NR), s)
			}
		}
	}
}
