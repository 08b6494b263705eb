// Package lift turns a BPF program back into the policy that it is, for every
// program that the kernel accepts: those of this module's compiler, of other
// compilers, and whatever a live process runs.
//
// It never imports package compile, whose results it judges.
package lift
