package libseccomp

import (
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

//go:generate go run ./internal/gen

// A fact is what libseccomp says of a name beyond its number in the kernel. All
// are in names.tsv, in byte order.
type fact struct {
	name   string
	since  Version
	pseudo int32 // its number on ABIs that do not have the call; 0 where all have it
}

// An exception is a release that knows a number otherwise than the kernel.
type exception struct {
	name    string
	version Version
	abi     seccomp.ABI
	number  int32
}

// Resolve is the number that the release has for a name on abi, which is what
// seccomp_syscall_resolve_name_arch(3) returns: negative for a call that abi
// does not have (a pseudo number, below -10000), or has through socketcall
// (-101 to -120) or ipc (-201 to -224). ok is false where the release does not
// know the name or the ABI.
func (v Version) Resolve(abi seccomp.ABI, name string) (nr int32, ok bool) {
	if !v.Supports(abi) || !syscalls.Known(name) {
		return 0, false
	}
	f := factOf(name)
	if f.since > v {
		return 0, false
	}
	if _, through := syscalls.Through(abi, name); through && f.pseudo != 0 {
		return f.pseudo, true
	}
	return v.direct(abi, f), true
}

func factOf(name string) fact {
	i, ok := slices.BinarySearchFunc(facts[:], name, func(f fact, name string) int { return strings.Compare(f.name, name) })
	if !ok {
		return fact{name: name, since: V2_5_4}
	}
	return facts[i]
}

// direct is the number of a call on abi when it is not made through a
// multiplexer; negative where there is none.
func (v Version) direct(abi seccomp.ABI, f fact) int32 {
	for _, e := range exceptions {
		if e.version == v && e.abi == abi && e.name == f.name {
			return e.number
		}
	}
	if nr, ok := syscalls.Number(abi, f.name); ok {
		return int32(nr)
	}
	return f.pseudo
}

// translated is the name by which the release finds the calls of other ABIs:
// that of the number on the native one. Two names have one pseudo number.
func (v Version) translated(native seccomp.ABI, name string) string {
	const a, b = "switch_endian", "sys_debug_setcontext"
	if name != a && name != b {
		return name
	}
	if nr, _ := v.Resolve(native, name); nr >= 0 {
		return name
	}
	if v == V2_5_4 {
		return a
	}
	return b
}

// multiplexes reports whether the release makes rules for the multiplexers of
// abi. It keeps no pseudo numbers on such an ABI.
func multiplexes(abi seccomp.ABI) bool {
	_, ok := syscalls.Through(abi, "socket")
	return ok
}
