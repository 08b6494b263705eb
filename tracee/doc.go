// Package tracee holds an unmodified program by ptrace: it starts a command,
// runs it to a point such as main or the return of its third openat, makes
// system calls inside it (and so puts a seccomp filter or strict mode on it
// from within), or has it execute another one under a filter; and then lets it
// go, or follows it to its end and tells which system call seccomp ended it
// for, or every call that a filter stops in it and its children.
//
// It works for static, PIE and static-PIE programs, with symbols or stripped,
// of any language, and for programs with several threads. The hosts are Linux
// on amd64 (with programs of the x86_64 and x86 ABIs), arm64 (aarch64) and 386
// (x86); elsewhere [Start] returns an error that matches
// [errors.ErrUnsupported].
//
// # What the program notices
//
// It can find out that it is traced, as with any debugger. Set-user-ID bits
// and file capabilities of its file have no effect while an unprivileged
// tracer holds it. The program's own code is overwritten at most at the first
// instruction of a point, for as long as the point is awaited, and system
// calls are made by an instruction that is there already; registers and memory
// are put back as they were. Children that the program makes before the point
// are let go at once.
package tracee
