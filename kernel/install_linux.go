package kernel

import (
	"fmt"
	"runtime"
	"syscall"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
)

// maxFprog is the largest number of instructions that struct sock_fprog can
// state; the kernel's own limit is lower.
const maxFprog = 1<<16 - 1

// install returns the listener's descriptor, or 0.
func install(p bpf.Program, o InstallOptions) (int, error) {
	if len(p) > maxFprog {
		return 0, explainInstall(p, o.Flags, -int(syscall.EINVAL))
	}
	filters := toFilters(p)
	if o.Flags&TSync != 0 && o.Flags&NewListener != 0 {
		o.Flags |= TSyncESRCH
	}
	// no_new_privs and the filter must meet on one thread. The lock stays
	// where that thread is confined and the others are not.
	runtime.LockOSThread()
	if err := noNewPrivs(o.NoNewPrivs); err != nil {
		runtime.UnlockOSThread()
		return 0, err
	}
	r, errno := sys.SetFilter(uint32(o.Flags), filters)
	if errno != 0 {
		r = -int(errno)
	}
	if o.Flags&TSync != 0 || r < 0 {
		runtime.UnlockOSThread()
	}
	if o.Flags&NewListener != 0 && r >= 0 {
		return r, nil
	}
	return 0, explainInstall(p, o.Flags, r)
}

func toFilters(p bpf.Program) []sys.SockFilter {
	filters := make([]sys.SockFilter, len(p))
	for i, ins := range p {
		filters[i] = sys.SockFilter(ins)
	}
	return filters
}

func noNewPrivs(set bool) error {
	if !set {
		return nil
	}
	if errno := sys.SetNoNewPrivs(); errno != 0 {
		return &Error{Op: "set no_new_privs", Errno: errno, Since: version(3, 5), Missing: errno == syscall.EINVAL}
	}
	return nil
}

func explainInstall(p bpf.Program, flags Flag, r int) error {
	e := &Error{Op: opInstall}
	switch {
	case r == 0 || r > 0 && flags&NewListener != 0:
		return nil
	case r > 0:
		e.Errno, e.Thread = syscall.ESRCH, r
		e.Reason = fmt.Sprintf("thread %d is in strict mode or has filters of its own, so TSYNC cannot bring it to this thread's", r)
		return e
	}
	e.Errno = syscall.Errno(-r)
	switch e.Errno {
	case syscall.EACCES:
		e.Reason = "set no_new_privs first, or have CAP_SYS_ADMIN in the user namespace"
	case syscall.EINVAL:
		explainInvalid(e, p, flags)
	case syscall.EBUSY:
		e.Reason = "a filter of this thread has a listener already, and there can be only one"
	case syscall.ENOMEM:
		e.Reason = fmt.Sprintf("the filters of a thread may have %d instructions together, as the kernel counts them", maxStacked)
	case syscall.ESRCH:
		e.Reason = "a thread is in strict mode or has filters of its own, so TSYNC cannot bring it to this thread's"
	case syscall.ENOSYS:
		e.Reason = "the kernel has no seccomp(2), or a filter of this thread hides it"
		e.Since, e.Missing = version(3, 17), true
	case syscall.EPERM:
		e.Reason = "a filter that is there already denies seccomp(2) to this thread"
	}
	return e
}

// maxStacked is MAX_INSNS_PER_PATH of kernel/seccomp.c.
const maxStacked = 32768

// explainInvalid finds out which of the many reasons for EINVAL it was, in
// the order in which the kernel checks them.
func explainInvalid(e *Error, p bpf.Program, flags Flag) {
	if flags&WaitKillableRecv != 0 && flags&NewListener == 0 {
		e.Reason = "WAIT_KILLABLE_RECV needs NEW_LISTENER"
		return
	}
	for _, f := range flagFacts {
		if flags&f.flag != 0 && !knowsFlag(f.flag) {
			e.Reason = "this kernel does not know the flag " + f.name
			e.Since, e.Missing = f.since, true
			return
		}
		flags &^= f.flag
	}
	if flags != 0 {
		e.Reason = fmt.Sprintf("unknown flags %#x", uint32(flags))
		return
	}
	if e.Err = p.Verify(); e.Err != nil {
		e.Reason = "the program is invalid"
		return
	}
	e.Reason = "this thread is in strict mode, or the kernel is built without seccomp filters (CONFIG_SECCOMP_FILTER)"
}

// knowsFlag asks the kernel about one flag, together with those that it
// needs.
func knowsFlag(f Flag) bool {
	if f == WaitKillableRecv {
		f |= NewListener
	}
	return sys.ProbeFilterFlags(uint32(f)) == syscall.EFAULT
}
