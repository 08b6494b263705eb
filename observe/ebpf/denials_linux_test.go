//go:build amd64 || arm64

package ebpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/need"
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
				rec := record(t, r, program, c.way)
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
