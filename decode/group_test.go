package decode

import (
	"regexp"
	"strings"
	"testing"

	"github.com/callgate/callgate/seccomp"
)

// readGroup reads what group.format writes.
func readGroup(g *group, abi seccomp.ABI, text string) (v uint64, ok bool) {
	for part := range strings.SplitSeq(text, "|") {
		n, isNumber := parseNumber(part)
		if !isNumber {
			if n, ok = g.lookup(abi, part); !ok {
				return 0, false
			}
		}
		v |= n
	}
	return v, true
}

// TestGroups writes and reads values around every constant on every ABI.
func TestGroups(t *testing.T) {
	for i := range groups {
		g := &groups[i]
		for _, abi := range seccomp.ABIs() {
			for _, name := range g.names(abi) {
				c, _ := g.lookup(abi, name)
				for _, v := range []uint64{c, c - 1, c + 1, ^c, c | 1<<31, c << 32} {
					text := g.format(abi, v)
					if again, ok := readGroup(g, abi, text); !ok || again != v {
						t.Errorf("%v: %s %#x is %q, which reads as %#x, %v", abi, g.name, v, text, again, ok)
					}
				}
			}
		}
	}
}

// TestNamesArePrinted checks that every name is what its own value is written
// as, or the second name of a value.
func TestNamesArePrinted(t *testing.T) {
	for i := range groups {
		g := &groups[i]
		for _, abi := range seccomp.ABIs() {
			for _, name := range g.names(abi) {
				v, _ := g.lookup(abi, name)
				text := g.format(abi, v)
				for part := range strings.SplitSeq(text, "|") {
					if _, isNumber := parseNumber(part); isNumber {
						t.Errorf("%v: %s is written %s", abi, name, text)
					}
				}
			}
		}
	}
}

// TestTable holds the generated table to its form.
func TestTable(t *testing.T) {
	name := regexp.MustCompile(`^(__)?[A-Z][A-Za-z0-9_]+$`)
	for i := range groups {
		g := &groups[i]
		seen := map[string]uint32{}
		for _, f := range g.fields {
			for _, c := range f.constants {
				if !name.MatchString(c.name) {
					t.Errorf("group %s has a name %q", g.name, c.name)
				}
				if seen[c.name]&c.on != 0 {
					t.Errorf("group %s has two values of %s on one ABI", g.name, c.name)
				}
				seen[c.name] |= c.on
			}
		}
	}
	for _, name := range []string{"clock", "open-flags", "resolve-flags", "clone3-flags", "signal", "address-family", "socketcall"} {
		if place(name) < 0 {
			t.Errorf("no group %s", name)
		}
	}
}

// TestRows checks that the table speaks of arguments that the calls have.
func TestRows(t *testing.T) {
	for _, r := range callRows {
		most := 0
		for _, abi := range seccomp.ABIs() {
			if ps, ok := parametersOf(abi, r.call); ok && r.on&(1<<abi) != 0 {
				most = max(most, len(ps))
			}
		}
		args := r.args
		if n := len(args); n > 0 && args[n-1].kind == kindEnd {
			args = args[:n-1]
		}
		if len(args) > most || most == 0 {
			t.Errorf("%s has %d arguments, the table speaks of %d", r.call, most, len(args))
		}
		for i, a := range args {
			if a.length == i || a.length >= most {
				t.Errorf("%s: argument %d has its length in argument %d", r.call, i, a.length)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"AF_UNIX", "AF_INET", "AF_INET6", "AF_VSOCK"}
	for text, want := range map[string]string{
		"AF_VSOKC": "AF_VSOCK", "af_inet": "AF_INET", "AF_INET4": "AF_INET", "XYZ": "", "": "",
		strings.Repeat("A", 1000): "",
	} {
		if got := nearest(text, names); got != want {
			t.Errorf("nearest(%.20q) = %q, want %q", text, got, want)
		}
	}
}
