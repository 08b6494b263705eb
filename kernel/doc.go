// Package kernel is the door to the seccomp of the running kernel: it
// installs filters ([Install]), enters strict mode ([Strict]), answers
// notifications ([Listener]), reads back the filters of a process ([Filters])
// and asks what this kernel supports ([Features]).
//
// # Threads
//
// The kernel keeps filters and modes for each thread, and a new thread or
// process inherits those of the thread that made it. A goroutine moves between
// threads, and a Go program has several before main runs. So there are two
// ways to confine a Go program. With [TSync] the filter is put on every
// thread at once, from any goroutine: that is what a program that confines
// itself wants. Without it only one thread is confined, and the goroutine
// that did it must stay there: [Install] and [Strict] call
// [runtime.LockOSThread], and never undo it, so that no other goroutine ends
// up on a confined thread by accident. When that goroutine returns, its
// thread ends with it (but for the first thread of the process, which stays).
// [Exec] confines a thread and at once executes another program on it.
//
// # Errors
//
// What the kernel refuses is an [*Error] that says why and what to do, and
// unwraps to the errno; where the kernel lacks a feature it also matches
// [errors.ErrUnsupported] and says which kernel introduced the feature. On
// other systems than Linux every function returns an error that matches
// [errors.ErrUnsupported].
package kernel
