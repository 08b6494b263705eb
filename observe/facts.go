package observe

import "slices"

// runtimeFact is a call that a container runtime makes between the
// installation of the container's filter and the workload's first instruction.
type runtimeFact struct {
	name string
	// occasional is a call that it makes in some starts only.
	occasional bool
}

// Observed of runc 1.1.5 and 1.5.1 and of crun 1.8.1. What is made with
// no_new_privs, where the filter is installed last, is made without it, too.
var (
	runcAlways = []string{
		"close", "close_range", "epoll_ctl", "execve", "fstatfs", "futex",
		"getdents64", "getpid", "openat", "openat2", "write",
	}
	runcPrivileged = []string{
		"capget", "capset", "chdir", "faccessat2", "fcntl", "fstat", "getcwd",
		"getppid", "newfstatat", "prctl", "read", "setgid", "setgroups",
		"setuid", "statx",
	}
	// What Go's scheduler and its garbage collector do when they get to it.
	runcOccasional = []string{
		"clone", "epoll_pwait", "futex", "getpid", "madvise", "mmap", "munmap",
		"nanosleep", "rt_sigprocmask", "rt_sigreturn", "sched_yield",
		"sigaltstack", "tgkill",
	}
	crunAlways     = []string{"close", "execve"}
	crunPrivileged = []string{
		"capset", "prctl", "rt_sigaction", "rt_sigprocmask", "setresgid",
		"setresuid", "write",
	}
)

// runtimeFacts are the calls of "runc" or "crun", with or without
// no_new_privs.
func runtimeFacts(runtime string, noNewPrivs bool) []runtimeFact {
	always, privileged, occasional := runcAlways, runcPrivileged, runcOccasional
	if runtime == "crun" {
		always, privileged, occasional = crunAlways, crunPrivileged, nil
	}
	if noNewPrivs {
		privileged = nil
	}
	var out []runtimeFact
	for _, name := range slices.Concat(always, privileged) {
		out = append(out, runtimeFact{name: name})
	}
	for _, name := range occasional {
		out = append(out, runtimeFact{name: name, occasional: true})
	}
	return out
}
