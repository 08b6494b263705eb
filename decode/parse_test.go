package decode_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func TestParseArg(t *testing.T) {
	for _, c := range []struct {
		call  string
		index int
		text  string
		want  uint64
	}{
		{"socket", 0, "AF_VSOCK", 40},
		{"socket", 0, "AF_LOCAL", 1},
		{"socket", 1, "SOCK_STREAM|SOCK_CLOEXEC", 0x80001},
		{"socket", 1, " SOCK_STREAM | 0x80000 ", 0x80001},
		{"socket", 2, "NETLINK_ROUTE", 0},
		{"socket", 2, "IPPROTO_TCP", 6},
		{"clone", 0, "CLONE_NEWUSER|SIGCHLD", 0x10000011},
		{"unshare", 0, "CLONE_NEWTIME", 0x80},
		{"openat", 0, "AT_FDCWD", ^uint64(99)},
		{"openat", 2, "O_RDONLY|O_CLOEXEC", 0x80000},
		{"ioctl", 1, "TIOCSTI", 0x5412},
		{"fcntl", 2, "O_NONBLOCK", 0x800},
		{"prctl", 1, "CAP_SYS_ADMIN", 21},
		{"clock_gettime", 0, "CLOCK_TAI", 11},
		{"keyctl", 0, "KEYCTL_JOIN_SESSION_KEYRING", 1},
		{"chmod", 1, "0755", 0o755},
		{"chmod", 1, "0o755", 0o755},
		{"write", 2, "513", 513},
		{"write", 2, "0x10", 16},
		{"write", 2, "18446744073709551615", ^uint64(0)},
		{"write", 0, "-1", ^uint64(0)},
		{"write", 1, "NULL", 0},
		{"write", 2, "SIGKILL", 9}, // a name that means one number everywhere
		{"no_such_call", 0, "7", 7},
	} {
		got, err := decode.ParseArg(c.call, c.index, c.text)
		if err != nil || got != c.want {
			t.Errorf("ParseArg(%q, %d, %q) = %#x, %v, want %#x", c.call, c.index, c.text, got, err, c.want)
		}
	}
}

func TestParseArgOn(t *testing.T) {
	for _, c := range []struct {
		abi   seccomp.ABI
		call  string
		index int
		text  string
		want  uint64
	}{
		{seccomp.MIPS, "socket", 1, "SOCK_STREAM", 2},
		{seccomp.S390X, "clone", 1, "CLONE_NEWUSER", 0x10000000},
		{seccomp.PARISC, "openat", 2, "O_CREAT", 0x100},
		{seccomp.SHEB, "ioctl", 1, "TIOCSTI", 0x40015412},
		{seccomp.AARCH64, "mmap", 2, "PROT_BTI", 0x10},
		{seccomp.X86, "fcntl64", 1, "F_SETLK64", 13},
	} {
		got, err := decode.ParseArgOn(c.abi, c.call, c.index, c.text)
		if err != nil || got != c.want {
			t.Errorf("%v: ParseArgOn(%q, %d, %q) = %#x, %v, want %#x", c.abi, c.call, c.index, c.text, got, err, c.want)
		}
	}
}

func TestParseArgErrors(t *testing.T) {
	for _, c := range []struct {
		abi   seccomp.ABI
		call  string
		index int
		text  string
		want  string
	}{
		{seccomp.X86_64, "socket", 0, "AF_VSOKC", `socket argument 0: unknown name "AF_VSOKC" (did you mean AF_VSOCK?); it takes a number or one of 48 names such as AF_UNSPEC, `},
		{seccomp.X86_64, "socket", 1, "AF_INET", `socket argument 1: AF_INET is of another kind (address family); it takes a number or one of 9 names such as SOCK_STREAM, `},
		{seccomp.X86_64, "flock", 1, "LOCK_SHH", `flock argument 1: unknown name "LOCK_SHH" (did you mean LOCK_SH?); it takes a number or LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN, LOCK_MAND, LOCK_READ, LOCK_WRITE`},
		{seccomp.X86_64, "mmap", 2, "PROT_SAO", `mmap argument 2: unknown name "PROT_SAO"`},
		{seccomp.X86, "mprotect", 2, "PROT_SAO", "mprotect argument 2: x86 has no PROT_SAO"},
		{seccomp.S390X, "clone", 0, "CLONE_NEWUSER", "clone argument 0: CLONE_NEWUSER is a name of argument 1; it takes a number"},
		{seccomp.X86_64, "write", 2, "FOO", `write argument 2: unknown name "FOO"; it takes a number`},
		{seccomp.X86_64, "socket", 1, "SOCK_STREAM|", "socket argument 1: a name or number is missing"},
		{seccomp.X86_64, "socket", 1, "", "socket argument 1: a name or number is missing"},
		{seccomp.X86_64, "write", 2, "18446744073709551616", `write argument 2: "18446744073709551616" is no number of 64 bits`},
		{seccomp.X86_64, "write", 2, "-0x8000000000000001", `write argument 2: "-0x8000000000000001" is no number of 64 bits`},
		{seccomp.X86_64, "write", 2, "1_000", `write argument 2: "1_000" is no number of 64 bits`},
		{seccomp.X86_64, "write", 2, "_", `write argument 2: unknown name "_"`},
		{seccomp.X86_64, "write", 6, "1", "write argument 6: there is no argument 6: want 0 to 5"},
		{seccomp.X86_64, "write", -1, "1", "write argument -1: there is no argument -1: want 0 to 5"},
	} {
		got, err := decode.ParseArgOn(c.abi, c.call, c.index, c.text)
		var bad *decode.ArgError
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), c.want) || bad.Syscall != c.call || bad.Index != c.index {
			t.Errorf("ParseArgOn(%v, %q, %d, %q) = %#x, %v, want the error %s", c.abi, c.call, c.index, c.text, got, err, c.want)
		}
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		call  string
		index int
		v     uint64
		want  string
	}{
		{"socket", 0, 40, "AF_VSOCK"},
		{"socket", 0, 0x1_0000_0028, "0x100000028"}, // another register, though the same call
		{"socket", 1, 0x80001, "SOCK_STREAM|SOCK_CLOEXEC"},
		{"socket", 2, 6, "6"}, // which protocol depends on the family
		{"openat", 0, ^uint64(99), "AT_FDCWD"},
		{"openat", 0, 0xffffff9c, "4294967196"},
		{"openat", 3, 0o644, "0644"},
		{"write", 0, 1, "1"},
		{"write", 0, ^uint64(0), "-1"},
		{"write", 1, 0, "NULL"},
		{"kill", 1, 9, "SIGKILL"},
		{"kill", 1, 64, "64"},
		{"clone", 0, 0x11, "SIGCHLD"},
		{"mmap", 2, 0, "PROT_NONE"},
		{"mmap", 2, 6, "PROT_WRITE|PROT_EXEC"},
		{"personality", 0, 8, "PER_LINUX32"},
		{"personality", 0, 0xffffffff, "0xffffffff"}, // asks, and sets no flags
		{"no_such_call", 0, 8, "0x8"},
		{"write", 9, 8, "0x8"},
	} {
		if got := decode.Value(c.call, c.index, c.v); got != c.want {
			t.Errorf("Value(%q, %d, %#x) = %s, want %s", c.call, c.index, c.v, got, c.want)
		}
	}
}

// TestValueIn names arguments that depend on others, as far as these are known.
func TestValueIn(t *testing.T) {
	for _, c := range []struct {
		call  string
		index int
		regs  [6]uint64
		known uint8
		want  string
	}{
		{"prctl", 1, [6]uint64{22, 1}, 0b11, "SECCOMP_MODE_STRICT"},
		{"prctl", 1, [6]uint64{22, 1}, 0b10, "0x1"},
		{"prctl", 1, [6]uint64{1, 9}, 0b11, "SIGKILL"},
		{"prctl", 0, [6]uint64{22, 1}, 0b01, "PR_SET_SECCOMP"},
		{"socket", 6, [6]uint64{}, 0xff, "0"},
		{"no_such_call", 0, [6]uint64{7}, 1, "0x7"},
	} {
		if got := decode.ValueIn(seccomp.X86_64, c.call, c.index, c.regs, c.known); got != c.want {
			t.Errorf("ValueIn(%s, %d, %v, %b) = %s, want %s", c.call, c.index, c.regs, c.known, got, c.want)
		}
	}
}

// TestRoundTrip reads back what is written for values around everything that
// any argument of any call takes. The other ABIs differ in the numbers, which
// TestGroups has for all of them.
func TestRoundTrip(t *testing.T) {
	for _, abi := range []seccomp.ABI{seccomp.X86_64, seccomp.S390X, seccomp.MIPS} {
		for _, call := range syscalls.Names() {
			for index := range 6 {
				for _, name := range decode.Names(abi, call, index) {
					v, err := decode.ParseArgOn(abi, call, index, name)
					if err != nil {
						t.Fatalf("%v: %s argument %d takes %s: %v", abi, call, index, name, err)
					}
					for _, v := range []uint64{v, v - 1, v + 1, ^v, v | 1<<31, v << 32} {
						roundTrip(t, abi, call, index, v)
					}
				}
			}
		}
	}
}

func roundTrip(t *testing.T, abi seccomp.ABI, call string, index int, v uint64) {
	t.Helper()
	text := decode.ValueOn(abi, call, index, v)
	if again, err := decode.ParseArgOn(abi, call, index, text); err != nil || again != v {
		t.Errorf("%v: %s argument %d: %#x is %q, which reads as %#x, %v", abi, call, index, v, text, again, err)
	}
}

func FuzzParseArg(f *testing.F) {
	f.Add(uint8(seccomp.X86_64), "socket", 0, "AF_VSOCK|0x10")
	f.Add(uint8(seccomp.MIPS), "openat", 0, "-100")
	f.Add(uint8(seccomp.S390X), "clone", 1, "CLONE_NEWUSER|SIGCHLD")
	f.Fuzz(func(t *testing.T, abi uint8, call string, index int, text string) {
		v, err := decode.ParseArgOn(seccomp.ABI(abi), call, index, text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		roundTrip(t, seccomp.ABI(abi), call, index, v)
	})
}

func FuzzCall(f *testing.F) {
	f.Add(uint8(seccomp.X86_64), uint32(59), uint64(base), uint64(base), uint64(base), uint64(1), []byte("/bin/ls\x00"))
	f.Add(uint8(seccomp.X86), uint32(102), uint64(1), uint64(base), uint64(0), uint64(0), []byte("\x28\x00\x00\x00"))
	f.Add(uint8(seccomp.MIPS), uint32(4183), uint64(2), uint64(1), uint64(0), uint64(0), []byte{0})
	f.Fuzz(func(t *testing.T, abi uint8, nr uint32, a, b, c, d uint64, data []byte) {
		args := [6]uint64{a, b, c, d, a, b}
		for _, mem := range []decode.Memory{nil, memory{base, data}, endless(len(data))} {
			text := decode.Call(seccomp.ABI(abi), nr, args, mem)
			checkText(t, text)
		}
	})
}

// checkText holds a text to what is promised: bounded, one line, printable.
func checkText(t *testing.T, text string) {
	t.Helper()
	const most = 1 << 16
	if len(text) > most {
		t.Errorf("%d bytes: %.100s", len(text), text)
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == 0x202e {
			t.Errorf("%q goes to a terminal", text)
		}
	}
}

// TestEveryCall writes every call of every ABI with telling registers.
func TestEveryCall(t *testing.T) {
	for _, abi := range seccomp.ABIs() {
		for nr, name := range syscalls.All(abi) {
			for _, v := range []uint64{0, 1, base, ^uint64(0)} {
				for _, mem := range []decode.Memory{nil, endless(0), endless('a')} {
					text := decode.Call(abi, nr, [6]uint64{v, v, v, v, v, v}, mem)
					checkText(t, text)
					if !strings.HasPrefix(text, name+"(") || !strings.HasSuffix(text, ")") {
						t.Errorf("%v: %s", abi, text)
					}
				}
			}
		}
	}
}

func BenchmarkParseArg(b *testing.B) {
	for b.Loop() {
		if _, err := decode.ParseArg("socket", 1, "SOCK_STREAM|SOCK_CLOEXEC"); err != nil {
			b.Fatal(err)
		}
	}
}
