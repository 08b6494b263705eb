package profile

import (
	"slices"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// ParseAction reads the action of a rule, as in SCMP_ACT_ERRNO: kind and data.
// The data of ERRNO and TRACE is errnoRet, of which a filter has the low 16 bits,
// or EPERM where it is nil; the runtimes ignore it for the other actions. ok is
// false for a word that the runtime specification does not have.
func ParseAction(word string, errnoRet *uint64) (a seccomp.Action, ok bool) {
	return actionOf(word, errnoRet)
}

// ParseOp reads an operator, as in SCMP_CMP_EQ.
func ParseOp(word string) (op policy.Op, ok bool) {
	op, ok = opNames[word]
	return op, ok
}

// ParseArch reads the name of an architecture as crun does: with or without the
// prefix SCMP_ARCH_, and behind it in any case. For runc only abi.OCI() is a name.
func ParseArch(word string) (abi seccomp.ABI, ok bool) {
	return archOf("SCMP_ARCH_" + strings.ToUpper(strings.TrimPrefix(word, "SCMP_ARCH_")))
}

// RuncTakes reports whether runc filters calls of an ABI: it has no word for
// some that libseccomp knows.
func RuncTakes(abi seccomp.ABI) bool { return abi.Valid() && !slices.Contains(notRunc, abi) }
