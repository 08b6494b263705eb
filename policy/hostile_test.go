package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// choices is a policy that takes one of n bounds for argument 2 by the value
// of another argument.
func choices(t *testing.T, s *policy.Space, arg, n int) *policy.Policy {
	t.Helper()
	r := arbitrary.New(uint64(arg))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d == %d { a2 <= %#x: ERRNO(1) else: ERRNO(2) }\n", arg, i, r.Uint64())
	}
	p, err := policy.Parse(b.String() + "else: ERRNO(3)")
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.In(s); err != nil {
		t.Fatal(err)
	}
	return p
}

// Two policies of a few thousand nodes can have millions of pairs of nodes,
// which all turn out to be the same answer: the work is bounded and not only
// the nodes that it makes.
func TestWorkIsBounded(t *testing.T) {
	t.Run("subset", func(t *testing.T) {
		s := policy.NewSpace(1 << 17)
		p, q := choices(t, s, 0, 400), choices(t, s, 1, 400)
		_, _, err := policy.Subset(p, q)
		if !errors.Is(err, policy.ErrTooLarge) || s.Len() >= s.Limit() {
			t.Errorf("error %v with %d nodes of %d, want ErrTooLarge for the steps", err, s.Len(), s.Limit())
		}
	})
	t.Run("sets", func(t *testing.T) {
		s := policy.NewSpace(1 << 16)
		even := s.Not(s.Bit(policy.WordIPLow, 0))
		set := func(w policy.Word, parity policy.Node) policy.Node {
			r := arbitrary.New(uint64(w))
			n := policy.False
			for i := range uint32(200) {
				odd := policy.False
				for bit, mask := uint(0), r.Uint32(); bit < 32; bit++ {
					if mask>>bit&1 == 1 {
						odd = s.Xor(s.Bit(policy.ArgLow(5), bit), odd)
					}
				}
				n = s.IfThenElse(s.Equal(w, i), s.And(odd, parity), n)
			}
			return n
		}
		f, g := set(policy.ArgLow(0), even), set(policy.ArgLow(1), s.Not(even))
		if s.Full() {
			t.Fatal("the space is full before")
		}
		if n := s.And(f, g); n != policy.False || !s.Full() || s.Len() >= s.Limit() {
			t.Errorf("full is %v with %d nodes of %d, want it full of steps", s.Full(), s.Len(), s.Limit())
		}
	})
}

// A filter can answer with whatever a register holds: its answers are found
// in one walk, and a list of differences that nobody would read is refused.
func TestManyAnswers(t *testing.T) {
	const n = 1 << 12
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a0 == %d: TRACE(%d)\n", i, i)
	}
	p, err := policy.Parse(b.String() + "else: ALLOW")
	if err != nil {
		t.Fatal(err)
	}
	before := p.Space().Len()
	answers := p.Answers()
	if len(answers) != n+1 || p.Space().Len() != before {
		t.Errorf("%d answers and %d more nodes, want %d and none", len(answers), p.Space().Len()-before, n+1)
	}
	for _, a := range answers {
		if p.Eval(a.Call) != a.Action {
			t.Fatalf("%+v gets %v", a, p.Eval(a.Call))
		}
	}
	if _, err := policy.Diff(p, policy.Constant(seccomp.Log)); err == nil || !errors.Is(err, policy.ErrTooLarge) || !strings.Contains(err.Error(), "differ in more than") {
		t.Errorf("error %v, want one about the number of differences", err)
	}
}

// A text of a few megabytes can name millions of calls for each of 23 ABIs.
func TestLongText(t *testing.T) {
	heads := ""
	for _, abi := range seccomp.ABIs() {
		heads += abi.String() + ", "
	}
	heads = strings.TrimSuffix(heads, ", ")
	for name, text := range map[string]string{
		"calls":  heads + " { LOG: " + strings.Repeat("read, write, ", 1<<19) + "read else: ALLOW } else: TRAP",
		"values": "a0 in " + strings.Repeat("1, 3..5, ", 1<<19) + "7: LOG else: TRAP",
		"arms":   strings.Repeat("a0 & 0xff00ff00ff00ff00 <= 0x3300330033003300: LOG ", 1<<18) + "else: TRAP",
	} {
		if _, err := policy.Parse(text); !errors.Is(err, policy.ErrTooLarge) {
			t.Errorf("%s: error %v, want ErrTooLarge", name, err)
		}
	}
}

// Writing a policy neither needs room in its space nor takes any.
func TestStringLeavesSpace(t *testing.T) {
	s := policy.NewSpace(2000)
	p, err := s.Parse("x86_64 { read, write: ALLOW socket { a0 == 40: TRAP else: ALLOW } else: LOG }\narch >= 7: ERRNO(5)\nelse: KILL_THREAD")
	if err != nil {
		t.Fatal(err)
	}
	before := s.Len()
	text := p.String()
	if s.Len() != before {
		t.Errorf("%d nodes became %d", before, s.Len())
	}
	for i := 0; !s.Full(); i++ {
		s.Equal(policy.ArgLow(5), uint32(i))
	}
	if again := p.String(); again != text {
		t.Errorf("in a full space it is written as\n%s\nwant\n%s", again, text)
	}
}
