package observe_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// told are the calls of an observation as lines: executable, ABI, name, how
// often made, and behind "!" how often denied.
func told(o observe.Observation) []string {
	var out []string
	for _, r := range o.Recordings {
		for _, k := range r.Keys() {
			name, ok := syscalls.Name(k.ABI, k.NR)
			if !ok {
				name = fmt.Sprint(k.NR)
			}
			line := fmt.Sprintf("%s %v %s %d", k.Executable, k.ABI, name, r.Calls[k].Count)
			if d := r.Calls[k].Denied; d > 0 {
				line += fmt.Sprintf(" !%d", d)
			}
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestReadStrace(t *testing.T) {
	for _, c := range []struct {
		what string
		abi  seccomp.ABI
		log  []string
		want []string
	}{
		{"one process", seccomp.X86_64, []string{
			`execve("/bin/true", ["true"], 0x7ffd /* 35 vars */) = 0`,
			`brk(NULL)                               = 0x55d2ad876000`,
			`write(1, ") = 5\"", 4)                     = 4`,
			`exit_group(0)                           = ?`,
			`+++ exited with 0 +++`,
		}, []string{"x86_64 execve 1", "/bin/true x86_64 write 1", "/bin/true x86_64 brk 1", "/bin/true x86_64 exit_group 1"}},
		{"a path with escapes", seccomp.X86_64, []string{
			`execve("/tmp/a \"b\\\1\n\303\244\x21", [], NULL) = 0 <0.000123>`, `getpid() = 1`,
		}, []string{"x86_64 execve 1", "/tmp/a \"b\\\x01\nä! x86_64 getpid 1"}},
		{"execs that fail, and execveat", seccomp.X86_64, []string{
			`execve("/bin/a", ["a"], 0x1 /* 1 var */) = -1 ENOENT (No such file or directory)`,
			`execveat(AT_FDCWD, "/bin/b", ["b"], NULL, 0) = 0`, `getpid() = 1`,
			`execveat(3</bin/c>, "", ["b"], NULL, AT_EMPTY_PATH) = 0`, `getuid() = 0`,
		}, []string{"x86_64 execve 1", "x86_64 execveat 1", "/bin/b x86_64 getpid 1", "/bin/b x86_64 getuid 1", "/bin/b x86_64 execveat 1"}},
		{"children, before their parent's call returns", seccomp.X86_64, []string{
			`10 execve("/bin/sh", ["sh"], 0x1) = 0`,
			`10 vfork( <unfinished ...>`,
			`11 getpid() = 11`,
			`11 execve("/bin/ls", ["ls"], 0x2 <unfinished ...>`,
			`10 <... vfork resumed>) = 11`,
			`11 <... execve resumed>) = 0`,
			`11 getuid() = 0`,
			`10 getgid() = 0`,
			`11 +++ exited with 0 +++`,
			`10 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=11} ---`,
			`10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 11`,
			`11 getegid() = 0`,
		}, []string{"x86_64 execve 1", "/bin/ls x86_64 getuid 1", "/bin/sh x86_64 getpid 1", "/bin/sh x86_64 clone 1", "/bin/sh x86_64 vfork 1",
			"/bin/sh x86_64 execve 1", "/bin/sh x86_64 getgid 1", "/bin/sh x86_64 getegid 1"}},
		{"stderr, where the first process has no number", seccomp.X86_64, []string{
			`execve("/bin/sh", ["sh"], 0x1) = 0`,
			`clone(child_stack=NULL, flags=SIGCHLDstrace: Process 11 attached`,
			`) = 11`,
			`[pid    10] getpid() = 10`,
			`[pid    11] getuid( <unfinished ...>`,
			`[pid    10] wait4(-1,  <unfinished ...>`,
			`[pid    11] <... getuid resumed>) = 0`,
			`[pid    11] execve("/bin/ls", ["ls"], 0x2) = 0`,
			`[pid    11] exit_group(0) = ?`,
			`[pid    11] +++ exited with 0 +++`,
			`<... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 11`,
			`--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=11} ---`,
			`getgid() = 0`,
		}, []string{"x86_64 execve 1", "/bin/ls x86_64 exit_group 1", "/bin/sh x86_64 getpid 1", "/bin/sh x86_64 clone 1", "/bin/sh x86_64 execve 1",
			"/bin/sh x86_64 wait4 1", "/bin/sh x86_64 getuid 1", "/bin/sh x86_64 getgid 1"}},
		{"a thread that execs", seccomp.X86_64, []string{
			`10 execve("/bin/a", ["a"], 0x1) = 0`,
			`10 clone3({flags=CLONE_VM|CLONE_THREAD} => {parent_tid=[11]}, 88) = 11`,
			`10 futex(0x7f, FUTEX_WAIT, 11, NULL <unfinished ...>`,
			`11 execve("/bin/b", ["b"], NULL <unfinished ...>`,
			`10 <... futex resumed>) = ?`,
			`10 +++ superseded by execve in pid 11 +++`,
			`10 <... execve resumed>) = 0`,
			`10 getpid() = 10`,
		}, []string{"x86_64 execve 1", "/bin/a x86_64 execve 1", "/bin/a x86_64 futex 1", "/bin/a x86_64 clone3 1", "/bin/b x86_64 getpid 1"}},
		{"every prefix", seccomp.X86_64, []string{
			`12:34:56 getpid() = 1`,
			`12:34:56.123456 getpid() = 1`,
			`1795451844.753384 getpid() = 1`,
			`     0.000123 getpid() = 1`,
			`12:34:56 (+     0.000366) getpid() = 1`,
			`[  39] getpid() = 1`,
			`[00007f1e2e2a4aa7] getpid() = 1`,
			`[080483f2] getpid() = 1`,
			`[????????????????] getpid() = 1`,
			`[pid     1] 12:34:56.123456 [  39] [00007f1e2e2a4aa7] getpid() = 1 <0.000004>`,
			`[pid 1<sh>] getpid() = 1<sh>`,
			`1<sh> 1795451844.753384 getpid() = 1`,
			`1     1795451845 getpid() = 1`,
		}, []string{"x86_64 getpid 13"}},
		{"modes", seccomp.X86_64, []string{
			`getpid() = 1`,
			`[ Process PID=5 runs in 32 bit mode. ]`,
			`getpid() = 1`, `waitpid(-1, NULL, 0) = -1 ECHILD (No child processes)`,
			`[ Process PID=5 runs in x32 mode. ]`,
			`getpid() = 1`, `syscall_0x400003e7(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)`,
			`[ Process PID=5 runs in 64 bit mode. ]`,
			`syscall_0x3e7(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)`,
		}, []string{"x86 waitpid 1", "x86 getpid 1", "x86_64 getpid 1", "x86_64 999 1", "x32 getpid 1", "x32 1073742823 1"}},
		{"numbers", seccomp.X86_64, []string{
			`[  20] getpid() = 1`, `[  39] getpid() = 1`, `[1073741863] getpid() = 1`, `[ 102] socketcall(SYS_SOCKET, NULL) = -1 EFAULT (Bad address)`,
			`[ 102] recv(3, "", 5, 0) = 0`, `[ 360] socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0`,
		}, []string{"x86 getpid 1", "x86 socketcall 2", "x86 socketpair 1", "x86_64 getpid 1", "x32 getpid 1"}},
		{"an ABI that only the names tell", seccomp.X86_64, []string{
			`7 execve("/bin/old", ["old"], 0x1) = 0`, `7 brk(NULL) = 0x1`, `7 mmap2(NULL, 1, PROT_READ, MAP_PRIVATE, -1, 0) = 0x1`,
			`7 fork() = 8`, `8 getpid() = 8`,
			`7 execve("/bin/new", ["new"], 0x1) = 0`, `7 brk(NULL) = 0x1`,
		}, []string{"x86_64 execve 1", "/bin/new x86_64 brk 1", "/bin/old x86 fork 1", "/bin/old x86 execve 1", "/bin/old x86 getpid 1", "/bin/old x86 brk 1", "/bin/old x86 mmap2 1"}},
		{"both by names", seccomp.X86_64, []string{
			`brk(NULL) = 0x1`, `waitpid(-1, NULL, 0) = -1 ECHILD (No child processes)`, `newfstatat(3, "", {}, AT_EMPTY_PATH) = 0`,
		}, []string{"x86 waitpid 1", "x86_64 brk 1", "x86_64 newfstatat 1"}},
		{"through a multiplexer", seccomp.S390X, []string{`semop(1, [{0, -1, 0}], 1) = 0`}, []string{"s390x ipc 1"}},
		{"only through one", seccomp.X86, []string{`semop(1, [{0, -1, 0}], 1) = 0`}, []string{"x86 ipc 1"}},
		{"stopped by a filter", seccomp.X86_64, []string{
			`getpid() = 39`,
			`--- SIGSYS {si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x1, si_syscall=__NR_getpid, si_arch=AUDIT_ARCH_X86_64} ---`,
			`getuid() = 0`,
			`getuid() = ?`,
			`+++ killed by SIGSYS (core dumped) +++`,
		}, []string{"x86_64 getpid 0 !1", "x86_64 getuid 1 !1"}},
		{"killed by another process", seccomp.X86_64, []string{`getuid() = 0`, `+++ killed by SIGSYS +++`}, []string{"x86_64 getuid 1"}},
		{"injected", seccomp.X86_64, []string{
			`getppid() = -1 ENOSYS (Function not implemented) (INJECTED)`,
			`getpid() = 5 (INJECTED: retval) <0.000012>`,
			`getuid() = 0 (INJECTED: args)`,
			`getgid() = 0 (DELAYED)`,
		}, []string{"x86_64 getpid 0 !1", "x86_64 getuid 1", "x86_64 getgid 1", "x86_64 getppid 0 !1"}},
		{"an attach in the middle", seccomp.X86_64, []string{
			`strace: Process 5 attached`,
			`<... poll resumed>) = 0 (Timeout)`,
			`restart_syscall(<... resuming interrupted read ...>) = 0`,
			`strace: Process 5 detached`,
			` <detached ...>`,
		}, []string{"x86_64 poll 1", "x86_64 restart_syscall 1"}},
		{"stacks, dumps, and what the program wrote", seccomp.X86_64, []string{
			`getppid()                               = 12800`,
			` > /usr/lib/x86_64-linux-gnu/libc.so.6(getppid+0x7) [0xd54f7]`,
			` | 00000  68 65 6c 6c 6f                                    hello |`,
			`Hello, world (foo)`, ``, `12`, `[1] done`, `((`, "\x00\xff",
		}, []string{"x86_64 getppid 1"}},
		{"a table", seccomp.X86_64, []string{
			`% time     seconds  usecs/call     calls    errors syscall`,
			`------ ----------- ----------- --------- --------- ----------------`,
			` 60.00    0.000012           0        12           read`,
			` 40.00    0.000000           0         2         1 access`,
			`------ ----------- ----------- --------- --------- ----------------`,
			`100.00    0.000012           0        14         1 total`,
			`System call usage summary for 32 bit mode:`,
			`% time     seconds  usecs/call     calls    errors syscall`,
			`------ ----------- ----------- --------- --------- ----------------`,
			`  0.00    0.000000           0         1           getpid`,
			`------ ----------- ----------- --------- --------- ----------------`,
			`100.00    0.000000           0         1           total`,
		}, []string{"x86 getpid 1", "x86 exit_group 1", "x86_64 read 12", "x86_64 access 2", "x86_64 exit_group 1"}},
		{"a table of other columns", seccomp.X86_64, []string{
			`syscall          min-time  calls`,
			`---------------- -------- ------`,
			`getpid           0.000001      3`,
			`---------------- -------- ------`,
			`total            0.000001      3`,
		}, nil},
		{"a log with a table", seccomp.X86_64, []string{
			`getpid() = 1`,
			`% time     seconds  usecs/call     calls    errors syscall`,
			`------ ----------- ----------- --------- --------- ----------------`,
			`  0.00    0.000000           0         9           getpid`,
			`------ ----------- ----------- --------- --------- ----------------`,
			`100.00    0.000000           0         9           total`,
		}, []string{"x86_64 getpid 1"}},
		{"another machine", seccomp.AARCH64, []string{`openat(AT_FDCWD, "/", O_RDONLY) = 3`, `[ Process PID=5 runs in 32 bit mode. ]`, `open("/", O_RDONLY) = 3`},
			[]string{"arm open 1", "aarch64 openat 1"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			o, err := observe.ReadStrace("x.log", strings.NewReader(strings.Join(c.log, "\n")), c.abi)
			if c.want == nil {
				if err == nil {
					t.Errorf("no error, and %q", told(o))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, told(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadStraceFacts(t *testing.T) {
	const log = "5 1795451844.5 getpid() = 5\nhello\n5 1795451846.25 getpid() = 5\nworld\n"
	o, err := observe.ReadStrace("x.log", strings.NewReader(log), seccomp.X86_64)
	if err != nil {
		t.Fatal(err)
	}
	r := o.Recordings[0]
	s := r.Calls[observe.Key{ABI: seccomp.X86_64, NR: 39}]
	if r.Start != 1795451844500000000 || r.End != 1795451846250000000 || s.First != r.Start || s.Last != r.End {
		t.Errorf("from %d to %d, the call from %d to %d", r.Start, r.End, s.First, s.Last)
	}
	if !slices.Contains(r.Limits, "lines that are not strace's may hide calls: 2, the first is line 2") {
		t.Errorf("limits: %q", r.Limits)
	}
	if r.Recorder != "strace" || !slices.Equal(r.Target, []string{"x.log"}) {
		t.Errorf("%s of %q", r.Recorder, r.Target)
	}
	again, err := observe.ReadStrace("y.log", strings.NewReader(log), seccomp.X86_64)
	if err != nil || again.Recordings[0].ID != r.ID {
		t.Errorf("the same log is another recording: %v", err)
	}
	if _, err := observe.Read("o", strings.NewReader(text(t, o))); err != nil {
		t.Error(err)
	}
}

func TestReadStraceErrors(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"", "x.log:1:1: no line of the file is a system call"},
		{"hello\n", "x.log:1:1: no line"},
		{"getpid() = 1\n5 frobnicate(1) = 0\n", `x.log:2:3: no system call "frobnicate" on x86_64`},
		{"[ Process PID=5 runs in 32 bit mode. ]\nnewfstatat(1) = 0\n", `x.log:2:1: no system call "newfstatat" on x86`},
		{strings.Repeat("x", 5<<20), "x.log:1: the line is longer than"},
	} {
		_, err := observe.ReadStrace("x.log", strings.NewReader(c.log), seccomp.X86_64)
		var at *observe.SyntaxError
		if !errors.As(err, &at) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %s", c.log, err, c.want)
		}
	}
}

// straceWorkload makes children in several ways and reads its own output.
const straceWorkload = `ls / >/dev/null; (cat /etc/hostname; true) | tr a b | wc -c >/dev/null; kill -0 $$; exec true`

// TestReadStraceForms holds the forms of real logs against each other: one
// workload, the same calls of the same programs in all of them.
func TestReadStraceForms(t *testing.T) {
	strace := need.Strace(t)
	abi := here(t)
	log := filepath.Join(t.TempDir(), "log")
	var want []string
	for _, flags := range []string{
		"-f -o LOG", "-f", "-f -q", "-f -tt -T -o LOG", "-f -ttt -yy -o LOG", "-f -r", "-f -t -r -o LOG", "-f -n -i -o LOG",
		"-f -v -s 500 -x -o LOG", "-f -X raw", "-f -X verbose -o LOG", "-f -Y -o LOG", "-f -Y", "-f -C -o LOG", "--follow-forks --relative-timestamps=ns -o LOG",
		"-f -e read=0 -e write=1 -o LOG", "-ff -o LOG",
	} {
		t.Run(flags, func(t *testing.T) {
			o := straced(t, strace, flags, log, abi)
			got := programs(o, flags != "-ff -o LOG")
			if flags == "-ff -o LOG" {
				if len(got) != len(justNames(want)) {
					t.Errorf("got %q, want %q", got, justNames(want))
				}
				return
			}
			if want == nil {
				want = got
				for _, path := range []string{"ls", "cat", "tr", "wc", "true"} {
					if !slices.ContainsFunc(want, func(s string) bool {
						return strings.Contains(s, "/"+path+" execve") || strings.Contains(s, "/"+path+" exit_group")
					}) {
						t.Errorf("nothing of %s in %q", path, want)
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-first form +this):\n%s", diff)
			}
		})
	}
	t.Run("-f -c", func(t *testing.T) {
		if diff := cmp.Diff(justNames(want), programs(straced(t, strace, "-f -c -o LOG", log, abi), false)); diff != "" {
			t.Errorf("(-log +table):\n%s", diff)
		}
	})
}

// here is the ABI of the programs on this machine.
func here(t *testing.T) seccomp.ABI {
	t.Helper()
	out, err := exec.Command("uname", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	abi, err := seccomp.ParseABI(strings.TrimSpace(string(out)))
	if err != nil {
		t.Skip(err)
	}
	return abi
}

// straced is the workload under strace with some flags, of which LOG stands for
// a file.
func straced(t *testing.T, strace, flags, log string, abi seccomp.ABI) observe.Observation {
	t.Helper()
	old, _ := filepath.Glob(log + "*")
	for _, name := range old {
		os.Remove(name)
	}
	args := append(strings.Fields(strings.ReplaceAll(flags, "LOG", log)), "sh", "-c", straceWorkload)
	cmd := exec.Command(strace, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(log + "*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		o, err := observe.ReadStrace("stderr", strings.NewReader(string(out)), abi)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return o
	}
	var all observe.Observation
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		o, err := observe.ReadStrace(name, f, abi)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		all.Merge(o)
	}
	return all
}

// programs are the names of calls, with the programs that made them if asked
// for. What depends on when a child ends is left out.
func programs(o observe.Observation, withPaths bool) []string {
	var out []string
	for _, r := range o.Recordings {
		for k, s := range r.Calls {
			name, _ := syscalls.Name(k.ABI, k.NR)
			if s.Count == 0 || slices.Contains([]string{"rt_sigsuspend", "rt_sigreturn", "restart_syscall"}, name) {
				continue
			}
			if withPaths {
				name = k.Executable + " " + name
			}
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// justNames are the names alone of what programs returns.
func justNames(lines []string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, line[strings.LastIndex(line, " ")+1:])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func FuzzReadStrace(f *testing.F) {
	f.Add("10 execve(\"/bin/sh\", [\"sh\"], 0x1) = 0\n10 vfork( <unfinished ...>\n11 getpid() = 11\n10 <... vfork resumed>) = 11\n", uint8(1))
	f.Add("% time     seconds  usecs/call     calls    errors syscall\n------ ----------- ----------- --------- --------- ----------------\n  1.0     0        0         1           read\n", uint8(0))
	f.Add("[ Process PID=5 runs in 32 bit mode. ]\n[pid 5] 12:00:00 [  20] getpid() = 1 (INJECTED)\n+++ superseded by execve in pid 5 +++\n", uint8(1))
	f.Fuzz(func(t *testing.T, log string, abi uint8) {
		abis := seccomp.ABIs()
		o, err := observe.ReadStrace("x.log", strings.NewReader(log), abis[int(abi)%len(abis)])
		if err != nil {
			return
		}
		again, err := observe.Read("x.obs", strings.NewReader(text(t, o)))
		if err != nil || text(t, again) != text(t, o) {
			t.Fatalf("not the same when read again: %v", err)
		}
	})
}
