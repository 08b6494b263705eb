package kernel

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
)

func execute(p bpf.Program, o InstallOptions, path string, args, env []string) error {
	if o.Flags&NewListener != 0 {
		return &Error{Op: opInstall, Reason: "NEW_LISTENER is not possible together with exec"}
	}
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
	installed, executed := sys.Exec(uint32(o.Flags&^(TSync|TSyncESRCH)), filters, file, argv, envp)
	if installed != 0 {
		return explainInstall(p, o.Flags, -int(installed))
	}
	return &os.PathError{Op: "exec", Path: path, Err: executed}
}

func privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective>>unix.CAP_SYS_ADMIN&1 == 1
}
