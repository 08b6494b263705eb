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
// exec, and would only be confined before it. NewListener is an error.
//
// The error is that of [Install] or, as an *os.PathError with the Op "exec",
// that of execve. After that one the thread is confined.
func Exec(p bpf.Program, o InstallOptions, path string, args, env []string) error {
	return execute(p, o, path, args, env)
}

// Privileged reports whether this process may install filters without
// no_new_privs: it has CAP_SYS_ADMIN in its user namespace.
func Privileged() bool { return privileged() }
