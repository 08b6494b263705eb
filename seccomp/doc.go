// Package seccomp is the kernel's vocabulary for system call filtering: the
// call that a filter judges ([Data]), the verdict that it returns ([Action]),
// the system call ABIs that number the calls ([ABI]), and the releases that
// tell what there is ([Version]).
//
// The package needs only the standard library, runs on every platform and
// executes nothing. Values are those of the Linux headers linux/seccomp.h and
// linux/audit.h, whichever machine the program runs on.
package seccomp
