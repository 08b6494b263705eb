//go:build amd64 || arm64 || 386

package bpf_test

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
	"golang.org/x/sys/unix"
)

// prober asks the running kernel what it thinks of a program: a forked child
// installs it, makes calls and leaves their results in a page that it shares
// with its parent. The child is no Go program any more: it makes raw system
// calls and nothing else, so that the filter may stop whatever it wants.
// All methods belong to one thread, which has no_new_privs.
type prober struct {
	*page
	arch     uint32
	ip       uint64           // of every call that a child makes
	free     map[uint32]int64 // the numbers to call, with their result without a filter
	canTrace bool             // children may be traced
}

// maxCalls is how many calls the page has room for.
const maxCalls = 16

// page is shared with the child. Pointers in it are seen by no garbage
// collector: what they point to is kept alive by the parent.
type page struct {
	install  bool
	fprog    unix.SockFprog
	calls    [maxCalls]seccomp.Data
	next, n  int           // the calls to make
	errno    syscall.Errno // of the installation
	result   [maxCalls]int64
	traced   bool
	told     [maxCalls]int64 // by a verdict to the tracer
	handler  [8]uint64       // struct sigaction of zeros: SIG_DFL
	nowhere  *byte           // nil
	finished bool
}

// Results that no call has: killed is that of a call which ended the child
// with SIGSYS, told plus a verdict that of a call which its tracer was told of.
const (
	killed = -1 << 40
	told   = 1 << 40
)

// newProber makes the calling goroutine's thread the prober's.
func newProber() (*prober, error) {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("no_new_privs: %w", err)
	}
	mem, err := unix.Mmap(-1, 0, int(unsafe.Sizeof(page{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	abi, ok := seccomp.NativeABI(runtime.GOARCH)
	if !ok {
		return nil, fmt.Errorf("no ABI for %s", runtime.GOARCH)
	}
	p := &prober{page: (*page)(unsafe.Pointer(&mem[0])), arch: abi.Arch()}
	return p, p.calibrate()
}

// calibrate finds the calls that are harmless to make and the instruction
// pointer that filters see, twelve bits at a time.
func (p *prober) calibrate() error {
	p.free = make(map[uint32]int64)
	parent := int64(unix.Getpid())
	for _, nr := range []uint32{unix.SYS_GETPPID, 1000, 0x3fffffff, 0x40000000 | unix.SYS_GETPPID, 0xffffffff, 0x80000000} {
		r, err := p.probe(nil, []seccomp.Data{{NR: nr}}, false)
		if err != nil {
			return err
		}
		if r[0] == parent || nr != unix.SYS_GETPPID && r[0] == -int64(unix.ENOSYS) {
			p.free[nr] = r[0]
		}
	}
	if p.free[unix.SYS_GETPPID] != parent {
		return fmt.Errorf("getppid does not work in a child: %v", p.free)
	}
	var ip [seccomp.DataSize]byte
	for off := uint32(seccomp.OffsetIP); off < seccomp.OffsetArgs; off += 4 {
		var word uint32
		for shift := uint32(0); shift < 32; shift += 12 {
			r, err := p.probe(Program{LoadWord(off), Stmt(Rsh, shift), Stmt(And, 0xfff),
				Stmt(Or, uint32(seccomp.Err)), Stmt(ReturnA, 0)}, []seccomp.Data{{NR: unix.SYS_GETPPID}}, false)
			if err != nil {
				return fmt.Errorf("instruction pointer: %w", err)
			}
			word |= uint32(-r[0]) << shift
		}
		hostOrder.PutUint32(ip[off:], word)
	}
	p.ip = hostOrder.Uint64(ip[seccomp.OffsetIP:])
	_, err := p.probe(nil, []seccomp.Data{{NR: unix.SYS_GETPPID}}, true)
	p.canTrace = err == nil
	return nil
}

// probe installs q in a child, if it is not nil, and makes the calls. Each
// result is what the kernel leaves in the register, a negative errno
// included, or killed. A call after one that kills is made in another child.
// The error is the errno of the installation, or says that the test itself
// failed.
//
// With traced the child is traced, which tells TRAP from KILL, and the data of
// TRAP and TRACE.
func (p *prober) probe(q Program, calls []seccomp.Data, traced bool) ([]int64, error) {
	p.install, p.next, p.n, p.traced = q != nil, 0, copy(p.calls[:], calls), traced
	clear(p.told[:])
	p.fprog = unix.SockFprog{Len: uint16(len(q)), Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(q)))}
	for {
		p.finished = false
		pid, errno := forkProbe(p.page)
		if errno != 0 {
			return nil, fmt.Errorf("fork: %v", errno)
		}
		status, err := p.wait(pid)
		switch {
		case err != nil:
			return nil, err
		case p.errno != 0:
			return nil, p.errno
		case p.finished:
			runtime.KeepAlive(q)
			return p.results(), nil
		case !status.Signaled() || status.Signal() != unix.SIGSYS:
			return nil, fmt.Errorf("child ended at call %d with %#x", p.next, status)
		}
		p.result[p.next] = killed
		if p.next++; p.next == p.n {
			return p.results(), nil
		}
	}
}

func (p *prober) results() []int64 {
	for n := range p.n {
		if p.told[n] != 0 {
			p.result[n] = p.told[n]
		}
	}
	return p.result[:p.n]
}

// wait waits for the end of a child and, if it is traced, notes what the
// tracer is told.
func (p *prober) wait(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, 0, nil); err == unix.EINTR {
			continue
		} else if err != nil {
			return 0, fmt.Errorf("wait: %v", err)
		}
		if !status.Stopped() {
			return status, nil
		}
		pass, err := p.stopped(pid, status)
		if err == nil {
			err = unix.PtraceCont(pid, pass)
		}
		if err != nil {
			return 0, fmt.Errorf("tracing: %v", err)
		}
	}
}

// stopped looks why a traced child has stopped, and returns the signal that
// it shall get.
func (p *prober) stopped(pid int, status unix.WaitStatus) (pass int, err error) {
	switch sig := status.StopSignal(); {
	case status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		data, err := unix.PtraceGetEventMsg(pid)
		p.tell(seccomp.Trace | seccomp.Action(data))
		return 0, err
	case sig == unix.SIGSYS:
		var info struct {
			signo, errno, code, _ int32
			_                     [112]byte
		}
		_, _, errno := syscall.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GETSIGINFO, uintptr(pid), 0, uintptr(unsafe.Pointer(&info)), 0, 0)
		p.tell(seccomp.Trap | seccomp.Action(info.errno))
		if errno != 0 {
			return 0, errno
		}
		return 0, nil
	case sig == unix.SIGSTOP:
		return 0, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESECCOMP|unix.PTRACE_O_EXITKILL)
	default:
		return int(sig), nil
	}
}

// tell notes a verdict on the call that the child is making; how it ends
// itself does not matter.
func (p *prober) tell(a seccomp.Action) {
	if !p.finished {
		p.told[p.next] = told + int64(a)
	}
}

// forkProbe forks and, in the child, does what the page says. Where the
// filter does not let it exit, it ends by a fault, which needs no call.
//
//go:nosplit
//go:norace
//go:noinline
func forkProbe(s *page) (pid int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if r != 0 || errno != 0 {
		return int(r), errno
	}
	for _, sig := range [...]uintptr{uintptr(unix.SIGSYS), uintptr(unix.SIGSEGV)} {
		syscall.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&s.handler)), 0, 8, 0, 0)
	}
	s.errno = 0
	if s.traced {
		_, _, s.errno = syscall.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0, 0, 0)
		self, _, _ := syscall.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
		syscall.RawSyscall(unix.SYS_KILL, self, uintptr(unix.SIGSTOP), 0)
	}
	if s.install && s.errno == 0 {
		const setModeFilter = 1
		_, _, s.errno = syscall.RawSyscall(unix.SYS_SECCOMP, setModeFilter, 0, uintptr(unsafe.Pointer(&s.fprog)))
	}
	for s.errno == 0 && s.next < s.n {
		c := &s.calls[s.next]
		r, _, errno := syscall.RawSyscall6(uintptr(c.NR), uintptr(c.Args[0]), uintptr(c.Args[1]), uintptr(c.Args[2]),
			uintptr(c.Args[3]), uintptr(c.Args[4]), uintptr(c.Args[5]))
		s.result[s.next] = int64(int(r))
		if errno != 0 {
			s.result[s.next] = -int64(errno)
		}
		s.next++
	}
	s.finished = true
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		*s.nowhere = 0
	}
}

// observed is the result of a call under verdict a, where free is what the
// call gives without a filter. No listener is there to answer, and a tracer
// only where the child is traced.
func observed(a seccomp.Action, free int64, traced bool) int64 {
	c := a.Canonical()
	if k := c.Kind(); traced && (k == seccomp.Trap || k == seccomp.Trace) {
		return told + int64(c)
	}
	switch c.Kind() {
	case seccomp.Allow, seccomp.Log:
		return free
	case seccomp.Err:
		return -int64(c.Data())
	case seccomp.Trace, seccomp.Notify:
		return -int64(unix.ENOSYS)
	}
	return killed
}
