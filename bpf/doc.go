// Package bpf is classic BPF as seccomp runs it: programs as values, the
// kernel's rules of validity ([Program.Verify]), a virtual machine that gives
// the kernel's answers ([Program.Run], [Filter]), a text form that goes back
// to the same bytes ([Program.String], [Assemble]), and control flow.
//
// The package runs on every platform and executes nothing: the byte order of
// the machine that a program is for is always an argument, never the host's.
// It knows nothing of policies or of the names of system calls.
//
// The facts are those of kernel/seccomp.c (seccomp_check_filter) and
// net/core/filter.c (bpf_check_classic, check_load_and_stores,
// bpf_convert_filter); the tests hold them to the running kernel.
package bpf
