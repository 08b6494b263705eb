package kernel

// Strict puts the calling thread into the kernel's strict mode: from then on
// it can make the calls read, write, exit and sigreturn, and any other call
// kills it with SIGKILL. There is no way back. The calling goroutine stays
// locked to the thread.
//
// What follows is hard on a Go program, as on any with several threads. The
// kernel kills only that thread: the process lives on without it, and without
// whatever it held. In a Go program that is a part of the scheduler, with its
// timers and its queue: the other goroutines stop sooner or later. The Go runtime itself makes calls that are not
// allowed (futex, to wait; madvise, to give back memory), from any allocation
// or channel operation that has to wait: after Strict returns, only
// [syscall.RawSyscall] of the four calls is safe. A program that ends by
// returning from main calls exit_group, which strict mode does not allow.
// Strict is meant for a child process, or a thread, that computes on bytes
// which it reads and writes.
//
// The error unwraps to EINVAL where the thread has a filter (it cannot have
// both) or the kernel has no strict mode.
func Strict() error { return strict() }

// ExplainStrict is the error for what prctl(PR_SET_SECCOMP,
// SECCOMP_MODE_STRICT) answered, made another way than by [Strict]; nil where
// that was success. A negative r is an errno.
func ExplainStrict(r int) error { return explainStrict(r) }
