// Package syscalls knows the system calls of Linux by name: their numbers on
// every ABI, the multiplexers (socketcall, ipc) that make some of them too,
// the names and types of their arguments, the kernel that introduced them, what
// they are for, and which of them are worth a second look.
//
// Names are the kernel's __NR_ names, as libseccomp and Docker's profiles use
// them: newfstatat and not fstatat, pread64 and not pread. Numbers are those
// that a filter sees in seccomp_data.nr: they include the base of the ABI's
// number space, so that read is 0x40000000 on x32 and 4003 on mips.
//
// All facts come from table.tsv, whose head says where each column is from.
// Linux keeps a number for good once a release had it: the tables answer for
// every kernel, including the old ones that lack a call and the new ones that
// dropped it.
package syscalls

//go:generate go run ./internal/gen table.tsv tables.go
