//go:build linux && (amd64 || arm64 || riscv64 || loong64)

package decode_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// An attempt is a call that fails or does no harm. Text stands for the address
// of a string.
type attempt struct {
	name string
	args []any
}

const (
	noPID = 0x3fffffff // more than any kernel allows
	badFD = 9999
)

// none is an address at which nothing can be read.
const none = 16

var attempts = []attempt{
	// files
	{"openat", []any{-100, "/no/such file\n", 0o2000000}},
	{"openat", []any{badFD, "x\"\\\t", 0o102 | 0o1000 | 0o200, 0o644}},
	{"openat", []any{-100, "/no/such", 0o20200001, 0o4711}},
	{"openat", []any{-100, "/no/such", 0o14016003}},
	{"openat", []any{-100, uintptr(none), 0o40000}},
	{"openat", []any{uint64(1<<64 - 100), "/no/such", 0}},
	{"faccessat", []any{-100, "/no/such", 5}},
	{"faccessat", []any{-100, "/no/such", 0}},
	{"faccessat2", []any{-100, "/no/such", 6, 0x1300}},
	{"fchmodat", []any{-100, "/no/such", 0o6755}},
	{"fchownat", []any{-100, "/no/such", -1, 1000, 0x1100}},
	{"mkdirat", []any{badFD, "d", 0o700}},
	{"mknodat", []any{badFD, "n", 0o20666, 0x103}},
	{"mknodat", []any{badFD, "n", 0o10600, 0}},
	{"unlinkat", []any{badFD, "d", 0x200}},
	{"linkat", []any{badFD, "a", -100, "/no/such/b", 0x400}},
	{"symlinkat", []any{"target", badFD, "l"}},
	{"renameat2", []any{badFD, "a", badFD, "b", 1}},
	{"newfstatat", []any{badFD, "a", uintptr(0), 0x1100}},
	{"statx", []any{badFD, "a", 0x3900, 0x7ff, uintptr(0)}},
	{"statx", []any{badFD, "a", 0x2000, 0x1fff, uintptr(0)}},
	{"lseek", []any{badFD, -5, 1}},
	{"lseek", []any{badFD, 1 << 40, 4}},
	{"dup3", []any{badFD, badFD + 1, 0o2000000}},
	{"pipe2", []any{uintptr(none), 0o2044000}},
	{"fcntl", []any{badFD, 3}},
	{"fcntl", []any{badFD, 0x406, 10}},
	{"fcntl", []any{badFD, 2, 1}},
	{"fcntl", []any{badFD, 4, 0o6000}},
	{"fcntl", []any{badFD, 0x409, 15}},
	{"fcntl", []any{badFD, 0x400, 1}},
	{"fcntl", []any{badFD, 10, 17}},
	{"flock", []any{badFD, 6}},
	{"fallocate", []any{badFD, 3, 0, 4096}},
	{"fadvise64", []any{badFD, 0, 10, 3}},
	{"sync_file_range", []any{badFD, 1, 2, 7}},
	{"splice", []any{badFD, uintptr(0), badFD, uintptr(0), 100, 3}},
	{"tee", []any{badFD, badFD, 100, 2}},
	{"copy_file_range", []any{badFD, uintptr(0), badFD, uintptr(0), 5, 0}},
	{"sendfile", []any{badFD, badFD, uintptr(0), 7}},
	{"setxattr", []any{"/no/such", "user.x", "value", 5, 1}},
	{"close_range", []any{5000, 4000, 4}},
	{"memfd_create", []any{uintptr(none), 0x7}},
	{"inotify_init1", []any{0o7}},
	{"inotify_add_watch", []any{badFD, "/", 0x01000102}},
	{"write", []any{badFD, "hello\n", 6}},
	{"write", []any{badFD, "tab\tand\r", 8}},
	{"pwrite64", []any{badFD, "abc", 3, 4096}},
	{"umask", []any{0o22}},
	{"quotactl", []any{0x80000700, "/no/such", 0, uintptr(0)}},
	// mounts
	{"mount", []any{"none", "/no/such", "tmpfs", 0x20040e, uintptr(0)}},
	{"umount2", []any{"/no/such", 10}},
	{"fsopen", []any{"nosuchfs", 1}},
	{"move_mount", []any{badFD, "a", badFD, "b", 4}},
	{"fspick", []any{badFD, "x", 9}},
	{"fsmount", []any{badFD, 1, 0x5}},
	{"open_tree", []any{badFD, "x", 0x80001}},
	{"pivot_root", []any{"/no/such", "/no/such"}},
	// memory
	{"mmap", []any{uintptr(0), 0, 3, 0x22, -1, 0}},
	{"mmap", []any{uintptr(0), 0, 0, 0x4031, badFD, 0}},
	{"mprotect", []any{uintptr(1), 4096, 7}},
	{"mprotect", []any{uintptr(1), 4096, 0x01000000}},
	{"madvise", []any{uintptr(1), 4096, 4}},
	{"madvise", []any{uintptr(1), 4096, 14}},
	{"msync", []any{uintptr(1), 4096, 6}},
	{"mremap", []any{uintptr(1), 4096, 8192, 1}},
	{"mlock2", []any{uintptr(1 << 60), 1, 1}},
	{"mlockall", []any{0x10}},
	{"munmap", []any{uintptr(1), 4096}},
	{"membarrier", []any{0x4000, 0}},
	{"pkey_alloc", []any{1, 3}},
	// processes
	{"unshare", []any{0x10000001}},
	{"setns", []any{badFD, 0x40000000}},
	{"setns", []any{badFD, 0}},
	{"wait4", []any{noPID, uintptr(0), 0x40000003, uintptr(0)}},
	{"waitid", []any{1, noPID, uintptr(0), 0x1000005, uintptr(0)}},
	{"kill", []any{noPID, 15}},
	{"kill", []any{noPID, 0}},
	{"tgkill", []any{noPID, noPID, 23}},
	{"pidfd_open", []any{noPID, 0o4000}},
	{"pidfd_send_signal", []any{badFD, 9, uintptr(0), 0}},
	{"prlimit64", []any{noPID, 7, uintptr(0), uintptr(0)}},
	{"getrusage", []any{-1, uintptr(none)}},
	{"getpriority", []any{2, noPID}},
	{"sched_setscheduler", []any{noPID, 5, uintptr(none)}},
	{"sched_get_priority_max", []any{77}},
	{"personality", []any{0xffffffff}},
	{"ptrace", []any{16, noPID}},
	{"ptrace", []any{0x4206, noPID, 0, 0x10}},
	{"kcmp", []any{noPID, noPID, 2, 0, 0}},
	{"prctl", []any{15, "decode"}},
	{"prctl", []any{38, 0, 0, 0, 0}},
	{"prctl", []any{1, 9999}},
	{"prctl", []any{23, 21}},
	{"prctl", []any{24, 63}},
	{"prctl", []any{47, 2, 63, 0, 0}},
	{"seccomp", []any{1, 0x1a, uintptr(none)}},
	{"seccomp", []any{3, 0, uintptr(none)}},
	{"arch_prctl", []any{0x1003, uintptr(none)}},
	{"setresuid", []any{-1, -1, -1}},
	{"setpgid", []any{noPID, noPID}},
	// sockets
	{"socket", []any{2, 0x80001, 999}},
	{"socket", []any{2, 0xf, 6}},
	{"socket", []any{10, 0xf, 58}},
	{"socket", []any{16, 0x80003, 99}},
	{"socket", []any{16, 0xf, 16}},
	{"socket", []any{77, 5, 0}},
	{"socket", []any{40, 0xe, 0}},
	{"socketpair", []any{1, 0x800 | 9, 0, uintptr(0)}},
	{"accept4", []any{badFD, uintptr(0), uintptr(0), 0x80800}},
	{"shutdown", []any{badFD, 2}},
	{"sendto", []any{badFD, "data", 4, 0x4040, uintptr(0), 0}},
	{"recvfrom", []any{badFD, uintptr(0), 4, 0x42, uintptr(0), uintptr(0)}},
	{"setsockopt", []any{badFD, 0xffff, 2, uintptr(0), 4}},
	{"setsockopt", []any{badFD, 1, 26, uintptr(0), 16}},
	{"setsockopt", []any{badFD, 6, 31, uintptr(0), 3}},
	{"setsockopt", []any{badFD, 0, 64, uintptr(0), 3}},
	{"setsockopt", []any{badFD, 41, 26, uintptr(0), 3}},
	{"getsockopt", []any{badFD, 1, 4, uintptr(0), uintptr(0)}},
	// time, events
	{"timerfd_create", []any{1, 0o2004010}},
	{"clock_nanosleep", []any{1, 1, uintptr(0), uintptr(0)}},
	{"timerfd_settime", []any{badFD, 3, uintptr(0), uintptr(0)}},
	{"epoll_create1", []any{0o2000001}},
	{"eventfd2", []any{5, 0o7000}},
	{"signalfd4", []any{badFD, uintptr(0), 8, 0o4000}},
	{"setitimer", []any{2, uintptr(none), uintptr(0)}},
	{"nanosleep", []any{uintptr(0), uintptr(0)}},
	// System V
	{"shmget", []any{0, 0, 0o1600}},
	{"msgget", []any{0x1234, 0o644}},
	{"semget", []any{0x1234, 3, 0o640}},
	{"shmctl", []any{noPID, 0, uintptr(0)}},
	{"shmat", []any{noPID, uintptr(0), 0o10000}},
	// the system
	{"process_vm_writev", []any{noPID, uintptr(0), 0, uintptr(0), 0, 0}},
	{"mq_open", []any{"no/such", 0o302, 0o640, uintptr(0)}},
	{"bpf", []any{5, uintptr(0), 0}},
	{"keyctl", []any{1, uintptr(none)}},
	{"reboot", []any{0xfee1dead, 1, 0x1234567, uintptr(0)}},
	{"delete_module", []any{"no_such_module", 0o4000}},
	{"finit_module", []any{badFD, "", 1}},
	{"getrandom", []any{uintptr(none), 0, 8}},
	{"ioctl", []any{badFD, 0x5412, uintptr(none)}},
	{"ioctl", []any{badFD, 0x40086602, uintptr(none)}},
	{"ioctl", []any{badFD, 0x400454ca, uintptr(none)}},
	{"ioctl", []any{badFD, 0xae80, 0}},
	{"perf_event_open", []any{uintptr(0), 0, -1, -1, 8}},
	{"acct", []any{"/no/such"}},
}

// TestStrace makes the attempts in a child under strace and compares what
// strace says of each with what this package says of the same registers.
func TestStrace(t *testing.T) {
	if os.Getenv("DECODE_ATTEMPTS") != "" {
		attemptAll(t)
		return
	}
	strace := need.Strace(t)
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(strace, "-f", "-q", "-s", "64", "-e", "signal=none", "-o", log, os.Args[0], "-test.run=^TestStrace$", "-test.v")
	// Signals of the Go runtime would stand among the calls.
	cmd.Env = append(os.Environ(), "DECODE_ATTEMPTS=1", "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	theirs := straceCalls(t, log)
	compared := 0
	for line := range strings.Lines(string(out)) {
		number, ours, ok := strings.Cut(strings.TrimSpace(line), " ours: ")
		if !ok {
			continue
		}
		want, ok := theirs[number]
		if !ok {
			t.Errorf("strace did not see %s", ours)
			continue
		}
		compared++
		if likeStrace(ours) != likeStrace(want) {
			t.Errorf("%s\nstrace says %s", ours, want)
		}
	}
	t.Logf("%d calls as strace has them", compared)
	// Architectures lack some calls.
	if compared < len(attempts)*3/4 {
		t.Errorf("compared %d of %d calls", compared, len(attempts))
	}
}

// marker is a call that does nothing with such a first argument, and whose
// second one numbers the attempt that comes next in the same thread.
const (
	marker    = "getpriority"
	markerArg = 77
)

// attemptAll is the child.
func attemptAll(t *testing.T) {
	runtime.LockOSThread()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	abi, _ := seccomp.NativeABI(runtime.GOARCH)
	var ours []string
	for _, a := range attempts {
		if nr, ok := syscalls.Number(abi, a.name); ok {
			regs, keep := registers(a.args)
			ours = append(ours, decode.Call(abi, nr, regs, mem))
			runtime.KeepAlive(keep)
		}
	}
	mark, _ := syscalls.Number(abi, marker)
	n := 0
	for _, a := range attempts {
		nr, ok := syscalls.Number(abi, a.name)
		if !ok {
			continue
		}
		regs, keep := registers(a.args)
		syscall.RawSyscall(uintptr(mark), markerArg, uintptr(n), 0)
		syscall.RawSyscall6(uintptr(nr), uintptr(regs[0]), uintptr(regs[1]), uintptr(regs[2]), uintptr(regs[3]), uintptr(regs[4]), uintptr(regs[5]))
		runtime.KeepAlive(keep)
		n++
	}
	for i, text := range ours {
		fmt.Printf("%d ours: %s\n", i, text)
	}
}

// registers puts arguments into registers; keep holds the strings.
func registers(args []any) (regs [6]uint64, keep [][]byte) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case int:
			regs[i] = uint64(arg)
		case uint64:
			regs[i] = arg
		case uintptr:
			regs[i] = uint64(arg)
		case string:
			b := append([]byte(arg), 0)
			keep = append(keep, b)
			regs[i] = uint64(uintptr(unsafe.Pointer(&b[0])))
		}
	}
	return regs, keep
}

var (
	straceMark = regexp.MustCompile(`^(\d+) +getpriority\(0x4d[^,]*, (\d+)\)`)
	straceCall = regexp.MustCompile(`^(\d+) +(\w+\(.*\)) += `)
	comment    = regexp.MustCompile(` /\* .*? \*/`)
)

// straceCalls are the calls of the log that stand behind a marker, by its
// number.
func straceCalls(t *testing.T, path string) map[string]string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls := map[string]string{}
	marked, unfinished := map[string]string{}, map[string]string{} // by thread
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, whole := join(unfinished, lines.Text())
		if !whole {
			continue
		}
		if m := straceMark.FindStringSubmatch(line); m != nil {
			marked[m[1]] = m[2]
			continue
		}
		m := straceCall.FindStringSubmatch(line)
		if m == nil || marked[m[1]] == "" {
			continue
		}
		calls[marked[m[1]]] = comment.ReplaceAllString(m[2], "")
		delete(marked, m[1])
	}
	return calls
}

var (
	straceStart = regexp.MustCompile(`^((\d+) .*?) *<unfinished \.\.\.>$`)
	straceEnd   = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
)

// join puts the two halves of a line together between which strace wrote of
// another thread. The first half waits in unfinished.
func join(unfinished map[string]string, line string) (joined string, whole bool) {
	if m := straceStart.FindStringSubmatch(line); m != nil {
		unfinished[m[2]] = m[1]
		return "", false
	}
	if m := straceEnd.FindStringSubmatch(line); m != nil {
		return unfinished[m[1]] + m[2], true
	}
	return line, true
}

var flags = regexp.MustCompile(`\w+(\|\w+)+`)

// likeStrace is a text without what the two write differently on purpose: the
// order of flags, quotactl's QCMD, the name of WUNTRACED; and without spaces,
// which strace loses where it breaks a line.
func likeStrace(text string) string {
	text = strings.ReplaceAll(text, " ", "")
	text = quotaCommand.ReplaceAllString(text, "$2|$1")
	if strings.HasPrefix(text, "wait4") {
		text = strings.ReplaceAll(text, "WSTOPPED", "WUNTRACED")
	}
	return flags.ReplaceAllStringFunc(text, func(set string) string {
		names := strings.Split(set, "|")
		slices.Sort(names)
		return strings.Join(names, "|")
	})
}

var quotaCommand = regexp.MustCompile(`QCMD\((\w+),(\w+)\)`)
