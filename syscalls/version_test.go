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

// TestSinceUnified checks the calls of the unified numbers (424 and above on
// every ABI), which were handed out in order.
func TestSinceUnified(t *testing.T) {
	last := seccomp.Version{Major: 5, Minor: 1}
	for nr, name := range All(seccomp.X86_64) {
		if nr < 424 {
			continue
		}
		v, ok := Since(name)
		if !ok || v.Compare(seccomp.Version{Major: 5, Minor: 1}) < 0 {
			t.Errorf("%s, %d, is since %v", name, nr, v)
		}
		last = v
	}
	if last.Compare(seccomp.Version{Major: 6, Minor: 0}) < 0 {
		t.Errorf("newest call is since %v", last)
	}
}

func TestSinceOn(t *testing.T) {
	for _, c := range []struct {
		abi        seccomp.ABI
		name, want string
	}{
		{seccomp.X86, "socket", "4.3"}, {seccomp.X86, "accept4", "4.3"}, {seccomp.X86, "sendmmsg", "3.0"}, {seccomp.X86, "semget", "5.1"},
		{seccomp.X86_64, "socket", "1.0"}, {seccomp.X86_64, "semget", "1.0"}, {seccomp.S390X, "connect", "4.3"}, {seccomp.S390X, "shmat", "5.1"},
		{seccomp.ARM, "semget", "1.0"}, {seccomp.X86, "read", "1.0"}, {seccomp.X86, "clock_gettime64", "5.1"},
	} {
		want, _ := Since(c.name)
		if c.want != "1.0" {
			want, _ = seccomp.ParseVersion(c.want)
		}
		if v, ok := SinceOn(c.abi, c.name); !ok || v.Compare(want) != 0 {
			t.Errorf("SinceOn(%v, %q) = %v, %v, want %v", c.abi, c.name, v, ok, want)
		}
	}
}
