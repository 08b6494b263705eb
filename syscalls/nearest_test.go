package syscalls

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"openat", "openat"},
		{"OpenAt", "openat"},
		{" mkdir ", "mkdir"},
		{"opneat", "openat"},
		{"opena", "open"},
		{"opennat", "openat"},
		{"scoket", "socket"},
		{"sched_setafinity", "sched_setaffinity"},
		{"fstatat", "fstat"},
		{"clone4", "clone"},
		{"reed", "read"},
		{"xyzzy", ""},
		{"q", ""},
		{"", ""},
		{"this_is_no_system_call", ""},
		{strings.Repeat("a", 1000), ""},
		{"\xff\xfe\x00", ""},
	} {
		got, ok := Nearest(c.name)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("Nearest(%.30q) = %q, %v, want %q", c.name, got, ok, c.want)
		}
	}
}

// TestNearestFixesTypos drops each byte of each long name in turn: the name
// stays nearest unless the rest is a name itself or as near to another.
func TestNearestFixesTypos(t *testing.T) {
	for _, name := range Names() {
		if len(name) < 8 {
			continue
		}
		for i := range name {
			typo := name[:i] + name[i+1:]
			got, ok := Nearest(typo)
			if !ok || distance(typo, got) > 1 {
				t.Errorf("Nearest(%q) = %q, %v, want %q", typo, got, ok, name)
			}
		}
	}
}

// TestDistance checks the values and that the measure is symmetric.
func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"abc", "acb", 1},
		{"kitten", "sitting", 3}, {"ca", "abc", 3}, {"read", "read", 0},
		{"mkdir", "rmdir", 2}, {"open", "openat", 2},
	} {
		if got, back := distance(c.a, c.b), distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("distance(%q, %q) = %d, back %d, want %d", c.a, c.b, got, back, c.want)
		}
	}
}

// FuzzNearest checks that any text gets a known name within the bound or none.
func FuzzNearest(f *testing.F) {
	for _, s := range []string{"", "opneat", "READ", "\xff", " mkdir\n", "İopen", strings.Repeat("é", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Nearest(s)
		if ok != Known(got) {
			t.Errorf("Nearest(%q) = %q, %v", s, got, ok)
		}
		want := strings.ToLower(strings.TrimSpace(s))
		if ok && distance(want, got) > len(want)/3 {
			t.Errorf("Nearest(%q) = %q, too far", s, got)
		}
	})
}
