package kernel

import (
	"errors"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
)

func execute(p bpf.Program, o InstallOptions, path string, args, env []string) error {
	if o.Flags&NewListener != 0 {
		return &Error{Op: opInstall, Reason: "NEW_LISTENER makes a listener: use ExecListener"}
	}
	return executeWith(p, o, path, args, env, nil)
}

// executeWith stores the descriptor of a listener, if there shall be one.
func executeWith(p bpf.Program, o InstallOptions, path string, args, env []string, listener *int32) error {
	if len(p) > maxFprog {
		return explainInstall(p, o.Flags, -int(syscall.EINVAL))
	}
	file, err1 := syscall.BytePtrFromString(path)
	argv, err2 := syscall.SlicePtrFromStrings(args)
	envp, err3 := syscall.SlicePtrFromStrings(env)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return &os.PathError{Op: "exec", Path: path, Err: err}
		}
	}
	// Go raises the limit of open files and restores it only in its own
	// exec, which fails here for want of a file.
	_ = syscall.Exec("", nil, nil)

	filters := toFilters(p)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := noNewPrivs(o.NoNewPrivs); err != nil {
		return err
	}
	sys.DefaultSignals()
	installed, executed := sys.Exec(uint32(o.Flags&^(TSync|TSyncESRCH)), filters, file, argv, envp, listener)
	if installed != 0 {
		return explainInstall(p, o.Flags, -int(installed))
	}
	return &os.PathError{Op: "exec", Path: path, Err: executed}
}

// noListenerYet stands for a descriptor that is still to come.
const noListenerYet = -1

// executeListener has the filter installed by one thread and the listener
// delivered by another, since any call of the first may wait for an answer.
// The first does not tell the Go runtime that it waits, so that the second
// would wait for it forever at a garbage collection, or with one processor.
func executeListener(p bpf.Program, o InstallOptions, path string, args, env []string, deliver func(fd int) error) error {
	o.Flags |= NewListener
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.NumCPU())))

	listener := int32(noListenerYet)
	ready, delivered := make(chan struct{}), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		close(ready)
		delivered <- deliverListener(&listener, deliver)
	}()
	<-ready
	err := executeWith(p, o, path, args, env, &listener)
	atomic.CompareAndSwapInt32(&listener, noListenerYet, sys.ListenerTaken)
	if failed := <-delivered; failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// deliverListener waits for the listener and hands it on. Nothing can tell
// that it is there but the memory that both threads share.
func deliverListener(listener *int32, deliver func(fd int) error) error {
	defer atomic.StoreInt32(listener, sys.ListenerTaken)
	for {
		switch fd := atomic.LoadInt32(listener); fd {
		case noListenerYet:
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 20_000}, nil)
		case sys.ListenerTaken: // there was none
			return nil
		default:
			return deliver(int(fd))
		}
	}
}

func privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective>>unix.CAP_SYS_ADMIN&1 == 1
}
