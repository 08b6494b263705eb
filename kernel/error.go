package kernel

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/callgate/callgate/seccomp"
)

// Error is what the kernel refused, with the reason.
type Error struct {
	// Op is what was asked of the kernel, as in "install a filter".
	Op string
	// Errno is what the kernel answered; 0 where it was not asked.
	Errno syscall.Errno
	// Reason says what the errno means here and what to do about it.
	Reason string
	// Since is the kernel that introduced the feature that is missing; the
	// zero value where no feature is missing.
	Since seccomp.Version
	// Missing says that the kernel, or the system, lacks the feature.
	Missing bool
	// Thread is the thread that [TSync] could not take along; 0 where the
	// error is another.
	Thread int
	// Err is a further error that explains this one, such as a
	// *bpf.VerifyError; nil where there is none.
	Err error
}

// Error is "op: errno: reason", in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Errno != 0 {
		fmt.Fprintf(&b, ": %v", e.Errno)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Since != (seccomp.Version{}) {
		fmt.Fprintf(&b, " (needs Linux %v)", e.Since)
	}
	return b.String()
}

// Is reports a missing feature as [errors.ErrUnsupported].
func (e *Error) Is(target error) bool { return e.Missing && target == errors.ErrUnsupported }

// Unwrap returns the errno and the further error, as far as there are any.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Errno != 0 {
		errs = append(errs, e.Errno)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}
