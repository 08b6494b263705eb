// Package ebpf records which system calls a workload makes, in the kernel:
// whole processes, process trees and containers, with every child of theirs,
// at a cost of about half a system call each and without the workload noticing.
//
// # How
//
// A map says for each followed thread in which row its calls are counted. Forks
// copy the entry, an exec picks the row of the new executable, an exit deletes
// it. A row has one counter for every number of every ABI, and user space reads
// them through shared memory. Nothing is streamed, so nothing is dropped under
// any load; what cannot be stored (a map is full) counts in Recording.Lost.
// [Recorder] tells how processes get followed.
//
// A call that a seccomp filter stops never reaches sys_enter but does reach
// sys_exit, and so counts as denied. Two answers of a filter cannot be told
// from the kernel's own, and count as calls that were made: ERRNO with the
// errno 0, and that of a supervisor (USER_NOTIF) that is not negative.
// A supervisor's answer that is negative counts as a denial.
//
// The kernel names a thread by an id that is used again. An entry never
// outlives its thread: it goes when the thread exits, and should one have been
// made too late, the fork that uses the id again removes it.
//
// # Kernels
//
// Linux 5.8 and later, on amd64 and arm64. Root, or CAP_BPF and CAP_PERFMON,
// and CAP_SYS_PTRACE to follow processes of other users; before 5.11 also
// CAP_SYS_RESOURCE or a sufficient RLIMIT_MEMLOCK. The programs find the
// kernel's structures by its BTF. Without BTF they do with less, and
// Recording.Limits says what they cannot tell apart.
//
// The programs are assembled here, and declare the licence "Dual MIT/GPL"
// without which the kernel lends no program its helpers for tracing.
package ebpf
