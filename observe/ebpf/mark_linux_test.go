//go:build amd64 || arm64

package ebpf

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// childVariable names what a re-executed test binary is to do.
const childVariable = "CALLGATE_TEST_CHILD"

var children map[string]func(args []string)

func TestMain(m *testing.M) {
	children = map[string]func(args []string){"mark": childMark, "open": childOpen}
	if name, ok := os.LookupEnv(childVariable); ok {
		os.Unsetenv(childVariable)
		children[name](os.Args[1:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a command that runs a function of children.
func child(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	return cmd
}

// check ends a child that cannot go on.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
}

// markFilter allows everything, has n instructions, and the mark among them,
// as its instructions 2i and 2i+1.
func markFilter(mark uint64, n, at int) bpf.Program {
	p := bpf.Program{bpf.LoadWord(seccomp.OffsetNR)}
	for len(p) < n-1 {
		p = append(p, bpf.Jump(bpf.JumpEQ, uint32(len(p))|1<<20, 0, 0))
	}
	p[at] = bpf.Jump(bpf.JumpEQ, uint32(mark>>32), 0, 0)
	p[at+1] = bpf.Jump(bpf.JumpEQ, uint32(mark), 0, 0)
	return append(p, bpf.Ret(seccomp.Allow))
}

// childMark installs a filter as a container runtime does, makes a call, and
// executes a program which makes others.
func childMark(args []string) {
	mark, err := strconv.ParseUint(args[0], 0, 64)
	check(err)
	var numbers [3]int // instructions, where the mark is, flags
	for i := range numbers {
		numbers[i], err = strconv.Atoi(args[1+i])
		check(err)
	}
	runtime.LockOSThread()
	installed, done := make(chan bool), make(chan bool)
	go func() { // on another thread, which has the filter with TSYNC only
		runtime.LockOSThread()
		<-installed
		_, _, _ = unix.RawSyscall(unix.SYS_SETHOSTNAME, 0, 1<<20, 0)
		done <- true
		select {}
	}()
	check(kernel.Install(markFilter(mark, numbers[0], numbers[1]), kernel.InstallOptions{Flags: kernel.Flag(numbers[2])}))
	_, _, _ = unix.RawSyscall(unix.SYS_SETDOMAINNAME, 0, 1<<20, 0)
	installed <- true
	<-done
	check(unix.Exec(args[4], args[4:], nil))
}

// TestMark follows what installs a filter with the mark, and nothing else.
func TestMark(t *testing.T) {
	const mark, other = 0xfedcba9876543210, 0xfedcba9876543211
	for _, v := range variants(t) {
		for _, c := range []struct {
			n, at int
			flags kernel.Flag
		}{{4, 1, 0}, {60, 57, kernel.Log}, {32, 29, kernel.TSync}, {34, 31, 0}, {1300, 1000, kernel.TSync | kernel.Log}, {4096, 4093, 0}} {
			t.Run(fmt.Sprint(v.name, c), func(t *testing.T) {
				r := opened(t, v, Options{Mark: mark}, defaultSizes)
				run := func(mark uint64, program string) {
					cmd := child("mark", fmt.Sprint(mark), fmt.Sprint(c.n), fmt.Sprint(c.at), fmt.Sprint(int(c.flags)), program)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
				}
				run(other, "/bin/true")
				run(mark, "/bin/echo")
				run(mark^1<<40, "/bin/true")
				rec := finish(t, r)
				complete(t, rec)
				if r.Started() != 1 || !rec.Boundary {
					t.Fatalf("started %d, boundary %v", r.Started(), rec.Boundary)
				}
				native, _ := seccomp.NativeABI(runtime.GOARCH)
				var others uint64
				if c.flags&kernel.TSync != 0 {
					others = 1
				}
				for _, want := range []struct {
					key   observe.Key
					count uint64
				}{
					{observe.Key{Phase: observe.Runtime, ABI: native, NR: unix.SYS_SETDOMAINNAME}, 1},
					{observe.Key{Phase: observe.Runtime, ABI: native, NR: unix.SYS_EXECVE}, 1},
					{observe.Key{Phase: observe.Runtime, ABI: native, NR: unix.SYS_SETHOSTNAME}, others},
					{observe.Key{Executable: "/bin/echo", ABI: native, NR: unix.SYS_EXIT_GROUP}, 1},
				} {
					if got := rec.Calls[want.key]; got.Count != want.count || got.First == 0 && want.count > 0 {
						t.Errorf("%+v: %+v, want %d", want.key, got, want.count)
					}
				}
				for k := range rec.Calls {
					if k.Phase == observe.Workload && k.Executable != "/bin/echo" {
						t.Errorf("%+v is of another", k)
					}
				}
			})
		}
	}
}
