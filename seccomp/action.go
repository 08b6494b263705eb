package seccomp

import (
	"fmt"
	"strconv"
	"strings"
)

// Action is the 32-bit value that a filter returns: the kind of action in the
// upper half, its data in the lower.
type Action uint32

// The kinds of action, from the strictest to the most permissive: where
// several filters are stacked the kernel takes the strictest answer. Each
// names the kernel that introduced it.
const (
	KillProcess Action = 0x80000000 // end the process with SIGSYS; 4.14
	KillThread  Action = 0x00000000 // end the thread with SIGSYS; 3.5
	Trap        Action = 0x00030000 // send SIGSYS with the data as si_errno; 3.5
	Err         Action = 0x00050000 // fail with the data as errno; 3.5
	Notify      Action = 0x7fc00000 // ask the listener; 5.0
	Trace       Action = 0x7ff00000 // ask the tracer, ENOSYS without one; 3.5
	Log         Action = 0x7ffc0000 // allow and log; 4.14
	Allow       Action = 0x7fff0000 // allow; 3.5
)

// MaxErrno is the largest errno that the kernel returns from a filter; it
// clamps larger data (MAX_ERRNO in linux/err.h).
const MaxErrno = 4095

// Kinds lists the kinds of action, strictest first.
func Kinds() []Action {
	return []Action{KillProcess, KillThread, Trap, Err, Notify, Trace, Log, Allow}
}

// ReturnErrno is the action that fails a call with errno e.
func ReturnErrno(e Errno) Action { return Err | Action(uint16(e)) }

// Kind is a without its data.
func (a Action) Kind() Action { return a &^ 0xffff }

// Data is the 16 bits of data of a.
func (a Action) Data() uint16 { return uint16(a) }

// Known reports whether the kind of a is one that the kernel knows.
func (a Action) Known() bool { return kindName(a.Kind()) != "" }

// Canonical is the form of a in which the kernel tells verdicts apart: errno
// clamped to [MaxErrno], no data where the kernel ignores it, and KillProcess
// for an unknown kind (kernel/seccomp.c, __seccomp_filter).
func (a Action) Canonical() Action {
	switch a.Kind() {
	case Err:
		return Err | min(a&0xffff, MaxErrno)
	case Trap, Trace:
		return a
	}
	if !a.Known() {
		return KillProcess
	}
	return a.Kind()
}

// Stricter reports whether the kernel prefers a to b when two filters answer
// a and b: it compares the kinds as signed numbers and takes the smaller
// (kernel/seccomp.c, seccomp_run_filters).
func (a Action) Stricter(b Action) bool { return int32(a.Kind()) < int32(b.Kind()) }

// Allows reports whether the call is made under a without anybody being
// asked: Allow and Log.
func (a Action) Allows() bool {
	k := a.Kind()
	return k == Allow || k == Log
}

func kindName(kind Action) string {
	switch kind {
	case KillProcess:
		return "KILL_PROCESS"
	case KillThread:
		return "KILL_THREAD"
	case Trap:
		return "TRAP"
	case Err:
		return "ERRNO"
	case Notify:
		return "NOTIFY"
	case Trace:
		return "TRACE"
	case Log:
		return "LOG"
	case Allow:
		return "ALLOW"
	}
	return ""
}

// KindName is the name of the kind of a in upper case, as in ERRNO, or the
// value in hexadecimal where the kernel does not know the kind.
func (a Action) KindName() string {
	if name := kindName(a.Kind()); name != "" {
		return name
	}
	return fmt.Sprintf("0x%08x", uint32(a.Kind()))
}

// String is the text form that [ParseAction] reads: ALLOW, ERRNO(EPERM),
// TRACE(7), 0x12340000. Data is left out where it is zero, except behind
// ERRNO.
func (a Action) String() string {
	switch {
	case !a.Known():
		return fmt.Sprintf("0x%08x", uint32(a))
	case a.Kind() == Err:
		return "ERRNO(" + Errno(a.Data()).String() + ")"
	case a.Data() == 0:
		return a.KindName()
	}
	return fmt.Sprintf("%s(%d)", a.KindName(), a.Data())
}

// ParseAction reads an action as [Action.String] writes it. The kind is read
// in any case, with or without SCMP_ACT_ or SECCOMP_RET_ before it; KILL means
// KILL_THREAD, as in libseccomp; the data is a decimal or hexadecimal number,
// or behind ERRNO a name. ERRNO alone is ERRNO(EPERM), as in the OCI
// runtime specification.
func ParseAction(s string) (Action, error) {
	name, data, hasData := strings.Cut(strings.TrimSpace(s), "(")
	if hasData {
		var closed bool
		if data, closed = strings.CutSuffix(data, ")"); !closed {
			return 0, fmt.Errorf("action %q: missing )", s)
		}
	}
	kind, err := parseKind(name)
	if err != nil {
		return 0, err
	}
	switch {
	case !hasData && kind == Err:
		return ReturnErrno(1), nil
	case !hasData:
		return kind, nil
	case kind == Err:
		e, err := ParseErrno(data)
		if err != nil {
			return 0, err
		}
		return ReturnErrno(e), nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(data), 0, 16)
	if err != nil {
		return 0, fmt.Errorf("action %q: data must be a number from 0 to 65535", s)
	}
	return kind | Action(n), nil
}

func parseKind(name string) (Action, error) {
	n := strings.ToUpper(strings.TrimSpace(name))
	n = strings.TrimPrefix(strings.TrimPrefix(n, "SCMP_ACT_"), "SECCOMP_RET_")
	switch n {
	case "KILL":
		return KillThread, nil
	case "USER_NOTIF":
		return Notify, nil
	}
	for _, k := range Kinds() {
		if n == kindName(k) {
			return k, nil
		}
	}
	if v, err := strconv.ParseUint(n, 0, 32); err == nil && strings.HasPrefix(n, "0X") {
		return Action(v), nil
	}
	return 0, fmt.Errorf("unknown action %q: want ALLOW, LOG, TRACE, NOTIFY, ERRNO, TRAP, KILL_THREAD or KILL_PROCESS", name)
}
