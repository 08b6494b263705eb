package observe

// never is the How of a call that is not made.
const never How = 0

// runtimeRow is a row of a runtime's table: how often it makes a call behind
// a filter that it installed early, without no_new_privs, and behind one that
// it installed late, with it.
type runtimeRow struct {
	name        string
	early, late How
	optional    bool
	why         string
}

// runtimeTables are what runc 1.1.5, 1.1.15, 1.2.9, 1.3.4, 1.4.2 and 1.5.1 and
// crun 1.8.1 were seen to call on x86_64, in thousands of starts, alone and
// under load; the optional ones were refused one by one. What it takes a
// rare condition to see (AppArmor, a musl libc, an odd clock, a directory that
// only the user may enter) is from their sources, from Go's and from musl's.
//
// Tests hold the installed runtimes to the tables.
var runtimeTables = map[string][]runtimeRow{"runc": runcFacts, "crun": crunFacts}

const (
	optional = true
	needed   = false
)

var runcFacts = []runtimeRow{
	// What libcontainer does.
	{"capget", Always, never, needed, "drops capabilities; not by 1.3 and later where the container names none"},
	{"capset", Always, never, needed, "drops capabilities; not by 1.3 and later where the container names none"},
	{"chdir", Always, never, needed, "enters the working directory"},
	{"close", Always, Always, needed, "closes the descriptors that are not the container's"},
	{"close_range", Sometimes, never, optional, "1.2 and later: marks descriptors to be closed by execve"},
	{"execve", Always, Always, needed, "starts the workload"},
	{"faccessat2", Always, never, needed, "looks for the program to start"},
	{"fchown", Sometimes, never, needed, "gives stdin, stdout and stderr to the container's user"},
	{"fcntl", Always, Sometimes, needed, "marks descriptors to be closed by execve; Go 1.21 and later: looks at those it opens"},
	{"fsconfig", Sometimes, never, optional, "exec with 1.2 and later: wants a procfs of its own"},
	{"fsmount", Sometimes, never, optional, "exec with 1.2 and later: wants a procfs of its own"},
	{"fsopen", Sometimes, never, optional, "exec with 1.2 and later: wants a procfs of its own"},
	{"fstat", Always, Sometimes, needed, "looks who owns stdin, stdout and stderr; 1.2 and later: makes sure that procfs is one"},
	{"fstatfs", Always, Always, needed, "makes sure that procfs is one"},
	{"getcwd", Always, never, needed, "makes sure that the working directory is in the container"},
	{"getdents64", Always, Always, needed, "lists the open descriptors"},
	{"getpid", Sometimes, Sometimes, needed, "names the process to hooks; the C library in setuid"},
	{"getppid", Always, never, needed, "makes sure that runc itself is still there"},
	{"newfstatat", Always, never, needed, "looks for the program to start"},
	{"open_tree", Sometimes, never, optional, "exec with 1.2 and later: wants a procfs of its own"},
	{"openat", Always, Always, needed, "opens procfs and the pipe on which it waits for start"},
	{"openat2", Sometimes, Sometimes, optional, "1.2 and later: opens procfs"},
	{"prctl", Always, Occasional, needed, "drops capabilities; Go 1.25 and later: names new memory"},
	{"read", Always, Sometimes, needed, "reads procfs; waits for the listener of a profile with SCMP_ACT_NOTIFY to be passed on"},
	{"readlinkat", Sometimes, Sometimes, needed, "1.2 and later without openat2: opens procfs step by step"},
	{"setgid", Always, never, needed, "becomes the container's user"},
	{"setgroups", Always, never, needed, "becomes the container's user; not in a rootless container"},
	{"setuid", Always, never, needed, "becomes the container's user"},
	{"statx", Sometimes, Sometimes, needed, "1.2 and later: makes sure that procfs is one; Go on loongarch64, which lacks fstat"},
	{"uname", Sometimes, never, optional, "exec with 1.2 and later: asks for the kernel's version"},
	{"write", Always, Always, needed, "says on the pipe that it was started"},

	// What the kernel, the C library and Go make of that.
	{"epoll_ctl", Sometimes, Sometimes, optional, "Go: waits for opened files, where they can be waited for"},
	{"faccessat", Sometimes, never, optional, "exec with 1.2 and later: looks for mounts; kernels before 5.8, which lack faccessat2"},
	{"getegid", Sometimes, never, needed, "Go, on kernels before 5.8, which lack faccessat2"},
	{"geteuid", Sometimes, never, needed, "Go, on kernels before 5.8, which lack faccessat2"},
	{"getgid", Sometimes, never, needed, "Go, on kernels before 5.8, which lack faccessat2"},
	{"getgroups", Sometimes, never, needed, "Go, on kernels before 5.8, which lack faccessat2"},
	{"getuid", Sometimes, never, needed, "Go, on kernels before 5.8, which lack faccessat2"},
	{"gettid", Sometimes, never, needed, "1.2 and later with musl: has all threads change their user"},
	{"prlimit64", Sometimes, Sometimes, needed, "Go 1.19 and later: undoes in execve that it raised the limit of open files, where the limit was below the hard one"},
	{"rt_sigaction", Sometimes, never, needed, "1.2 and later with musl: has all threads change their user"},
	{"rt_sigprocmask", Sometimes, never, needed, "1.2 and later with musl: has all threads change their user"},
	{"tgkill", Sometimes, Occasional, needed, "1.2 and later with glibc: has all threads change their user; Go: stops a goroutine"},
	{"tkill", Sometimes, never, needed, "1.2 and later with musl: has all threads change their user"},

	// What Go's runtime does when it comes to it.
	{"clock_gettime", Occasional, Occasional, needed, "Go: where the clock cannot be read without a call"},
	{"epoll_pwait", Occasional, Occasional, needed, "Go: looks for files that are ready, after a collection of garbage"},
	{"futex", Occasional, Occasional, needed, "Go: waits for, and wakes, its other threads; at nearly every start by an engine"},
	{"madvise", Occasional, Occasional, needed, "Go: memory"},
	{"mmap", Occasional, Occasional, needed, "Go: memory"},
	{"munmap", Occasional, Occasional, needed, "Go: memory"},
	{"nanosleep", Occasional, Occasional, needed, "Go: waits for a lock"},
	{"restart_syscall", Occasional, Occasional, needed, "the kernel: goes on with a wait that was interrupted, as by a tracer or a freezer"},
	{"rt_sigreturn", Occasional, Occasional, needed, "Go: was stopped by its scheduler"},
	{"sched_yield", Occasional, Occasional, needed, "Go: waits for a lock"},
}

var crunFacts = []runtimeRow{
	// At a start.
	{"capset", Always, never, needed, "drops capabilities"},
	{"close", Always, Always, needed, "closes the filter"},
	{"execve", Always, Always, needed, "starts the workload"},
	{"prctl", Always, never, needed, "drops capabilities"},
	{"pselect6", Sometimes, never, needed, "waits for start, where it was not run at once"},
	{"read", Sometimes, never, needed, "waits for start, where it was not run at once; exec"},
	{"rt_sigaction", Always, never, needed, "unblocks signals"},
	{"rt_sigprocmask", Always, never, needed, "unblocks signals"},
	{"select", Sometimes, never, needed, "with musl: waits for start, where it was not run at once"},
	{"setresgid", Always, never, needed, "becomes the container's user"},
	{"setresuid", Always, never, needed, "becomes the container's user"},
	{"write", Always, Sometimes, needed, "says that it is ready; exec"},

	// Where the container's user must look for what root could not reach.
	{"access", Sometimes, never, needed, "looks for the program to start, where only the container's user may"},
	{"chdir", Sometimes, never, needed, "enters the working directory, where only the container's user may"},
	{"faccessat", Sometimes, never, needed, "looks for the program to start, where only the container's user may"},
	{"faccessat2", Sometimes, never, needed, "looks for the program to start, where only the container's user may"},
	{"getcwd", Sometimes, never, needed, "makes sure that the working directory is in the container"},

	// In exec, and in later versions.
	{"close_range", Sometimes, Sometimes, optional, "later versions: closes the descriptors that are not the container's"},
	{"fchown", Sometimes, never, needed, "exec: gives stdin, stdout and stderr to the user"},
	{"fstat", Sometimes, never, needed, "exec with musl: looks who owns stdin, stdout and stderr"},
	{"ioctl", Sometimes, never, optional, "exec: looks for terminals"},
	{"newfstatat", Sometimes, never, needed, "looks for the program to start, where only the container's user may"},
	{"openat", Sometimes, never, needed, "exec: asks whether groups can be set"},
	{"setgroups", Sometimes, never, needed, "exec: becomes the user"},
	{"statx", Sometimes, never, needed, "exec: asks whether groups can be set"},
	{"umask", Sometimes, Sometimes, needed, "exec: sets the umask"},

	// What comes in between.
	{"brk", Occasional, Occasional, needed, "the C library: memory"},
	{"mmap", Occasional, Occasional, needed, "the C library: memory"},
	{"munmap", Occasional, Occasional, needed, "the C library: memory"},
	{"restart_syscall", Occasional, Occasional, needed, "the kernel: goes on with a wait that was interrupted, as by a tracer or a freezer"},
}
