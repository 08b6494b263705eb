//go:build amd64 || arm64 || 386

package tracee

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// tracee is a process and the thread that traces it: ptrace knows a tracer by
// its thread, so that every request is made by one goroutine that is locked to
// one.
type tracee struct {
	pid   int
	jobs  chan func()
	image *image
	bias  uint64 // of the program in memory

	threads map[int]*thread         // what is traced: the program's threads, and children that are followed
	early   map[int]unix.WaitStatus // new threads that stopped before their parent told of them
	breaks  map[uint64][]byte       // breakpoints that are set, and the code that they hide
	were    map[uint64]bool         // breakpoints that were set once
	held    *thread                 // the one that RunTo stopped
	home    *registers              // of held, as they shall be when it goes on
	mask    uint64                  // signal mask of held, as it shall be when it goes on
	atEntry bool                    // the program's own code has been reached
	begun   bool                    // main, or what stands for it, has been reached
	how     int                     // the request with which threads go on
	follow  bool                    // children are traced
	free    bool                    // the process is not traced any more
	blocked func(Blocked)
	filters []*bpf.Filter // that were installed, in that order
	watcher *Watcher      // where all is traced, to its end

	released atomic.Bool // all is to be let go

	mu     sync.Mutex // of what follows
	ended  bool
	status unix.WaitStatus
}

const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEVFORKDONE | unix.PTRACE_O_TRACEEXIT

func start(c Command, o Options) (*tracee, error) {
	t := &tracee{
		jobs:    make(chan func()),
		threads: map[int]*thread{},
		early:   map[int]unix.WaitStatus{},
		breaks:  map[uint64][]byte{},
		were:    map[uint64]bool{},
		how:     unix.PTRACE_CONT,
	}
	go t.serve()
	var err error
	t.do(func() { err = t.start(c, o) })
	if err != nil {
		_ = t.close()
		return nil, err
	}
	return t, nil
}

// serve does the jobs on a thread that has no children of its own, so that
// waiting for its children waits for those of the tracee alone. The thread
// ends with it: were anything still traced, the kernel would let it go.
func (t *tracee) serve() {
	runtime.LockOSThread()
	children, _ := os.ReadFile("/proc/thread-self/children")
	if len(children) == 0 && unix.Gettid() != unix.Getpid() {
		for job := range t.jobs {
			job()
		}
		return
	}
	defer runtime.UnlockOSThread()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.serve()
	}()
	<-done
}

// do runs a job on the tracer's thread.
func (t *tracee) do(job func()) {
	done := make(chan struct{})
	t.jobs <- func() {
		defer close(done)
		job()
	}
	<-done
}

func (t *tracee) start(c Command, o Options) error {
	attr := &syscall.SysProcAttr{Ptrace: true, Credential: c.User}
	if o.ExitKill {
		// Until the kernel knows of the option: a tracer that is killed before
		// would leave the program stopped.
		attr.Pdeathsig = syscall.SIGKILL
	}
	pid, err := syscall.ForkExec(c.Path, c.Args, &syscall.ProcAttr{
		Dir: c.Dir, Env: c.Env, Files: c.FDs,
		Sys: attr,
	})
	if err == unix.EPERM && traced() {
		return fmt.Errorf("hold %s: %w", c.Path, ErrTraced)
	}
	if err != nil {
		return &os.PathError{Op: "exec", Path: c.Path, Err: err}
	}
	t.pid = pid
	if err := t.seize(o); err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, unix.WALL, nil)
		t.ended = true
		return fmt.Errorf("hold %s: %w", c.Path, err)
	}
	if err := t.load(); err != nil {
		return fmt.Errorf("hold %s: %w", c.Path, err)
	}
	if !o.ExitKill {
		return nil
	}
	if err := t.outliveParent(); err != nil {
		return fmt.Errorf("hold %s: %w", c.Path, err)
	}
	return nil
}

// traced reports whether this thread is traced, and its children too if its
// tracer wants that: they cannot ask to be traced by it then.
func traced() bool {
	status, err := kernel.ReadStatus(unix.Gettid())
	return err == nil && status.Tracer != 0
}

// outliveParent takes back the signal at the end of the tracer's thread: a
// program that is let go lives on. It is done before the first instruction,
// since the program may go into strict mode or under a filter of its own.
func (t *tracee) outliveParent() error {
	t.held = t.threads[t.pid]
	defer func() { t.held = nil }()
	if err := t.settle(&Reached{}); err != nil {
		return err
	}
	r, err := t.inject(calls[t.image.abi].prctl, unix.PR_SET_PDEATHSIG, 0)
	if err == nil && r < 0 {
		err = fmt.Errorf("prctl in the program: %w", unix.Errno(-r))
	}
	return errors.Join(err, t.leave())
}

// seize turns the child, which asked to be traced and has just executed the
// program, into one that is traced by PTRACE_SEIZE: only that can tell a
// process that a signal stopped from others, and leave it stopped. In between
// a stop signal holds it, so that it executes nothing.
func (t *tracee) seize(o Options) error {
	if err := t.expect(unix.SIGTRAP); err != nil {
		return err
	}
	if _, errno := sys.Ptrace(unix.PTRACE_DETACH, t.pid, 0, uintptr(unix.SIGSTOP)); errno != 0 {
		return fmt.Errorf("ptrace: %w", errno)
	}
	if err := t.expect(unix.SIGSTOP); err != nil {
		return err
	}
	all := options
	if o.ExitKill {
		all |= unix.PTRACE_O_EXITKILL
	}
	if _, errno := sys.Ptrace(unix.PTRACE_SEIZE, t.pid, 0, uintptr(all)); errno != 0 {
		return fmt.Errorf("ptrace: %w (the file may be executable but not readable, or /proc/sys/kernel/yama/ptrace_scope forbid it)", errno)
	}
	if err := t.expect(unix.SIGSTOP); err != nil {
		return err
	}
	th := &thread{tid: t.pid, process: t.pid, stopped: true}
	t.threads[t.pid] = th
	if err := unix.Kill(t.pid, unix.SIGCONT); err != nil {
		return err
	}
	t.resume(th)
	err := t.until(func(_ *thread, e event) bool { return e.kind == gotSignal && e.signal == unix.SIGCONT })
	th.signal = 0
	return err
}

// expect waits for the child to stop by the signal.
func (t *tracee) expect(want unix.Signal) error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(t.pid, &status, unix.WALL|unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case !status.Stopped():
			t.ended, t.status = true, status
			return ErrEnded
		case status.StopSignal() != want:
			return fmt.Errorf("stopped by %v, expected %v", status.StopSignal(), want)
		}
		return nil
	}
}

// load reads the file that the process executes.
func (t *tracee) load() error {
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", t.pid))
	if err != nil {
		return err
	}
	img, err := loadImage(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if t.image != nil {
		_ = t.image.closer.Close()
	}
	t.image, t.atEntry = img, false
	img.closer = f
	if !supported(img.abi) {
		return fmt.Errorf("a program of the ABI %v cannot be held on a machine of %s: %w", img.abi, runtime.GOARCH, errors.ErrUnsupported)
	}
	entry, err := entryPoint(t.pid, img.abi.WordBits()/8)
	t.bias = entry - img.entry
	return err
}

func (t *tracee) abi() seccomp.ABI { return t.image.abi }
