package kernel_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// denyPPID is a filter under which getppid shows which filter a thread has:
// it fails with EDOM.
func denyPPID() bpf.Program { return deny(unix.SYS_GETPPID, seccomp.ReturnErrno(33)) }

// ppidDenied makes the call on the current thread.
func ppidDenied() bool {
	_, _, errno := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	return errno == unix.EDOM
}

// onThreads runs f on n threads that all live at the same time.
func onThreads(n int, f func()) {
	var together, done sync.WaitGroup
	together.Add(n)
	for range n {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			together.Done()
			together.Wait()
			f()
		})
	}
	done.Wait()
}

func installChildren() map[string]func() {
	return map[string]func(){
		"install":         func() { installHere(kernel.InstallOptions{NoNewPrivs: true}) },
		"install root":    func() { installHere(kernel.InstallOptions{}) },
		"install flags":   func() { installHere(kernel.InstallOptions{Flags: kernel.Log | kernel.SpecAllow, NoNewPrivs: true}) },
		"tsync":           childTSync,
		"tsync fails":     childTSyncFails,
		"no privilege":    func() { fmt.Println(kernel.Install(denyPPID(), kernel.InstallOptions{})) },
		"total":           childTotal,
		"two listeners":   childTwoListeners,
		"strict":          childStrict,
		"strict filtered": childStrictFiltered,
		"errors":          childErrors,

		"exec":       childExec,
		"exec fails": childExecFails,
		"limits":     childLimits,

		"stacked":           childStacked,
		"unfiltered":        waitForEnd,
		"read unprivileged": childReadUnprivileged,
		"read filtered":     childReadFiltered,
	}
}

func installHere(o kernel.InstallOptions) {
	check(kernel.Install(denyPPID(), o))
	other := make(chan bool)
	go func() {
		runtime.LockOSThread()
		other <- ppidDenied()
	}()
	status, err := kernel.ReadStatus(unix.Gettid())
	check(err)
	fmt.Println(ppidDenied(), <-other, status.Mode, status.Filters, status.NoNewPrivs)
}

func TestInstallOneThread(t *testing.T) {
	need.Unfiltered(t)
	wantChild(t, "install", false, "true false filter 1 true")
	wantChild(t, "install", true, "true false filter 1 true")
	wantChild(t, "install flags", true, "true false filter 1 true")
}

func TestInstallPrivileged(t *testing.T) {
	need.Unfiltered(t)
	need.Root(t)
	if !kernel.Privileged() {
		t.Skip("this root has no CAP_SYS_ADMIN")
	}
	wantChild(t, "install root", false, "true false filter 1 false")
}

func TestInstallUnprivileged(t *testing.T) {
	need.Unfiltered(t)
	wantChild(t, "no privilege", true,
		"install a seccomp filter: permission denied: set no_new_privs first, or have CAP_SYS_ADMIN in the user namespace")
}

// childTSync has threads before and after, and prints how many are confined.
func childTSync() {
	installed := make(chan struct{})
	var mu sync.Mutex
	denied := 0
	count := func() {
		if <-installed; ppidDenied() {
			mu.Lock()
			defer mu.Unlock()
			denied++
		}
	}
	time.AfterFunc(50*time.Millisecond, func() {
		check(kernel.Install(denyPPID(), kernel.InstallOptions{Flags: kernel.TSync, NoNewPrivs: true}))
		close(installed)
	})
	onThreads(20, count)
	onThreads(30, count)
	fmt.Println(denied)
}

func TestTSync(t *testing.T) {
	wantChild(t, "tsync", true, "50")
	wantChild(t, "tsync", false, "50")
}

// childTSyncFails has a thread with a filter of its own.
func childTSyncFails() {
	tid := make(chan int)
	go func() {
		check(kernel.Install(allowAll(1), kernel.InstallOptions{NoNewPrivs: true}))
		tid <- unix.Gettid()
		select {}
	}()
	thread := <-tid
	err := kernel.Install(denyPPID(), kernel.InstallOptions{Flags: kernel.TSync, NoNewPrivs: true})
	var e *kernel.Error
	fmt.Println(errors.As(err, &e) && e.Thread == thread, errors.Is(err, syscall.ESRCH), ppidDenied())
	_, err = kernel.InstallListener(denyPPID(), kernel.InstallOptions{Flags: kernel.TSync, NoNewPrivs: true})
	fmt.Println(errors.Is(err, syscall.ESRCH), ppidDenied())
}

func TestTSyncFails(t *testing.T) {
	wantChild(t, "tsync fails", true, "true true false\ntrue false")
}

// childTotal stacks filters up to the kernel's limit. It counts instructions
// of its internal form, into which a load of a constant goes as one and a
// return of a constant as two.
func childTotal() {
	for n := 1; ; n++ {
		p := slices.Repeat(bpf.Program{bpf.Stmt(bpf.LoadImm, 1)}, 4000)
		err := kernel.Install(append(p, bpf.Ret(seccomp.Allow)), kernel.InstallOptions{NoNewPrivs: true})
		if err != nil {
			fmt.Println(n, errors.Is(err, syscall.ENOMEM), strings.Contains(err.Error(), "32768"))
			return
		}
	}
}

func TestTotalLimit(t *testing.T) {
	need.Unfiltered(t)
	wantChild(t, "total", true, "9 true true")
}

func childTwoListeners() {
	for range 2 {
		_, err := kernel.InstallListener(allowAll(1), kernel.InstallOptions{NoNewPrivs: true})
		fmt.Println(err == nil, errors.Is(err, syscall.EBUSY))
	}
}

func TestTwoListeners(t *testing.T) { wantChild(t, "two listeners", true, "true false\nfalse true") }

// childStrict waits for its input in strict mode, and then makes a call that
// is not allowed.
func childStrict() {
	check(kernel.Strict())
	rawWrite("ready\n")
	var b [1]byte
	unix.RawSyscall(unix.SYS_READ, 0, uintptr(unsafe.Pointer(&b)), 1)
	unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	rawWrite("alive\n")
}

// rawWrite makes no other call than write.
func rawWrite(text string) {
	unix.RawSyscall(unix.SYS_WRITE, 1, uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(len(text)))
}

// TestStrict sees a thread in strict mode, and that it alone is killed.
func TestStrict(t *testing.T) {
	need.Unfiltered(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"=strict")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // what is left of it cannot end by itself
		_ = cmd.Wait()
	}()
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("child wrote %q, %v", line, err)
	}
	tid := threadIn(t, cmd.Process.Pid, kernel.ModeStrict)
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		s, err := kernel.ReadStatus(tid)
		if err != nil || s.State == 'Z' {
			if _, err := kernel.ReadStatus(cmd.Process.Pid); err != nil {
				t.Errorf("the process is gone too: %v", err)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the thread lives on after a call that strict mode does not allow")
}

func childStrictFiltered() {
	check(kernel.Install(allowAll(1), kernel.InstallOptions{NoNewPrivs: true}))
	err := kernel.Strict()
	fmt.Println(errors.Is(err, syscall.EINVAL), strings.Contains(err.Error(), "cannot have both"))
}

func TestStrictFiltered(t *testing.T) { wantChild(t, "strict filtered", true, "true true") }

// childErrors tries what cannot be installed.
func childErrors() {
	for _, c := range []struct {
		p     bpf.Program
		flags kernel.Flag
		want  error
	}{
		{nil, 0, bpf.Empty},
		{allowAll(bpf.MaxInstructions + 1), 0, bpf.TooLong},
		{allowAll(1 << 16), 0, bpf.TooLong},
		{bpf.Program{bpf.LoadWord(2), bpf.Ret(seccomp.Allow)}, kernel.Log, bpf.BadOffset},
		{allowAll(1), 1 << 20, syscall.EINVAL},
		{allowAll(1), kernel.WaitKillableRecv, syscall.EINVAL},
	} {
		err := kernel.Install(c.p, kernel.InstallOptions{Flags: c.flags, NoNewPrivs: true})
		if !errors.Is(err, c.want) || !errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
			fmt.Printf("%d instructions, flags %v: %v, want %v\n", len(c.p), c.flags, err, c.want)
		}
	}
	if err := kernel.Install(allowAll(1), kernel.InstallOptions{Flags: kernel.NewListener}); err == nil {
		fmt.Println("Install makes a listener and drops it")
	}
}

func TestInstallErrors(t *testing.T) { wantChild(t, "errors", true, "") }

// TestExplainMissing tells the explainer answers that it need not ask this
// kernel about.
func TestExplainMissing(t *testing.T) {
	err := kernel.ExplainInstall(allowAll(1), 0, -int(syscall.ENOSYS))
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "needs Linux 3.17") {
		t.Errorf("ENOSYS: %v, want unsupported before 3.17", err)
	}
	if err := kernel.ExplainInstall(allowAll(1), kernel.NewListener, 7); err != nil {
		t.Errorf("a listener's descriptor is an error: %v", err)
	}
	if err := kernel.ExplainInstall(allowAll(1), 0, 0); err != nil {
		t.Errorf("success is an error: %v", err)
	}
}
