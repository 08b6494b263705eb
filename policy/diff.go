package policy

import (
	"cmp"
	"fmt"
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

// maxDifferences bounds the differences that are listed. There are so many
// only where a filter takes its answers from the call itself.
const maxDifferences = 1 << 16

// Diff lists the differences between two policies, by architecture, then by
// the first number. There are none exactly when the policies are equal. The
// error is [ErrTooLarge].
func Diff(a, b *Policy) ([]Difference, error) {
	b, err := b.In(a.space)
	if err != nil {
		return nil, err
	}
	if a.root == b.root {
		return nil, nil
	}
	d := differ{s: a.space, answers: map[Node][]way{}}
	root := d.product(a.root, b.root)
	if a.space.Full() {
		return nil, a.space.errFull()
	}
	d.architectures(root)
	switch {
	case d.err != nil:
		return nil, d.err
	case a.space.Full():
		return nil, a.space.errFull()
	}
	return d.found, nil
}

// differ finds differences in the product of two diagrams: the diagram whose
// answers are pairs of answers, or True where both answer alike.
type differ struct {
	s       *Space
	pairs   [][2]seccomp.Action
	answers map[Node][]way // to pairs, by the diagram over the arguments
	found   []Difference
	err     error
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
		ways, _ := s.ways(rest, fieldArch)
		for _, w := range ways {
			d.numbers(w.words[WordArch], true, w.to)
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

// way is a diagram behind a field, with the words of the smallest call for
// which a diagram leads to it.
type way struct {
	to    Node
	words [numWords]uint32
}

// ways are the diagrams behind field f that n leads to, the one with the
// smallest call first. What is tested last is searched first, so that the
// first way to a node is the one of its smallest call. visited is the number
// of nodes that it took.
func (s *Space) ways(n Node, f field) (out []way, visited int) {
	var words [numWords]uint32
	s.startWalk()
	var walk func(Node)
	walk = func(n Node) {
		if !s.firstVisit(n) {
			return
		}
		visited++
		t := s.nodes[n]
		if t.level >= f.end() {
			out = append(out, way{n, words})
			return
		}
		walk(t.lo)
		bit := uint32(1) << (31 - t.level%32)
		words[t.level/32] |= bit
		walk(t.hi)
		words[t.level/32] &^= bit
	}
	walk(n)
	return out, visited
}

// exits are the diagrams behind field f that n leads to, in the order of the
// smallest value that leads to each.
func (s *Space) exits(n Node, f field) []Node {
	ways, _ := s.ways(n, f)
	out := make([]Node, len(ways))
	for i, w := range ways {
		out[i] = w.to
	}
	return out
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
	exits, _ := s.ways(n, fieldNR)
	for _, exit := range exits {
		if exit.to == True || s.Full() || d.err != nil {
			continue
		}
		numbers := ranges[exit.to]
		if !ok {
			nr := exit.words[WordNR]
			numbers = []Range{{nr, nr}}
		}
		d.add(exit.to, Difference{
			Arch: arch, OtherArch: other, ABI: abi, Numbers: numbers, Truncated: !ok,
		})
	}
}

// add adds the differences of calls that lead to n, which tests arguments.
func (d *differ) add(n Node, found Difference) {
	s := d.s
	answers, ok := d.answers[n]
	if !ok {
		var visited int
		answers, visited = s.ways(n, fieldAll)
		s.spend(visited)
		d.answers[n] = answers
	}
	switch {
	case s.Full():
		return
	case len(d.found)+len(answers) > maxDifferences:
		d.err = fmt.Errorf("%w: the two differ in more than %d ways", ErrTooLarge, maxDifferences)
		return
	}
	for _, answer := range answers {
		if answer.to == True {
			continue
		}
		pair := d.pairs[s.nodes[answer.to].lo]
		found.A, found.B = pair[0], pair[1]
		found.Always = answer.to == n
		found.Call = dataOf(&answer.words)
		found.Call.Arch, found.Call.NR = found.Arch, found.Numbers[0].Low
		d.found = append(d.found, found)
	}
}
