package kernel

import "github.com/callgate/callgate/seccomp"

// Feature is something that a kernel has or lacks.
type Feature struct {
	// Group is what the feature belongs to: "mode", "action", "flag",
	// "notification", "inspection" or "bpf".
	Group string
	// Name is the kernel's own name for it where there is one.
	Name string
	// Since is the kernel that introduced it.
	Since seccomp.Version
	// Err is nil where the feature can be used. It matches
	// [errors.ErrUnsupported] where the kernel lacks it; any other error
	// says what keeps this process from using it, or from finding out.
	Err error
}

// Features asks the running kernel for everything that this module makes use
// of, in a fixed order. The answers are those to this process: a filter or
// missing privileges may stand between it and what the kernel has. It changes
// nothing that lasts: what takes a filter to find out is tried on a thread
// that ends with the question.
func Features() []Feature {
	list := make([]Feature, 0, 32)
	for _, group := range [][]Feature{modeFeatures(), actionFeatures(), flagFeatures(), notifyFeatures(), inspectionFeatures()} {
		list = append(list, group...)
	}
	return list
}

// HasAction is nil where the kernel knows the kind of a; 4.14 for the
// question itself.
func HasAction(a seccomp.Action) error { return probeAction(a) }

// HasFlag is nil where the kernel knows the flag f, one of [Flags].
func HasFlag(f Flag) error { return probeFlag(f) }

// LoggedActions are the actions that the kernel may log, by their lower-case
// names, from /proc/sys/kernel/seccomp/actions_logged; 4.14. An administrator
// sets them.
func LoggedActions() ([]string, error) { return loggedActions() }

// LSMs are the active Linux security modules in the order in which the kernel
// asks them, as in "capability", "yama", "apparmor". The kernel shows them in
// securityfs, at /sys/kernel/security/lsm (4.11), and by lsm_list_modules(2)
// (6.8), which needs nothing mounted.
func LSMs() ([]string, error) { return activeLSMs() }

// actionSince are the kernels that introduced the actions.
var actionSince = map[seccomp.Action]seccomp.Version{
	seccomp.KillProcess: version(4, 14),
	seccomp.KillThread:  version(3, 5),
	seccomp.Trap:        version(3, 5),
	seccomp.Err:         version(3, 5),
	seccomp.Notify:      version(5, 0),
	seccomp.Trace:       version(3, 5),
	seccomp.Log:         version(4, 14),
	seccomp.Allow:       version(3, 5),
}

func actionFeatures() []Feature {
	var list []Feature
	for _, a := range seccomp.Kinds() {
		list = append(list, Feature{"action", a.KindName(), actionSince[a], HasAction(a)})
	}
	return list
}

func flagFeatures() []Feature {
	var list []Feature
	for _, f := range flagFacts {
		list = append(list, Feature{"flag", f.name, f.since, HasFlag(f.flag)})
	}
	return list
}
