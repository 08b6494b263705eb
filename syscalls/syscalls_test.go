package syscalls

import (
	"slices"
	"testing"

	"github.com/callgate/callgate/seccomp"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		abi  seccomp.ABI
		name string
		nr   uint32
		ok   bool
	}{
		{seccomp.X86_64, "read", 0, true},
		{seccomp.X86_64, "openat2", 437, true},
		{seccomp.X86_64, "uprobe", 336, true},
		{seccomp.X32, "read", 0x40000000, true},
		{seccomp.X32, "execve", 0x40000208, true},
		{seccomp.X86, "socket", 359, true},
		{seccomp.X86, "accept", 0, false}, // socketcall only
		{seccomp.ARM, "set_tls", 0xf0005, true},
		{seccomp.MIPS, "read", 4003, true},
		{seccomp.MIPSEL, "socket", 4183, true},
		{seccomp.MIPS64, "read", 5000, true},
		{seccomp.MIPSEL64N32, "openat2", 6437, true},
		{seccomp.AARCH64, "mkdir", 0, false},
		{seccomp.LoongArch64, "memfd_secret", 447, true},
		{seccomp.S390, "shmat", 397, true},
		{seccomp.SHEB, "recv", 350, true},
		{seccomp.X86_64, "no_such_call", 0, false},
		{seccomp.X86_64, "", 0, false},
		{seccomp.ABI(0), "read", 0, false},
		{seccomp.ABI(200), "read", 0, false},
	} {
		if nr, ok := Number(c.abi, c.name); nr != c.nr || ok != c.ok {
			t.Errorf("Number(%v, %q) = %d, %v, want %d, %v", c.abi, c.name, nr, ok, c.nr, c.ok)
		}
	}
}

func TestName(t *testing.T) {
	for _, c := range []struct {
		abi  seccomp.ABI
		nr   uint32
		name string
	}{
		{seccomp.X86_64, 0, "read"},
		{seccomp.X86_64, 0x40000000, ""}, // x32's
		{seccomp.X86_64, 0xffffffff, ""},
		{seccomp.X32, 0, ""}, // x86_64's
		{seccomp.X32, 0x40000000, "read"},
		{seccomp.X32, 0x40000000 + 59, ""}, // x86_64's execve
		{seccomp.MIPS, 3999, ""},
		{seccomp.MIPS, 4000, "syscall"},
		{seccomp.MIPS64, 4003, ""},
		{seccomp.ARM, 0xf0002, "cacheflush"},
		{seccomp.X86_64, 400, ""},
		{seccomp.ABI(0), 0, ""},
		{seccomp.ABI(200), 0, ""},
	} {
		if name, ok := Name(c.abi, c.nr); name != c.name || ok != (c.name != "") {
			t.Errorf("Name(%v, %#x) = %q, %v, want %q", c.abi, c.nr, name, ok, c.name)
		}
	}
}

// TestRoundTrip walks every ABI: numbers ascend within the space, and number
// and name lead to each other.
func TestRoundTrip(t *testing.T) {
	for _, abi := range seccomp.ABIs() {
		last, count := int64(-1), 0
		for nr, name := range All(abi) {
			if int64(nr) <= last || nr < abi.Base() {
				t.Errorf("%v: %d after %d", abi, nr, last)
			}
			last = int64(nr)
			count++
			if got, ok := Name(abi, nr); got != name || !ok {
				t.Errorf("Name(%v, %d) = %q, want %q", abi, nr, got, name)
			}
			if got, ok := Number(abi, name); got != nr || !ok {
				t.Errorf("Number(%v, %q) = %d, want %d", abi, name, got, nr)
			}
		}
		named := 0
		for _, name := range Names() {
			if _, ok := Number(abi, name); ok {
				named++
			}
		}
		if count != named || count < 300 {
			t.Errorf("%v: All yields %d calls, Number knows %d", abi, count, named)
		}
	}
}

// TestAllStops checks that the loop over All may be left.
func TestAllStops(t *testing.T) {
	for nr, name := range All(seccomp.X86_64) {
		if nr != 0 || name != "read" {
			t.Errorf("first call is %d %q", nr, name)
		}
		break
	}
	for nr := range All(seccomp.ABI(0)) {
		t.Errorf("no ABI has number %d", nr)
	}
}

func TestNames(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("names are not sorted and unique")
	}
	for _, n := range names {
		if !Known(n) {
			t.Errorf("%q is not known", n)
		}
	}
	if Known("") || Known("Read") || Known("readx") || Known("zzz") {
		t.Error("knows a name that does not exist")
	}
}

func TestFind(t *testing.T) {
	for _, name := range Names() {
		c, ok := Find(name)
		if !ok {
			t.Fatalf("%s is not found", name)
		}
		for _, abi := range append(seccomp.ABIs(), 0, 99) {
			a, okA := c.Number(abi)
			b, okB := Number(abi, name)
			if a != b || okA != okB {
				t.Errorf("%v %s: %d and %d", abi, name, a, b)
			}
			m, okM := c.Through(abi)
			n, okN := Through(abi, name)
			if okM != okN || m.Number != n.Number || m.Call != n.Call {
				t.Errorf("%v %s: %v and %v", abi, name, m, n)
			}
		}
	}
	for _, name := range []string{"", "rea", "reads", "READ", "read\x00"} {
		if _, ok := Find(name); ok || Known(name) {
			t.Errorf("%q is found", name)
		}
	}
}
