package policy

import (
	"cmp"
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// Range is a range of system call numbers, both ends included.
type Range struct{ Low, High uint32 }

// Difference is one way in which two policies differ: on calls through one
// architecture and with one of some numbers, the first policy answers A to
// some calls to which the second answers B.
type Difference struct {
	// Arch is the AUDIT_ARCH value of the calls; where OtherArch is set it is
	// one example of the many values that have no section of their own.
	Arch      uint32
	OtherArch bool
	// ABI is the ABI of the calls, 0 where no known one has that value.
	ABI seccomp.ABI
	// Numbers are the numbers of the calls, ascending; Truncated is set where
	// there are more ranges than are listed.
	Numbers   []Range
	Truncated bool
	A, B      seccomp.Action
	// Always is set where every call with those numbers differs so, whatever
	// its arguments.
	Always bool
	// Call is a witness: the first policy answers it with A, the second with
	// B.
	Call seccomp.Data
}

// Weaker reports whether the first policy allows those calls while the second
// stops them, or leaves them to somebody else, or leaves them to somebody else
// while the second stops them: see [Subset], which asks whether there is any
// such difference.
func (d Difference) Weaker() bool { return permits(d.A) > permits(d.B) }

// maxRanges bounds the ranges that are listed for one difference or scanned
// for one architecture. Filters compiled from profiles have a few hundred; a
// filter that looks at single bits of the number can have 2^31.
const maxRanges = 8192

// Diff lists the differences between two policies, by architecture, then by
// the first number. There are none exactly when the policies are equal.
func Diff(a, b *Policy) ([]Difference, error) {
	b, err := b.In(a.space)
	if err != nil {
		return nil, err
	}
	if a.root == b.root {
		return nil, nil
	}
	d := differ{s: a.space}
	root := d.product(a.root, b.root)
	if a.space.Full() {
		return nil, a.space.errFull()
	}
	d.architectures(root)
	return d.found, nil
}

// differ finds differences in the product of two diagrams: the diagram whose
// answers are pairs of answers, or True where both answer alike.
type differ struct {
	s     *Space
	pairs [][2]seccomp.Action
	found []Difference
}

func (d *differ) product(a, b Node) Node {
	index := map[[2]Node]Node{}
	return d.s.apply(a, b, func(x, y node) Node {
		if x == y {
			return True
		}
		key := [2]Node{x.lo, y.lo}
		n, ok := index[key]
		if !ok {
			n = d.s.intern(node{terminalLevel, Node(len(d.pairs)), kindPair})
			d.pairs = append(d.pairs, [2]seccomp.Action{seccomp.Action(x.lo), seccomp.Action(y.lo)})
			index[key] = n
		}
		return n
	})
}

// architectures walks the values of the architecture. Known ones are taken
// one by one; what is left is one more, with an example.
func (d *differ) architectures(root Node) {
	s := d.s
	rest := root
	for _, arch := range architectures(seccomp.ABIs()) {
		d.numbers(arch, false, s.Fix(root, WordArch, arch))
		rest = s.IfThenElse(s.Equal(WordArch, arch), True, rest)
	}
	spans, ok := s.spans(rest, fieldArch, 0, maxRanges)
	if !ok {
		// Some other test of the architecture: an example for each answer.
		for _, n := range s.exits(rest, fieldArch) {
			d.numbers(s.witness(s.reaching(rest, fieldArch, n)).Arch, true, n)
		}
		return
	}
	seen := map[Node]bool{True: true}
	for _, sp := range spans {
		if !seen[sp.then] {
			seen[sp.then] = true
			d.numbers(uint32(sp.low), sp.low != sp.high, sp.then)
		}
	}
}

// Fix is n for calls in which word w is v. n must not test words before
// w.
func (s *Space) Fix(n Node, w Word, v uint32) Node {
	for {
		t := s.nodes[n]
		if t.level >= fieldWord(w).end() {
			return n
		}
		if v>>(31-t.level%32)&1 == 0 {
			n = t.lo
		} else {
			n = t.hi
		}
	}
}

// exits are the diagrams behind field f that n leads to, in the order of the
// smallest value that leads to each.
func (s *Space) exits(n Node, f field) []Node {
	var out []Node
	seen := map[Node]bool{}
	var walk func(Node)
	walk = func(n Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		t := s.nodes[n]
		if t.level >= f.end() {
			out = append(out, n)
			return
		}
		walk(t.lo)
		walk(t.hi)
	}
	walk(n)
	return out
}

// reaching is the set of calls for which n, followed through the bits of f
// and those before it, leads to exit. It is not empty where exit is one of
// the exits of n.
func (s *Space) reaching(n Node, f field, exit Node) Node {
	done := map[Node]Node{}
	var walk func(Node) Node
	walk = func(n Node) Node {
		if r, ok := done[n]; ok {
			return r
		}
		t := s.nodes[n]
		r := False
		switch {
		case n == exit:
			r = True
		case t.level < f.end():
			r = s.branch(t.level, walk(t.lo), walk(t.hi))
		}
		done[n] = r
		return r
	}
	return walk(n)
}

// numbers adds the differences of one architecture, given the product
// restricted to it.
func (d *differ) numbers(arch uint32, other bool, n Node) {
	if n == True {
		return
	}
	for _, abi := range abisOf(arch) {
		m := n
		if abi != 0 {
			m = d.s.IfThenElse(d.s.numbersOf(abi), n, True)
		}
		start := len(d.found)
		d.numbersOf(arch, other, abi, m)
		slices.SortStableFunc(d.found[start:], func(a, b Difference) int {
			return cmp.Compare(a.Numbers[0].Low, b.Numbers[0].Low)
		})
	}
}

// abisOf are the ABIs with an AUDIT_ARCH value, or the ABI 0 where there is
// none.
func abisOf(arch uint32) []seccomp.ABI {
	var out []seccomp.ABI
	for _, a := range seccomp.ABIs() {
		if a.Arch() == arch {
			out = append(out, a)
		}
	}
	if out == nil {
		out = append(out, 0)
	}
	return out
}

func (d *differ) numbersOf(arch uint32, other bool, abi seccomp.ABI, n Node) {
	s := d.s
	ranges := map[Node][]Range{}
	spans, ok := s.spans(n, fieldNR, 0, maxRanges)
	for _, sp := range spans {
		ranges[sp.then] = append(ranges[sp.then], Range{uint32(sp.low), uint32(sp.high)})
	}
	for _, exit := range s.exits(n, fieldNR) {
		if exit == True {
			continue
		}
		numbers := ranges[exit]
		if !ok {
			nr := s.witness(s.reaching(n, fieldNR, exit)).NR
			numbers = []Range{{nr, nr}}
		}
		for _, answer := range s.exits(exit, fieldAll) {
			if answer == True {
				continue
			}
			pair := d.pairs[s.nodes[answer].lo]
			call := s.witness(s.reaching(exit, fieldAll, answer))
			call.Arch, call.NR = arch, numbers[0].Low
			d.found = append(d.found, Difference{
				Arch: arch, OtherArch: other, ABI: abi,
				Numbers: numbers, Truncated: !ok,
				A: pair[0], B: pair[1],
				Always: exit == answer,
				Call:   call,
			})
		}
	}
}
