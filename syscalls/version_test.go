package syscalls

import (
	"testing"

	"github.com/callgate/callgate/seccomp"
)

func TestSince(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"read", "1.0"}, {"openat", "2.6.16"}, {"seccomp", "3.17"},
		{"fgetxattr", "2.4.18"}, {"clone3", "5.3"}, {"futex_time64", "5.1"},
		{"membarrier", "4.3"}, {"mseal", "6.10"}, {"uprobe", "6.18"},
		{"rseq_slice_yield", "7.0"}, {"tuxcall", ""}, {"no_such_call", ""},
	} {
		v, ok := Since(c.name)
		if ok != (c.want != "") || ok && v.String() != c.want {
			t.Errorf("Since(%q) = %v, %v, want %q", c.name, v, ok, c.want)
		}
	}
}

func TestVersionCompare(t *testing.T) {
	ascending := []Version{{}, {1, 0, 0}, {2, 4, 18}, {2, 6, 0}, {2, 6, 16}, {3, 17, 0}, {5, 1, 0}, {5, 11, 0}, {6, 0, 0}}
	for i, v := range ascending {
		for j, w := range ascending {
			if got := v.Compare(w); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("(%v).Compare(%v) = %d", v, w, got)
			}
		}
	}
}

// TestSinceUnified checks the calls of the unified numbers (424 and above on
// every ABI), which were handed out in order.
func TestSinceUnified(t *testing.T) {
	last := Version{5, 1, 0}
	for nr, name := range All(seccomp.X86_64) {
		if nr < 424 {
			continue
		}
		v, ok := Since(name)
		if !ok || v.Compare(Version{5, 1, 0}) < 0 {
			t.Errorf("%s, %d, is since %v", name, nr, v)
		}
		last = v
	}
	if last.Compare(Version{6, 0, 0}) < 0 {
		t.Errorf("newest call is since %v", last)
	}
}
