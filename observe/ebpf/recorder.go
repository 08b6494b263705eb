package ebpf

import "errors"

// ErrKernelThread is matched by the error of a recorder that is to follow a
// thread of the kernel, which makes no system calls.
var ErrKernelThread = errors.New("is a kernel thread")

// Options say what to record. The zero value is right for processes that are
// followed by their ids.
type Options struct {
	// Mark is a number, drawn at random, that stands in a seccomp filter: the
	// thread that installs a filter with instructions that compare with the
	// upper and with the lower half of it is followed from there on. Up to its
	// first exec it is a container's runtime. 0 is no mark; no half may be 0.
	Mark uint64
	// Arguments has the values of arguments recorded, where
	// [github.com/callgate/callgate/observe.Interesting] names any.
	Arguments bool
	// NoBTF acts as on a kernel without BTF.
	NoBTF bool
}

// Row and map sizes. Every one of them may be exceeded: that is counted, and
// is said in Recording.Limits.
type sizes struct {
	rows   uint32 // executables
	tasks  uint32 // ids of threads; 0 for as many as there can be
	odd    uint32 // denied calls, x32 calls and numbers without a slot
	tuples uint32 // tuples of argument values, of all calls together
}

var defaultSizes = sizes{rows: 1024, odd: 1 << 14, tuples: 1 << 15}
