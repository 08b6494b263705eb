//go:build amd64 || arm64 || 386

package tracee

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// thread is a thread that is traced.
type thread struct {
	tid, process int
	stopped      bool        // it waits for the tracer
	listen       bool        // it is stopped by a signal, and shall stay so
	signal       unix.Signal // to deliver when it goes on
	leaving      bool        // it shall be let go at its next stop
	trapped      bool        // a filter's TRAP is about to end it
	how          int         // the request with which it goes on; 0 is that of the tracee
	pending      *Blocked    // the call that it is in and that a filter stops, where calls are followed
}

// kind is what a stop of a thread is about.
type kind uint8

const (
	gotNothing kind = iota // what the loop deals with itself
	gotSignal              // a signal is about to be delivered
	gotBreak               // it is at a breakpoint
	gotStep                // it has executed one instruction
	gotSyscall             // it is at the entry or the exit of a call
	gotStop                // it was interrupted by the tracer
	gotExec                // the process has executed another program
)

type event struct {
	kind   kind
	signal unix.Signal
	addr   uint64 // of the breakpoint
}

// until lets what is traced go on, stop by stop, until stop says of a thread
// that it shall stay held. The error is ErrEnded where the process ends first.
func (t *tracee) until(stop func(*thread, event) bool) error {
	for {
		th, e, err := t.next()
		switch {
		case err != nil:
			return err
		case th == nil:
		case th.leaving:
			t.letGo(th)
		case stop(th, e):
			return nil
		default:
			t.resume(th)
		}
	}
}

// next waits for the next stop. There is no thread to a stop that needs no
// decision.
func (t *tracee) next() (*thread, event, error) {
	var status unix.WaitStatus
	tid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
	switch {
	case err == unix.EINTR:
		return nil, event{}, nil
	case err != nil: // nothing is traced any more
		t.end(status)
		return nil, event{}, ErrEnded
	}
	th := t.threads[tid]
	switch {
	case status.Exited() || status.Signaled():
		delete(t.threads, tid)
		delete(t.early, tid)
		if tid == t.pid {
			t.end(status)
			if t.watcher != nil {
				t.watcher.ended(status)
				return nil, event{}, nil
			}
			t.orphans()
			return nil, event{}, ErrEnded
		}
		return nil, event{}, nil
	case th == nil && t.watcher != nil && int(status>>16) != unix.PTRACE_EVENT_EXIT:
		t.newcomer(tid)
		return nil, event{}, nil
	case th == nil:
		t.stranger(tid, status)
		return nil, event{}, nil
	}
	th.stopped = true
	return th, t.understand(th, status), nil
}

// stranger keeps the first stop of a new thread until its parent tells of it.
// A thread that ends before that, because all threads of its process do, goes
// on to its end: the parent may be gone, too, without a word.
func (t *tracee) stranger(tid int, status unix.WaitStatus) {
	if int(status>>16) == unix.PTRACE_EVENT_EXIT {
		delete(t.early, tid)
		_, _ = sys.Ptrace(unix.PTRACE_CONT, tid, 0, 0)
		return
	}
	t.early[tid] = status
}

// orphans lets go of new processes whose parent was killed before it could
// tell of them.
func (t *tracee) orphans() {
	for tid := range t.early {
		_, _ = sys.Ptrace(unix.PTRACE_DETACH, tid, 0, 0)
	}
	clear(t.early)
}

func (t *tracee) end(status unix.WaitStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.ended, t.status = true, status
	}
}

// resume lets a thread go on. That it is gone shows in the next wait.
func (t *tracee) resume(th *thread) {
	if !th.stopped {
		return
	}
	how := t.how
	switch {
	case th.listen:
		how = unix.PTRACE_LISTEN
	case th.how != 0:
		how = th.how
	}
	_, _ = sys.Ptrace(how, th.tid, 0, uintptr(th.signal))
	th.stopped, th.listen, th.signal = false, false, 0
}

// understand finds out why a thread has stopped, and deals with what concerns
// the tracing itself.
func (t *tracee) understand(th *thread, status unix.WaitStatus) event {
	signal := status.StopSignal()
	if signal == unix.SIGTRAP|0x80 {
		return event{kind: gotSyscall}
	}
	switch int(status >> 16) {
	case 0:
		return t.understandSignal(th, signal)
	case unix.PTRACE_EVENT_STOP:
		switch signal {
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
			th.listen = true
			return event{}
		}
		return event{kind: gotStop}
	case unix.PTRACE_EVENT_CLONE, unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK:
		t.adopt(th, int(status>>16))
	case unix.PTRACE_EVENT_VFORK_DONE:
		t.setBreaks(th.tid)
	case unix.PTRACE_EVENT_EXIT:
		t.exiting(th)
	case unix.PTRACE_EVENT_EXEC:
		t.executed(th)
		if th.process == t.pid {
			return event{kind: gotExec}
		}
	}
	return event{}
}

// understandSignal tells the traps that tracing makes from signals.
func (t *tracee) understandSignal(th *thread, signal unix.Signal) event {
	if signal == unix.SIGTRAP {
		// A trap of the processor has a positive code, one that was sent
		// has not.
		info, errno := sys.PtraceSiginfo(th.tid)
		r, err := getRegisters(th.tid)
		if errno == 0 && err == nil && info.Code > 0 {
			at := r.pc() - breakpointLength
			if t.were[at] && th.how != unix.PTRACE_SINGLESTEP {
				r.setPC(at)
				if r.set(th.tid) == nil && t.breaks[at] != nil {
					return event{kind: gotBreak, addr: at}
				}
				return event{} // another thread was here first, and the code is back
			}
			if th.how == unix.PTRACE_SINGLESTEP {
				return event{kind: gotStep}
			}
		}
	}
	if signal == unix.SIGSYS {
		th.trapped = byFilter(th.tid) && !catches(th.tid, unix.SIGSYS)
	}
	th.signal = signal
	return event{kind: gotSignal, signal: signal}
}

// sysSeccomp is SYS_SECCOMP, the si_code of a SIGSYS that a filter caused by
// the action TRAP.
const sysSeccomp = 1

// byFilter reports whether the SIGSYS that a thread is about to get comes from
// a filter.
func byFilter(tid int) bool {
	info, errno := sys.PtraceSiginfo(tid)
	return errno == 0 && info.Code == sysSeccomp
}

// adopt deals with a new thread, which is traced like its parent, or a new
// process, which is followed or let go.
func (t *tracee) adopt(parent *thread, how int) {
	message, errno := sys.PtraceEventMsg(parent.tid)
	if errno != 0 {
		return // the parent was killed
	}
	tid := int(message)
	if t.watcher != nil { // a newcomer, now or later
		return
	}
	status, seen := t.early[tid]
	for !seen {
		got, err := unix.Wait4(tid, &status, unix.WALL, nil)
		if err != nil && err != unix.EINTR {
			return
		}
		seen = got == tid
	}
	delete(t.early, tid)
	if !status.Stopped() {
		return // it was killed before it began
	}
	child := &thread{tid: tid, process: processOf(tid), stopped: true}
	if child.process == parent.process || t.follow {
		t.threads[tid] = child
		t.resume(child)
		return
	}
	// A child of fork has the breakpoints in its copy of the code; one of
	// vfork shares them, and they are set again when it has left.
	for addr, code := range t.breaks {
		_ = write(tid, addr, code)
	}
	t.threads[tid] = child
	t.letGo(child)
	if how != unix.PTRACE_EVENT_VFORK {
		t.setBreaks(parent.tid)
	}
}

// executed forgets what exec ends: the other threads of the process, and the
// breakpoints, which were in the memory that is gone.
func (t *tracee) executed(th *thread) {
	for tid, other := range t.threads {
		if other.process == th.process && tid != th.tid {
			delete(t.threads, tid)
		}
	}
	th.pending = nil // of the thread whose number it now has
	if th.process == t.pid {
		clear(t.breaks)
		clear(t.were)
		t.held = nil
	}
}

// exiting reports a thread that seccomp ends. A signal that seccomp forces on
// it is not shown to a tracer; but each thread stops once more when it ends,
// and still has the registers of its call.
func (t *tracee) exiting(th *thread) {
	code, errno := sys.PtraceEventMsg(th.tid)
	signal := unix.Signal(code & 0x7f)
	if errno != 0 || t.blocked == nil || signal != unix.SIGKILL && signal != unix.SIGSYS {
		return
	}
	b, ok := t.stopped(th)
	if !ok || !th.trapped && !t.killedHere(th.tid, signal, b) {
		return
	}
	b.Signal = signal
	b.Other = signal == unix.SIGSYS && (!ends(b.Action) || b.Action.Kind() == seccomp.Trap && !th.trapped)
	t.blocked(b)
}

// stopped describes the call that a thread is in, if it is in one.
func (t *tracee) stopped(th *thread) (Blocked, bool) {
	if th.pending != nil {
		return *th.pending, true
	}
	data, ok := t.call(th)
	return t.describe(th, data, t.answer(data)), ok
}

func (t *tracee) describe(th *thread, d seccomp.Data, a seccomp.Action) Blocked {
	return Blocked{Thread: th.tid, Process: th.process, Data: d, Action: a, Memory: memory{th.tid}}
}

// answer is what the filters that were installed answer to a call: the
// strictest action, and among equals that of the newest.
func (t *tracee) answer(d seccomp.Data) seccomp.Action {
	a := seccomp.Allow
	for _, f := range slices.Backward(t.filters) {
		if one := f.Run(d).Canonical(); one.Stricter(a) {
			a = one
		}
	}
	return a
}

// ends reports whether an action may end a thread.
func ends(a seccomp.Action) bool {
	kind := a.Kind()
	return kind == seccomp.KillProcess || kind == seccomp.KillThread || kind == seccomp.Trap
}

// deadSince is the kernel that marks the thread that seccomp kills, and not
// those that end with it.
var deadSince = seccomp.Version{Major: 5, Minor: 17}

// killedHere reports whether it was seccomp, for a call of this very thread,
// that ends it. Older kernels do not say: there any thread counts that has
// the mode and is in a call that the mode may stop.
func (t *tracee) killedHere(tid int, signal unix.Signal, b Blocked) bool {
	s, err := kernel.ReadStatus(tid)
	if err != nil || s.Mode == kernel.ModeDead {
		return err == nil
	}
	if running, err := kernel.Running(); err != nil || running.Compare(deadSince) >= 0 {
		return false
	}
	if signal == unix.SIGKILL {
		return s.Mode == kernel.ModeStrict && !strictAllows(b.Data)
	}
	return s.Mode == kernel.ModeFilter && (len(t.filters) == 0 || ends(b.Action))
}

// call is the system call that a thread is in, if it is in one.
func (t *tracee) call(th *thread) (seccomp.Data, bool) {
	r, err := getRegisters(th.tid)
	if err != nil {
		return seccomp.Data{}, false
	}
	abi := t.image.abi
	d := seccomp.Data{Arch: abi.Arch(), IP: r.pc()}
	if info, errno := sys.PtraceSyscallInfo(th.tid); errno == 0 {
		d.Arch = info.Arch
		if other, ok := seccomp.ABIOf(info.Arch, 0); ok && supported(other) {
			abi = other
		}
	}
	d.NR, d.Args = r.call(abi)
	return d, d.NR != ^uint32(0)
}

// strictCalls are the numbers of read, write, exit and sigreturn.
var strictCalls = map[seccomp.ABI][4]uint32{
	seccomp.X86_64:  {0, 1, 60, 15},
	seccomp.X86:     {3, 4, 1, 119},
	seccomp.AARCH64: {63, 64, 93, 139},
}

func strictAllows(d seccomp.Data) bool {
	abi, _ := d.ABI()
	for _, nr := range strictCalls[abi] {
		if nr == d.NR {
			return true
		}
	}
	return false
}
