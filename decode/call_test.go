package decode_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/seccomp"
)

// memory is the memory of a process at base, and nothing elsewhere.
type memory struct {
	base uint64
	data []byte
}

func (m memory) ReadAt(p []byte, addr int64) (int, error) {
	if uint64(addr) < m.base || uint64(addr) >= m.base+uint64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[uint64(addr)-m.base:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// base is where the memory of these tests lies.
const base = 0x10000

// pack lays numbers (with their size) and strings out in the byte order of an
// ABI.
func pack(abi seccomp.ABI, parts ...any) []byte {
	var b bytes.Buffer
	for _, part := range parts {
		if s, ok := part.(string); ok {
			b.WriteString(s)
			continue
		}
		if err := binary.Write(&b, abi.ByteOrder(), part); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

func TestCall(t *testing.T) {
	const amd64, x86, arm, mips, s390x, ppc = seccomp.X86_64, seccomp.X86, seccomp.ARM, seccomp.MIPS, seccomp.S390X, seccomp.PPC
	long := strings.Repeat("a", 600)
	for _, c := range []struct {
		abi  seccomp.ABI
		name string
		args [6]uint64
		mem  []byte
		want string
	}{
		// Numbers as the kernel reads them.
		{amd64, "close", [6]uint64{0xffffffff}, nil, "close(-1)"},
		{amd64, "close", [6]uint64{0x1_0000_0003}, nil, "close(3)"},
		{amd64, "socket", [6]uint64{0x1_0000_0028, 1}, nil, "socket(AF_VSOCK, SOCK_STREAM, 0)"},
		{amd64, "openat", [6]uint64{0xffffff9c, 0, 0x80000}, nil, "openat(AT_FDCWD, NULL, O_RDONLY|O_CLOEXEC)"},
		{amd64, "setresuid", [6]uint64{0xffffffff, 1000, 1 << 63}, nil, "setresuid(-1, 1000, 0)"},
		{amd64, "lseek", [6]uint64{3, ^uint64(9), 2}, nil, "lseek(3, -10, SEEK_END)"},
		{x86, "lseek", [6]uint64{3, 0xfffffff6, 2}, nil, "lseek(3, -10, SEEK_END)"},
		{amd64, "exit_group", [6]uint64{1}, nil, "exit_group(1)"},
		{amd64, "getpid", [6]uint64{1, 2, 3}, nil, "getpid()"},
		{amd64, "mkdir", [6]uint64{0, 0xffff01ff}, nil, "mkdir(NULL, 0777)"}, // umode_t has 16 bits
		{amd64, "brk", [6]uint64{0}, nil, "brk(NULL)"},

		// Each ABI has its own numbers, order and registers.
		{mips, "socket", [6]uint64{2, 1 | 0x80}, nil, "socket(AF_INET, SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_IP)"},
		{mips, "kill", [6]uint64{1, 18}, nil, "kill(1, SIGCHLD)"},
		{mips, "open", [6]uint64{0, 0x101, 0o644}, nil, "open(NULL, O_WRONLY|O_CREAT, 0644)"},
		{arm, "open", [6]uint64{0, 0o240000}, nil, "open(NULL, O_RDONLY|O_DIRECT|O_DIRECTORY)"},
		{ppc, "ioctl", [6]uint64{0, 0x40087468, 1}, nil, "ioctl(0, TIOCGWINSZ, 0x1)"},
		{s390x, "clone", [6]uint64{0x1000, 0x11}, nil, "clone(0x1000, SIGCHLD, NULL, NULL, NULL)"},
		{x86, "pread64", [6]uint64{3, 0, 10, 1, 2}, nil, "pread64(3, NULL, 10, 8589934593)"},
		{arm, "pread64", [6]uint64{3, 0, 10, 99, 1, 2}, nil, "pread64(3, NULL, 10, 8589934593)"},
		{ppc, "pread64", [6]uint64{3, 0, 10, 99, 2, 1}, nil, "pread64(3, NULL, 10, 8589934593)"},
		{ppc, "fadvise64_64", [6]uint64{3, 4, 0, 1, 0, 2}, nil, "fadvise64_64(3, POSIX_FADV_DONTNEED, 1, 2)"},
		{x86, "mmap", [6]uint64{base}, nil, "mmap(0x10000)"},

		// What depends on another argument.
		{amd64, "open", [6]uint64{0, 0o100, 0o600}, nil, "open(NULL, O_RDONLY|O_CREAT, 0600)"},
		{amd64, "open", [6]uint64{0, 0o200000, 0o600}, nil, "open(NULL, O_RDONLY|O_DIRECTORY)"},
		{amd64, "socket", [6]uint64{16, 3, 12}, nil, "socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)"},
		{amd64, "fcntl", [6]uint64{1, 4, 0x800}, nil, "fcntl(1, F_SETFL, O_RDONLY|O_NONBLOCK)"},
		{amd64, "setsockopt", [6]uint64{3, 1, 26, 0, 0}, nil, "setsockopt(3, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0)"},
		{mips, "setsockopt", [6]uint64{3, 0xffff, 4, 0, 0}, nil, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, NULL, 0)"},
		{amd64, "prctl", [6]uint64{22, 2, base}, pack(amd64, uint64(0xffff_0003), uint64(0)), "prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, {len=3, filter=NULL})"},
		{amd64, "prctl", [6]uint64{22, 1, base}, nil, "prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)"},
		{amd64, "mknod", [6]uint64{0, 0o20666, 0x103}, nil, "mknod(NULL, S_IFCHR|0666, makedev(0x1, 0x3))"},
		{amd64, "futex", [6]uint64{base, 129, 1}, nil, "futex(0x10000, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 1)"},
		{amd64, "personality", [6]uint64{0xffffffff}, nil, "personality(0xffffffff)"},
		{amd64, "personality", [6]uint64{0x40000}, nil, "personality(PER_LINUX|ADDR_NO_RANDOMIZE)"},
		{amd64, "mprotect", [6]uint64{base, 10, 0}, nil, "mprotect(0x10000, 10, PROT_NONE)"},
		{amd64, "sethostname", [6]uint64{base, ^uint64(0)}, []byte("abc"), "sethostname(0x10000, -1)"},

		// What addresses lead to.
		{amd64, "open", [6]uint64{base, 0}, []byte("/etc/passwd\x00"), `open("/etc/passwd", O_RDONLY)`},
		{amd64, "open", [6]uint64{base, 0}, []byte("a\x1b[31m\u202e\"\\\n\xff\x00"), `open("a\x1b[31m\xe2\x80\xae\"\\\n\xff", O_RDONLY)`},
		{amd64, "open", [6]uint64{base, 0}, []byte("caf\u00e9\x00"), "open(\"caf\u00e9\", O_RDONLY)"},
		{amd64, "open", [6]uint64{base, 0}, []byte("cut"), `open("cut"..., O_RDONLY)`},
		{amd64, "open", [6]uint64{base, 0}, []byte(long), `open("` + long[:512] + `"..., O_RDONLY)`},
		{amd64, "open", [6]uint64{base - 1, 0}, []byte("x"), "open(0xffff, O_RDONLY)"},
		{amd64, "write", [6]uint64{1, base, 3}, []byte("abcdef"), `write(1, "abc", 3)`},
		{amd64, "write", [6]uint64{1, base, 600}, []byte(long), `write(1, "` + long[:64] + `"..., 600)`},
		{amd64, "write", [6]uint64{1, base, 0}, []byte(long), "write(1, 0x10000, 0)"},
		{amd64, "connect", [6]uint64{3, base, 16}, pack(amd64, uint16(2), "\x00\x50\x7f\x00\x00\x01", uint64(0)), "connect(3, {AF_INET 127.0.0.1:80}, 16)"},
		{mips, "connect", [6]uint64{3, base, 16}, pack(mips, uint16(2), "\x00\x50\x7f\x00\x00\x01", uint64(0)), "connect(3, {AF_INET 127.0.0.1:80}, 16)"},
		{amd64, "bind", [6]uint64{3, base, 28}, pack(amd64, uint16(10), "\x1f\x90", uint32(0), make([]byte, 15), "\x01", uint32(2)), "bind(3, {AF_INET6 [::1%2]:8080}, 28)"},
		{amd64, "connect", [6]uint64{3, base, 12}, pack(amd64, uint16(1), "/run/sock\x00"), `connect(3, {AF_UNIX "/run/sock"}, 12)`},
		{amd64, "connect", [6]uint64{3, base, 6}, pack(amd64, uint16(1), "\x00abc"), `connect(3, {AF_UNIX @"abc"}, 6)`},
		{amd64, "bind", [6]uint64{3, base, 12}, pack(amd64, uint16(16), uint16(0), uint32(7), uint32(1)), "bind(3, {AF_NETLINK pid=7 groups=0x1}, 12)"},
		{s390x, "connect", [6]uint64{3, base, 16}, pack(s390x, uint16(40), uint16(0), uint32(1024), uint32(2), uint32(0)), "connect(3, {AF_VSOCK cid=2 port=1024}, 16)"},
		{amd64, "connect", [6]uint64{3, base, 4}, pack(amd64, uint16(2), "\x00\x50"), `connect(3, {AF_INET "\x00P"}, 4)`},
		{amd64, "connect", [6]uint64{3, base, 1}, pack(amd64, uint16(2)), "connect(3, 0x10000, 1)"},
		{amd64, "execve", [6]uint64{base, base + 8, base + 8}, pack(amd64, "/bin/ls\x00", uint64(base), uint64(5), uint64(0)),
			`execve("/bin/ls", ["/bin/ls", 0x5], 0x10008 /* 2 vars */)`},
		{x86, "execve", [6]uint64{base, base + 8, 0}, pack(x86, "/bin/ls\x00", uint32(base), uint32(0)), `execve("/bin/ls", ["/bin/ls"], NULL)`},
		{amd64, "writev", [6]uint64{1, base, 2}, pack(amd64, uint64(base), uint64(2), uint64(0), uint64(9)), `writev(1, [{iov_base="\x00\x00", iov_len=2}, {iov_base=NULL, iov_len=9}], 2)`},
		{amd64, "nanosleep", [6]uint64{base, 0}, pack(amd64, uint64(5), uint64(7)), "nanosleep({tv_sec=5, tv_nsec=7}, NULL)"},
		{x86, "nanosleep", [6]uint64{base, 0}, pack(x86, int32(-5), uint32(7)), "nanosleep({tv_sec=-5, tv_nsec=7}, NULL)"},
		{x86, "clock_settime64", [6]uint64{0, base}, pack(x86, uint64(5), uint64(7)), "clock_settime64(CLOCK_REALTIME, {tv_sec=5, tv_nsec=7})"},
		{x86, "epoll_pwait2", [6]uint64{3, base, 1, base}, pack(x86, uint64(5), uint64(7)), "epoll_pwait2(3, 0x10000, 1, {tv_sec=5, tv_nsec=7}, NULL, 0)"},
		{amd64, "select", [6]uint64{0, 0, 0, 0, base}, pack(amd64, uint64(5), uint64(7)), "select(0, NULL, NULL, NULL, {tv_sec=5, tv_usec=7})"},
		{amd64, "seccomp", [6]uint64{1, 1, base}, pack(amd64, uint16(12), make([]byte, 6), uint64(0x2000)), "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {len=12, filter=0x2000})"},
		{amd64, "openat2", [6]uint64{3, base, base, 24}, pack(amd64, uint64(0o100), uint64(0o644), uint64(8)),
			`openat2(3, "@", {flags=O_RDONLY|O_CREAT, mode=0644, resolve=RESOLVE_BENEATH}, 24)`},
		{amd64, "clone3", [6]uint64{base, 88}, pack(amd64, uint64(0x10000080), make([]byte, 24), uint64(17), make([]byte, 48)),
			"clone3({flags=CLONE_NEWTIME|CLONE_NEWUSER, exit_signal=SIGCHLD}, 88)"},
		{amd64, "setrlimit", [6]uint64{7, base}, pack(amd64, uint64(10), ^uint64(0)), "setrlimit(RLIMIT_NOFILE, {rlim_cur=10, rlim_max=RLIM_INFINITY})"},
		{x86, "prlimit64", [6]uint64{0, 7, base}, pack(x86, uint64(10), ^uint64(0)), "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=10, rlim_max=RLIM_INFINITY}, NULL)"},
		{x86, "socketcall", [6]uint64{1, base}, pack(x86, uint32(40), uint32(1), uint32(0)), "socketcall(SYS_SOCKET, [AF_VSOCK, SOCK_STREAM, 0])"},
		{x86, "socketcall", [6]uint64{1, base}, nil, "socketcall(SYS_SOCKET, 0x10000)"},
		{x86, "socketcall", [6]uint64{99, base}, nil, "socketcall(0x63, 0x10000)"},
	} {
		var mem decode.Memory
		if c.mem != nil {
			mem = memory{base, c.mem}
		}
		if got := decode.CallNamed(c.abi, c.name, c.args, mem); got != c.want {
			t.Errorf("%v: %s, want %s", c.abi, got, c.want)
		}
	}
}

func TestCallNumber(t *testing.T) {
	for _, c := range []struct {
		abi  seccomp.ABI
		nr   uint32
		want string
	}{
		{seccomp.X86_64, 39, "getpid()"},
		{seccomp.X32, 0x40000027, "getpid()"},
		{seccomp.X86_64, 5000, "syscall_0x1388(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)"},
		{seccomp.ABI(0), 1, "syscall_0x1(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)"},
	} {
		if got := decode.Call(c.abi, c.nr, [6]uint64{1, 2, 3, 4, 5, 6}, nil); got != c.want {
			t.Errorf("%v call %d: %s, want %s", c.abi, c.nr, got, c.want)
		}
	}
}

// endless is memory that never ends: no text may grow with it.
type endless byte

func (e endless) ReadAt(p []byte, _ int64) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func BenchmarkCall(b *testing.B) {
	mem := memory{base, []byte("/etc/passwd\x00")}
	for b.Loop() {
		decode.Call(seccomp.X86_64, 257, [6]uint64{0xffffff9c, base, 0x80000}, mem)
	}
}
