package kernel

import "github.com/callgate/callgate/bpf"

// Exec puts p on the calling thread and executes a program on it, which
// replaces this process and all its threads. Where p has no instructions no
// filter is installed. It does not return where it succeeds. The file is path, which is not looked up; args begin with the name
// of the command.
//
// The only call that p must allow is execve: nothing else is called under it.
// For that, every signal that has a handler gets its default action before,
// and not back where Exec fails. The program has the limit of open files that
// this one was started with. [TSync] is left out: the other threads end with
// exec, and would only be confined before it. NewListener is an error: use
// [ExecListener].
//
// The error is that of [Install] or, as an *os.PathError with the Op "exec",
// that of execve. After that one the thread is confined.
func Exec(p bpf.Program, o InstallOptions, path string, args, env []string) error {
	return execute(p, o, path, args, env)
}

// ExecListener is [Exec] under a filter that has a listener. Once the filter is
// there deliver is called, on another thread, with the listener's descriptor,
// to hand it to the process that is to answer; the thread that has the filter
// makes no call until deliver has returned, and then execve. This process
// cannot answer, and its descriptor is closed by exec.
//
// Nothing else should go on in this process: until execve succeeds or fails
// there is no garbage collection, since it would wait for the thread that is
// in execve. The error is that of Exec, joined with that of deliver. Where p
// answers NOTIFY to execve a deliver that fails must end the process, or execve
// waits for good.
func ExecListener(p bpf.Program, o InstallOptions, path string, args, env []string, deliver func(fd int) error) error {
	return executeListener(p, o, path, args, env, deliver)
}

// Privileged reports whether this process may install filters without
// no_new_privs: it has CAP_SYS_ADMIN in its user namespace.
func Privileged() bool { return privileged() }
