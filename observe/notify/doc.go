// Package notify records which system calls a command and all its children
// make, without privileges: by seccomp user notification. It also runs a
// command under a filter and tells which calls the filter stops, to verify a
// profile.
//
// # How
//
// The command is started under a filter that asks about every call of every
// ABI. Children inherit it, and nothing can take it off, so that no call is
// missed. A process of its own, the keeper, receives each call, counts it and
// lets it go on. It has a session of its own, ignores the signals with which a
// terminal or a service manager ends things, and outlives the recorder: kill
// that, and the workload runs to its end unharmed.
//
// # What it costs, and what the workload can notice
//
// A call costs a switch to the keeper and back, some 5 µs where Linux is 6.6 or
// newer and several times that before. This lasts as long as the workload:
// [Recorder.Close] ends the recording, not the cost.
//
//   - Without CAP_SYS_ADMIN no_new_privs is set, and set-user-ID programs get no
//     privileges.
//   - A program that makes a seccomp listener of its own fails with EBUSY.
//   - A signal that comes in the moment (a microsecond or so) between a call
//     and its receipt by the keeper, and whose handler is without SA_RESTART,
//     makes the call fail with EINTR, also where it is one that never does
//     otherwise. The call is not made and not counted. Before Linux 5.19 that
//     moment lasts until the keeper has answered.
//   - If the keeper is killed by SIGKILL the kernel answers ENOSYS to each
//     further call of the workload, which cannot live on like that. The
//     recording up to the last snapshot remains.
//   - A call that another filter stops, one of the workload's own or one that
//     was there before, is not seen: the kernel takes the strictest answer. The
//     ptrace recorder sees those.
//
// # Executables
//
// The executable of a call is the path that was given to exec, which the kernel
// leaves in the memory of the program. Where that cannot be read (Yama with
// ptrace_scope 1 or more and no CAP_SYS_PTRACE, a process that is not dumpable)
// it is the file of the process, and Recording.Limits says so.
//
// # The helper processes
//
// [Start] executes the running program again, twice: as the keeper, and as the
// launcher that installs the filter and becomes the command. A program that
// uses this package must give way first thing in main:
//
//	if status, ok := notify.Helper(os.Args); ok {
//		os.Exit(status)
//	}
//
// Linux 5.8 or newer is needed; an error that matches [errors.ErrUnsupported]
// says that it is not there. The error unwraps to EBUSY where this process is
// itself under a filter with a listener: use the ptrace recorder then.
package notify
