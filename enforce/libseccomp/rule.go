package libseccomp

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// Op is how an [Arg] compares: enum scmp_compare of seccomp.h.
type Op uint8

// The comparisons. All are unsigned.
const (
	NE       Op = 1 + iota // argument != Value
	LT                     // argument < Value
	LE                     // argument <= Value
	EQ                     // argument == Value
	GE                     // argument >= Value
	GT                     // argument > Value
	MaskedEQ               // argument & Value == ValueTwo & Value
)

// String is the operator as in C; that of MaskedEQ is "&".
func (o Op) String() string {
	names := [...]string{NE: "!=", LT: "<", LE: "<=", EQ: "==", GE: ">=", GT: ">", MaskedEQ: "&"}
	if o == 0 || int(o) >= len(names) {
		return fmt.Sprintf("Op(%d)", uint8(o))
	}
	return names[o]
}

// Arg is a condition on an argument register, struct scmp_arg_cmp of
// seccomp.h. On a 32-bit ABI only the low halves count.
type Arg struct {
	Index           int // 0 to 5
	Op              Op
	Value, ValueTwo uint64
}

// Rule is what seccomp_rule_add_array(3) is given.
type Rule struct {
	Name string // of the call
	// Number is used where Name is empty: a number of the native ABI.
	Number int32
	Action seccomp.Action
	Args   []Arg // all must hold; none means always
	Origin policy.Origin
}

func (r *Rule) call() string {
	if r.Name == "" {
		return fmt.Sprintf("call %d", r.Number)
	}
	return r.Name
}

// checkArgs finds what the library refuses in conditions.
func (r *Rule) checkArgs() *Error {
	var seen [6]bool
	for _, a := range r.Args {
		switch {
		case a.Index < 0 || a.Index > 5:
			return refuse(syscall.EINVAL, "argument %d: a call has arguments 0 to 5", a.Index)
		case a.Op < NE || a.Op > MaskedEQ:
			return refuse(syscall.EINVAL, "argument %d: no such comparison: %v", a.Index, a.Op)
		case seen[a.Index]:
			return refuse(syscall.EINVAL, "argument %d is compared twice: make it two rules, or one comparison", a.Index)
		}
		seen[a.Index] = true
	}
	return nil
}

// chain is the tests of conditions on an ABI, in ascending order of the
// arguments: hence the tree of one rule. It is empty but for the leaf where no
// condition remains.
func chain(args []Arg, bits int, l *leaf) exit {
	then := exit{leaf: l}
	sorted := slices.SortedFunc(slices.Values(args), func(a, b Arg) int { return b.Index - a.Index })
	for _, a := range sorted {
		if a.Op == MaskedEQ && (a.Value == 0 || bits == 32 && uint32(a.Value) == 0) {
			continue // nothing is compared
		}
		then = exit{tree: a.tests(bits, then)}
	}
	return then
}

// tests are the tests of a condition, each of a word, that lead to then. On a
// 64-bit ABI the upper half comes first. NE, LT and LE are tests of their
// opposites that go on where those fail.
func (a Arg) tests(bits int, then exit) *node {
	jump, negated := a.Op.jump()
	low := a.node(false, jump)
	if negated {
		low.no = then.share()
	} else {
		low.yes = then.share()
	}
	if bits == 32 {
		return low
	}
	same := a.node(true, jumpEQ)
	same.yes = exit{tree: low}.share()
	if negated {
		same.no = then.share()
	}
	if jump == jumpEQ {
		return same
	}
	more := a.node(true, jumpGT)
	more.no = exit{tree: same}.share()
	if negated {
		// Where the upper half is not larger, it is the same or smaller.
		return more
	}
	same.no = exit{}
	more.yes = then.share()
	return more
}

func (o Op) jump() (j jump, negated bool) {
	switch o {
	case NE:
		return jumpEQ, true
	case LT:
		return jumpGE, true
	case LE:
		return jumpGT, true
	case GE:
		return jumpGE, false
	case GT:
		return jumpGT, false
	}
	return jumpEQ, false
}

func (a Arg) node(high bool, j jump) *node {
	mask, datum := ^uint64(0), a.Value
	if a.Op == MaskedEQ {
		mask, datum = a.Value, a.Value&a.ValueTwo
	}
	n := &node{op: a.Op, value: datum}
	n.test = test{operand{a.Index, high, uint32(mask)}, j, a.Op == MaskedEQ, uint32(datum)}
	if high {
		n.mask, n.datum = uint32(mask>>32), uint32(datum>>32)
	}
	return n
}
