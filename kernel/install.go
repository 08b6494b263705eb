package kernel

import "github.com/callgate/callgate/bpf"

// InstallOptions say how a filter is installed. The zero value puts it on the
// calling thread alone and asks for the privilege to do so.
type InstallOptions struct {
	// Flags are passed to the kernel.
	Flags Flag
	// NoNewPrivs sets the thread's no_new_privs bit first: exec then grants
	// no privileges (set-user-ID bits, file capabilities), for good and for
	// all descendants. Without it the kernel takes a filter only from a
	// thread with CAP_SYS_ADMIN in its user namespace. With TSync the other
	// threads get the bit too.
	NoNewPrivs bool
}

// Install puts p on the calling thread, or with [TSync] on all threads of the
// process. The kernel stacks it upon the filters that are there already, and
// it stays until the thread ends. Without TSync the calling goroutine stays
// locked to its thread for good, as the package comment explains.
//
// The error is an [*Error]. It unwraps to EACCES where neither NoNewPrivs nor
// CAP_SYS_ADMIN is there; EINVAL for an invalid program (with the
// *bpf.VerifyError beside it) or a flag that this kernel does not know; EBUSY
// for a second listener; ENOMEM where the stacked filters together exceed
// 32768 instructions of the kernel's internal form (most instructions go into
// one of them, a return of a constant into two; a few come before the first,
// and 4 are added for each filter); ESRCH where TSync
// met a thread with a filter that the calling thread has not. NewListener in
// the options is an error: use [InstallListener].
func Install(p bpf.Program, o InstallOptions) error {
	if o.Flags&NewListener != 0 {
		return &Error{Op: opInstall, Reason: "NEW_LISTENER makes a listener: use InstallListener"}
	}
	_, err := install(p, o)
	return err
}

// InstallListener is [Install] with the flag NewListener: the listener gets
// every call that p answers with NOTIFY. The filters of a thread have
// at most one listener. A goroutine under the filter must not be the one that
// receives: nobody would answer it.
func InstallListener(p bpf.Program, o InstallOptions) (*Listener, error) {
	o.Flags |= NewListener
	fd, err := install(p, o)
	if err != nil {
		return nil, err
	}
	return NewListenerFD(fd)
}

// ExplainInstall is the error for what seccomp(SECCOMP_SET_MODE_FILTER)
// answered to a program and flags, and nil where that was success. It is for
// those who make the system call another way than [Install] does, such as in
// another process. The result of the call is r, which is negative for an
// errno.
func ExplainInstall(p bpf.Program, flags Flag, r int) error {
	return explainInstall(p, flags, r)
}

const opInstall = "install a seccomp filter"
