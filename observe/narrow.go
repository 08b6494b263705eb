package observe

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file states tuples of argument values as conditions of a profile. A
// tuple is one rule, whose conditions must all hold: each on another argument,
// since runtimes take two on one argument for alternatives. Rules that differ
// in one bit of one argument become one that does not look at the bit; the
// union stays what it is.

// conditions are those under which a call has the values of a tuple. Of an
// argument that the kernel reads in part only that part counts, or else a
// program could not rely on what it does not set: compilers leave the upper
// half of an int undefined.
func conditions(abi seccomp.ABI, nr uint32, tuple []uint64) []policy.Condition {
	name, _ := syscalls.Name(abi, nr)
	args := syscalls.Registers(abi, name)
	var out []policy.Condition
	for i, at := range Interesting(abi, nr) {
		c := policy.Condition{Arg: at, Op: policy.MaskedEQ, Mask: ^uint64(0)}
		// A rule stands for all ABIs: a long counts as a whole, although
		// where words have 32 bits only these are compared.
		switch args[at].Kind {
		case syscalls.Int32, syscalls.UInt32:
			c.Mask = 0xffffffff
		case syscalls.UInt16:
			c.Mask = 0xffff
		}
		c.Value = tuple[i] & c.Mask
		if abi.WordBits() == 32 {
			c.Value &= 0xffffffff
		}
		out = append(out, c)
	}
	return out
}

func compareRules(a, b []policy.Condition) int {
	return slices.CompareFunc(a, b, func(a, b policy.Condition) int {
		return cmp.Or(cmp.Compare(a.Arg, b.Arg), -cmp.Compare(a.Mask, b.Mask), cmp.Compare(a.Value, b.Value))
	})
}

// simplify joins rules as long as two can be one, the first two first. Each
// round costs the square of their number, and there are fewer rounds than
// rules.
func simplify(rules [][]policy.Condition) [][]policy.Condition {
	rules = slices.SortedFunc(slices.Values(rules), compareRules)
	rules = slices.CompactFunc(rules, func(a, b []policy.Condition) bool { return compareRules(a, b) == 0 })
	for i := 0; i < len(rules); i++ {
		for j := i + 1; j < len(rules); j++ {
			if joined, ok := join(rules[i], rules[j]); ok {
				rules = slices.Delete(rules, j, j+1)
				rules[i] = joined
				i, j = 0, 0
			}
		}
	}
	return slices.SortedFunc(slices.Values(rules), compareRules)
}

// join is the rule that holds exactly where a or b does: ok is false where
// there is none that differs from them in a bit.
func join(a, b []policy.Condition) (joined []policy.Condition, ok bool) {
	at := -1
	for i := range a {
		switch {
		case len(a) != len(b) || a[i].Arg != b[i].Arg || a[i].Mask != b[i].Mask:
			return nil, false
		case a[i].Value == b[i].Value:
		case at >= 0 || bits.OnesCount64(a[i].Value^b[i].Value) != 1:
			return nil, false
		default:
			at = i
		}
	}
	if at < 0 {
		return nil, false
	}
	joined = slices.Clone(a)
	c := &joined[at]
	c.Mask &^= a[at].Value ^ b[at].Value
	c.Value &= c.Mask
	return joined, true
}

// argsOf are conditions in the words of a profile.
func argsOf(when []policy.Condition) []profile.Arg {
	var out []profile.Arg
	for _, c := range when {
		a := profile.Arg{Index: profile.Number{Value: uint64(c.Arg)}}
		if c.Mask == ^uint64(0) {
			a.Op.Value, a.Value.Value = "SCMP_CMP_EQ", c.Value
		} else {
			a.Op.Value, a.Value.Value, a.ValueTwo.Value = "SCMP_CMP_MASKED_EQ", c.Mask, c.Value
		}
		out = append(out, a)
	}
	return out
}
