package profile

import (
	"slices"

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

// RuncTakes reports whether runc filters calls of an ABI: it has no word for
// some that libseccomp knows.
func RuncTakes(abi seccomp.ABI) bool { return abi.Valid() && !slices.Contains(notRunc, abi) }
