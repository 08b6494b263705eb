// Package ptrace records which system calls a command and all its children
// make, without privileges, by tracing it as strace does: the recorder for
// where package notify cannot be used, because the kernel is older than 5.8 or
// this process is under a filter with a listener already.
//
// The program is stopped twice at each call, which costs some 20 to 100 µs, as
// the two are on one processor or not. What it can notice is what package
// tracee says; and it can trace no others itself. The recorder may be killed
// at any moment: the kernel lets the program go, unharmed.
//
// A thread that a filter ends, and a call that it answers with SIGSYS, counts
// as denied. A call that it answers with an errno cannot be told from one that
// fails, and counts as made.
//
// Linux 5.3 or newer is needed, on amd64, arm64 and 386.
package ptrace
