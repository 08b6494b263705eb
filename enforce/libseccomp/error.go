package libseccomp

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/callgate/callgate/seccomp"
)

// ErrHangs is matched by the error for a rule that libseccomp never returns
// from: adding it makes the library walk in a circle. Both modelled releases do
// so for some pairs of rules on one call of a 64-bit ABI that compare one
// argument in the same way and then tests on another whose order differs from
// that of the rules, as in a0 != 1 && a1 == 1 before a0 != 1 && a2 == 1.
var ErrHangs = errors.New("libseccomp does not return")

// ErrUnknownCall is matched by the error for a name that the release does not
// know. It matches EINVAL too, which is what the library answers to the number
// -1 that it then has for the name; runtimes skip such rules.
var ErrUnknownCall = errors.New("system call not known to this libseccomp")

// Error says why libseccomp refuses an operation. It matches, by errors.Is, the
// errno that the library returns, and [ErrHangs] or [ErrUnknownCall] where it is
// that.
type Error struct {
	Errno  syscall.Errno // EINVAL, EEXIST, EACCES, EDOM or EFAULT; 0 for ErrHangs
	Reason error         // ErrHangs, ErrUnknownCall or nil
	Rule   *Rule         // nil where it is not about a rule
	Other  *Rule         // the rule that is in the way, for EEXIST
	ABI    seccomp.ABI   // where it fails; 0 where that does not matter
	Detail string        // what is wrong and what to do
}

// Error is one line.
func (e *Error) Error() string {
	s := "libseccomp: "
	if e.Rule != nil {
		s += e.Rule.call() + ": "
	}
	if e.ABI != 0 {
		s += fmt.Sprintf("on %v: ", e.ABI)
	}
	return s + e.Detail
}

// Unwrap is the errno and the reason.
func (e *Error) Unwrap() []error {
	var all []error
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	if e.Reason != nil {
		all = append(all, e.Reason)
	}
	return all
}

func refuse(errno syscall.Errno, format string, args ...any) *Error {
	return &Error{Errno: errno, Detail: fmt.Sprintf(format, args...)}
}

// validAction reports whether the library takes a: no data but for ERRNO and
// TRACE, and an errno below 4095 (the kernel would take that too).
func validAction(a seccomp.Action) bool {
	switch {
	case !a.Known():
		return false
	case a.Kind() == seccomp.Err:
		return a.Data() < seccomp.MaxErrno
	case a.Kind() == seccomp.Trace:
		return true
	}
	return a.Data() == 0
}
