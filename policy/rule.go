package policy

import (
	"fmt"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// Op is how a [Condition] compares an argument.
type Op uint8

// The comparisons of libseccomp and of the OCI runtime specification. All are
// unsigned.
const (
	EQ       Op = 1 + iota // argument == Value
	NE                     // argument != Value
	LT                     // argument < Value
	LE                     // argument <= Value
	GE                     // argument >= Value
	GT                     // argument > Value
	MaskedEQ               // argument & Mask == Value & Mask
)

var opText = [...]string{EQ: "==", NE: "!=", LT: "<", LE: "<=", GE: ">=", GT: ">", MaskedEQ: "&"}

// String is the operator as it is written in C.
func (o Op) String() string {
	if o < EQ || o > MaskedEQ {
		return fmt.Sprintf("Op(%d)", uint8(o))
	}
	return opText[o]
}

// Condition is a test of one argument register.
//
// On an ABI whose words have 32 bits it compares the low half of the
// register, and a Value that is a sign-extended negative number (all of the
// upper 33 bits set) means its low half.
type Condition struct {
	Arg   int // 0 to 5
	Op    Op
	Value uint64
	Mask  uint64 // MaskedEQ only
}

// Holds reports whether c is true of a call's arguments on abi.
func (c Condition) Holds(abi seccomp.ABI, args [6]uint64) bool {
	v, want := args[c.Arg], c.Value
	if abi.WordBits() == 32 {
		v, want = v&0xffffffff, narrow(want)
	}
	switch c.Op {
	case EQ:
		return v == want
	case NE:
		return v != want
	case LT:
		return v < want
	case LE:
		return v <= want
	case GE:
		return v >= want
	case GT:
		return v > want
	case MaskedEQ:
		mask := c.Mask
		if abi.WordBits() == 32 {
			mask = narrow(mask)
		}
		return v&mask == want&mask
	}
	panic("policy: condition with no operator")
}

// narrow is v as a 32-bit ABI means it: a sign-extended negative number is
// its low half, any other number is itself.
func narrow(v uint64) uint64 {
	if int64(v) < 0 && int64(v) >= -1<<31 {
		return v & 0xffffffff
	}
	return v
}

// String is c as in "a0 == 5" or "a0 & 0xff == 0x10", without bits of the value
// that the mask hides.
func (c Condition) String() string {
	if c.Op == MaskedEQ {
		return fmt.Sprintf("a%d & %#x == %#x", c.Arg, c.Mask, c.Value&c.Mask)
	}
	return fmt.Sprintf("a%d %v %s", c.Arg, c.Op, number(c.Value))
}

// number writes small values in decimal, as people do, and others in
// hexadecimal.
func number(v uint64) string {
	if v < 1024 {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%#x", v)
}

// Origin is where a rule was written. The zero value is "nowhere".
type Origin struct {
	File         string
	Line, Column int // 1 is the first; 0 is unknown
	Rule         int // the rule's place in the list of its document, from 0
}

// String is the origin as file:line:column, with the unknown parts left out.
func (o Origin) String() string {
	parts := make([]string, 0, 3)
	if o.File != "" {
		parts = append(parts, o.File)
	}
	if o.Line > 0 {
		parts = append(parts, fmt.Sprint(o.Line))
		if o.Column > 0 {
			parts = append(parts, fmt.Sprint(o.Column))
		}
	}
	return strings.Join(parts, ":")
}

// Rule answers one system call with Action where all its conditions hold.
type Rule struct {
	// Syscall is the name of the call. On an ABI that has no such call the
	// rule has no effect; where the kernel also offers the call through a
	// multiplexer (socketcall, ipc) the rule covers that way too, as far as
	// the argument registers tell.
	Syscall string
	// Number is the number of the call in its ABI's space, used where
	// Syscall is empty.
	Number uint32
	// ABIs are the ABIs for which the rule stands; none means all of the
	// policy.
	ABIs []seccomp.ABI
	// When are the conditions; none means always. Several on one argument
	// must all hold, so that they can state a range.
	When   []Condition
	Action seccomp.Action
	Origin Origin
}

// String is r as in "socket when a0 == 40 && a1 == 1: ERRNO(EPERM)".
func (r Rule) String() string {
	var b strings.Builder
	b.WriteString(r.Syscall)
	if r.Syscall == "" {
		fmt.Fprintf(&b, "%d", r.Number)
	}
	for i, c := range r.When {
		b.WriteString(map[bool]string{true: " when ", false: " && "}[i == 0])
		b.WriteString(c.String())
	}
	fmt.Fprintf(&b, ": %v", r.Action)
	return b.String()
}

// Rules is a policy as people write it. What it means does not depend on the
// order of the rules but for ties: a call gets the strictest action among the
// rules that match it, in the kernel's precedence, and among rules of that
// kind the data of the one that stands first; Default where none matches;
// and Unlisted where its ABI is not among ABIs.
type Rules struct {
	ABIs     []seccomp.ABI
	Default  seccomp.Action
	Unlisted seccomp.Action // the zero value is KILL_THREAD, as runtimes do
	Rules    []Rule
}
