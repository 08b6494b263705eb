package kernel

import (
	"fmt"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// Flag is a set of the SECCOMP_FILTER_FLAG_* bits of linux/seccomp.h.
type Flag uint32

// The flags with which a filter can be installed. Each names the kernel that
// introduced it.
const (
	// TSync puts the filter on all threads of the process; 3.17.
	TSync Flag = 1 << iota
	// Log makes the kernel log every verdict of the filter but ALLOW; 4.14.
	Log
	// SpecAllow leaves the mitigation against speculative store bypass off;
	// 4.17.
	SpecAllow
	// NewListener makes a listener for the notifications of the filter; 5.0.
	// [InstallListener] sets it.
	NewListener
	// TSyncESRCH makes a failure of TSync an errno instead of a thread id,
	// as is necessary together with NewListener; 5.7. The functions of this
	// package set it where it is needed.
	TSyncESRCH
	// WaitKillableRecv lets only fatal signals interrupt a call whose
	// notification was received; 5.19. It needs NewListener.
	WaitKillableRecv
)

var flagFacts = []struct {
	flag  Flag
	name  string
	since seccomp.Version
}{
	{TSync, "TSYNC", version(3, 17)},
	{Log, "LOG", version(4, 14)},
	{SpecAllow, "SPEC_ALLOW", version(4, 17)},
	{NewListener, "NEW_LISTENER", version(5, 0)},
	{TSyncESRCH, "TSYNC_ESRCH", version(5, 7)},
	{WaitKillableRecv, "WAIT_KILLABLE_RECV", version(5, 19)},
}

// Flags lists every flag that this package knows.
func Flags() []Flag {
	all := make([]Flag, len(flagFacts))
	for i, f := range flagFacts {
		all[i] = f.flag
	}
	return all
}

// Since is the kernel that introduced f, of a single flag of [Flags]; the
// zero version for any other value.
func (f Flag) Since() seccomp.Version {
	for _, fact := range flagFacts {
		if fact.flag == f {
			return fact.since
		}
	}
	return seccomp.Version{}
}

// String is the names of the flags, as in "TSYNC|LOG", and the bits that have
// none in hexadecimal; "0" where no flag is set.
func (f Flag) String() string {
	if f == 0 {
		return "0"
	}
	var parts []string
	for _, fact := range flagFacts {
		if f&fact.flag != 0 {
			parts = append(parts, fact.name)
			f &^= fact.flag
		}
	}
	if f != 0 {
		parts = append(parts, fmt.Sprintf("%#x", uint32(f)))
	}
	return strings.Join(parts, "|")
}

// ParseFlag reads one flag as the OCI runtime specification writes it, with
// or without SECCOMP_FILTER_FLAG_ before it, in any case.
func ParseFlag(s string) (Flag, error) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "SECCOMP_FILTER_FLAG_")
	names := make([]string, len(flagFacts))
	for i, fact := range flagFacts {
		if fact.name == name {
			return fact.flag, nil
		}
		names[i] = fact.name
	}
	return 0, fmt.Errorf("unknown seccomp flag %q: want one of %s", s, strings.Join(names, ", "))
}
