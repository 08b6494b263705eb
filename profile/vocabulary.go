package profile

import (
	"slices"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// The words of profiles, as runtime-spec's config-linux.md lists them. The
// runtimes compare them exactly.

var actionNames = []string{
	"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",
	"SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
}

var opNames = map[string]policy.Op{
	"SCMP_CMP_NE":        policy.NE,
	"SCMP_CMP_LT":        policy.LT,
	"SCMP_CMP_LE":        policy.LE,
	"SCMP_CMP_EQ":        policy.EQ,
	"SCMP_CMP_GE":        policy.GE,
	"SCMP_CMP_GT":        policy.GT,
	"SCMP_CMP_MASKED_EQ": policy.MaskedEQ,
}

// flagBits are the bits of the flags argument of seccomp(2), linux/seccomp.h.
var flagBits = map[string]uint{
	"SECCOMP_FILTER_FLAG_TSYNC":              1 << 0,
	"SECCOMP_FILTER_FLAG_LOG":                1 << 1,
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW":         1 << 2,
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 1 << 5,
}

// notRunc are the ABIs that runc (1.4) does not take although libseccomp
// knows them.
var notRunc = []seccomp.ABI{seccomp.M68K, seccomp.PARISC, seccomp.PARISC64, seccomp.SH, seccomp.SHEB}

// actionOf is the action of a rule, kind and data, and false where the name
// is none of the specification's. The runtimes put errnoRet, or EPERM where
// there is none, behind ERRNO and TRACE, and ignore it elsewhere.
func actionOf(name string, errnoRet *uint64) (seccomp.Action, bool) {
	if !slices.Contains(actionNames, name) {
		return 0, false
	}
	a, err := seccomp.ParseAction(name)
	if err != nil {
		return 0, false
	}
	if k := a.Kind(); k == seccomp.Err || k == seccomp.Trace {
		data := uint64(seccomp.EPERM)
		if errnoRet != nil {
			data = *errnoRet
		}
		a = k | seccomp.Action(uint16(data))
	}
	return a, true
}

// archOf is the ABI of an architecture of a profile, as in SCMP_ARCH_X86_64.
func archOf(name string) (seccomp.ABI, bool) {
	abi, err := seccomp.ParseABI(name)
	if err != nil || abi.OCI() != name {
		return 0, false
	}
	return abi, true
}

func archNames() []string {
	var names []string
	for _, abi := range seccomp.ABIs() {
		names = append(names, abi.OCI())
	}
	return names
}

// keysOf are the keys of a table, sorted.
func keysOf[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// didYouMean is the end of an error message about an unknown word.
func didYouMean(word, prefix string, known []string) string {
	if near, ok := nearestWord(word, prefix, known); ok {
		return ": did you mean " + near + "?"
	}
	return ""
}

// nearestWord is [nearest] of words that all start with the same prefix: what
// the word looks like is decided by what stands behind it, and it may be
// missing.
func nearestWord(word, prefix string, known []string) (string, bool) {
	bare := make([]string, len(known))
	for i, k := range known {
		bare[i] = strings.TrimPrefix(k, prefix)
	}
	near, ok := nearest(strings.TrimPrefix(strings.ToUpper(word), prefix), bare)
	return prefix + near, ok
}

// nearest is the one of known that a person who wrote word probably meant:
// the one with the fewest letters to change, in any case, if they are fewer
// than a third of all. Among equals it is the first.
func nearest(word string, known []string) (string, bool) {
	const longest = 64 // bounds the cost: no known word is longer
	if len(word) > longest {
		return "", false
	}
	word = strings.ToLower(word)
	best, least := "", longest
	for _, k := range known {
		if d := distance(word, strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best, best != "" && 3*least <= max(len(word), len(best))
}

// distance is the number of bytes to insert, delete, replace or swap with
// their neighbour to make b of a (restricted Damerau-Levenshtein distance).
// It takes len(a)*len(b) steps.
func distance(a, b string) int {
	var older []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j]+cost, prev[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
		older, prev = prev, row
	}
	return prev[len(b)]
}
