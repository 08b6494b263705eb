package kernel

import (
	"runtime"
	"syscall"

	"github.com/callgate/callgate/internal/sys"
)

func strict() error {
	runtime.LockOSThread()
	errno := sys.SetStrict()
	if errno == 0 {
		return nil // and not one call more
	}
	runtime.UnlockOSThread()
	return ExplainStrict(-int(errno))
}

func explainStrict(r int) error {
	if r >= 0 {
		return nil
	}
	e := &Error{Op: "enter strict mode", Errno: syscall.Errno(-r)}
	switch e.Errno {
	case syscall.EINVAL:
		e.Reason = "the thread has a filter, and cannot have both, or the kernel is built without seccomp (CONFIG_SECCOMP)"
	case syscall.EPERM:
		e.Reason = "a filter that is there already denies it"
	}
	return e
}
