package observe

import (
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// RuntimeCall is a system call that a container runtime makes behind the
// container's filter, in phase [Runtime]: a profile has to allow it, or the
// container does not start.
type RuntimeCall struct {
	// Name is what it is called on x86_64; see [RuntimeCall.On].
	Name string
	// How says how often it is made.
	How How
	// Optional says that the runtime does without it where the filter refuses
	// it with EPERM or ENOSYS.
	Optional bool
	// Why says what the runtime makes it for, or when.
	Why string
}

// How says how often a container runtime makes a call.
type How uint8

const (
	// Always: at each start of a container that an engine which runs as root
	// makes, with every version of the runtime.
	Always How = 1 + iota
	// Sometimes: depending on the version of the runtime, on how it was built,
	// on the container (its user, its working directory), on the kernel, or
	// on whether this is the start of a container or an exec in one.
	Sometimes
	// Occasional: of two starts that are alike one makes it and the other
	// does not, because a scheduler, a collector of garbage or a clock came
	// in between.
	Occasional
)

// String is "always", "sometimes" or "occasional".
func (h How) String() string {
	switch h {
	case Always:
		return "always"
	case Sometimes:
		return "sometimes"
	case Occasional:
		return "occasional"
	}
	return "never"
}

// RuntimeCalls are the calls that a runtime, "runc" or "crun", makes between
// the installation of the filter and the workload's first instruction, its
// execve included: at the start of a container and at an exec in one, with
// runc from 1.1 and crun from 1.8 on. They are sorted by name. With
// no_new_privs the filter is installed later, so that there are fewer. ok is
// false for other runtimes.
//
// Not among them is what hooks of the kind startContainer call, which run
// behind the filter too, and what it takes to start them. Of runc, only its
// first thread is behind the filter, and makes no others; a profile with the
// flag SECCOMP_FILTER_FLAG_TSYNC puts all of them there, and may need more.
func RuntimeCalls(runtime string, noNewPrivs bool) (calls []RuntimeCall, ok bool) {
	table, ok := runtimeTables[runtime]
	for _, r := range table {
		how := r.late
		if !noNewPrivs {
			how = r.early
		}
		if how != never {
			calls = append(calls, RuntimeCall{Name: r.name, How: how, Optional: r.optional, Why: r.why})
		}
	}
	slices.SortFunc(calls, func(a, b RuntimeCall) int { return strings.Compare(a.Name, b.Name) })
	return calls, ok
}

// On are the names of the call on an ABI, for a runtime that was built for it;
// none where the ABI has no such call.
func (c RuntimeCall) On(abi seccomp.ABI) []string {
	has := func(name string) bool {
		_, ok := syscalls.Number(abi, name)
		return ok
	}
	if abi.WordBits() == 32 && slices.ContainsFunc(namesOn32[c.Name], has) {
		return slices.DeleteFunc(slices.Clone(namesOn32[c.Name]), func(name string) bool { return !has(name) })
	}
	if !has(c.Name) {
		return nil
	}
	return []string{c.Name}
}

// namesOn32 are the calls that C libraries and Go make on 32-bit ABIs in the
// place of others: with ids of 32 bits, offsets of 64 bits, and times of 64
// bits where the kernel has them.
var namesOn32 = map[string][]string{
	"clock_gettime": {"clock_gettime", "clock_gettime64"},
	"fchown":        {"fchown32"},
	"fcntl":         {"fcntl64"},
	"fstat":         {"fstat64"},
	"fstatfs":       {"fstatfs64"},
	"futex":         {"futex", "futex_time64"},
	"getegid":       {"getegid32"},
	"geteuid":       {"geteuid32"},
	"getgid":        {"getgid32"},
	"getgroups":     {"getgroups32"},
	"getuid":        {"getuid32"},
	"mmap":          {"mmap2"},
	"newfstatat":    {"fstatat64"},
	"pselect6":      {"pselect6", "pselect6_time64"},
	"select":        {"_newselect"},
	"setgid":        {"setgid32"},
	"setgroups":     {"setgroups32"},
	"setresgid":     {"setresgid32"},
	"setresuid":     {"setresuid32"},
	"setuid":        {"setuid32"},
}
