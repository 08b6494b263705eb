package policy

import (
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file writes a policy as text that people read and [Parse] reads back:
//
//	x86_64 {
//		ALLOW: close, read, write
//		socket {
//			a0 in 38, 40..45: ERRNO(EPERM)
//			else: ALLOW
//		}
//		else: ERRNO(ENOSYS)
//	}
//	else: KILL_THREAD
//
// ABIs that say the same share a block. A block is a list of questions, the first that holds answers; "else" always
// does. Questions compare a0 to a5, ip, nr or arch, whole or under a mask,
// with numbers, or name system calls; a0.low is the lower half, which is all
// that a 32-bit ABI has. A decision that is used more than once stands at the
// top as @1, @2, ... Every diagram can be written, in a size about that of the
// diagram.
//
// This file takes the policy apart into ABIs and lists of calls, ask.go takes
// what they lead to apart into questions, and print.go writes it all down.

// String is the policy as text. It leaves the policy's space as it is.
func (p *Policy) String() string {
	// Taking sections apart makes a few nodes for each ABI.
	s := NewSpace(p.space.Len() + 1<<14)
	t := &textWriter{
		b: new(strings.Builder), s: s, room: firstRoom,
		decisions: map[Node]decision{}, uses: map[Node]int{}, names: map[Node]string{},
	}
	return t.policy(s.copyFrom(p.space, p.root, nil))
}

type textWriter struct {
	b         *strings.Builder
	s         *Space
	decisions map[Node]decision
	uses      map[Node]int
	names     map[Node]string
	room      int // ranges that a number may be divided into
}

// section is one ABI, or one other value of the architecture, with what its
// numbers lead to.
type section struct {
	head  string
	lists []list
	rest  Node
}

// list is the numbers of a section with one answer.
type list struct {
	targets []string
	then    Node
}

func (t *textWriter) policy(root Node) string {
	rest := t.s.mostCommon(root, fieldArch)
	var sections []section
	other := root
	for _, arch := range architectures(seccomp.ABIs()) {
		n := t.s.Fix(root, WordArch, arch)
		other = t.s.IfThenElse(t.s.Equal(WordArch, arch), rest, other)
		for _, abi := range abisOf(arch) {
			if sec, ok := t.section(abi, n, rest); ok {
				sections = append(sections, sec)
			}
		}
	}
	tail := t.decide(other)
	for _, sec := range sections {
		t.count(sec.rest)
		for _, l := range sec.lists {
			t.count(l.then)
		}
	}
	if other == rest {
		tail = decision{rest: rest}
	}
	t.countDecision(tail)
	t.define()
	t.writeSections(sections)
	t.questions(tail, "")
	return t.b.String()
}

// section lists what the numbers of abi lead to; ok is false where they all
// lead to rest.
func (t *textWriter) section(abi seccomp.ABI, n, rest Node) (sec section, ok bool) {
	inside := t.s.IfThenElse(t.s.numbersOf(abi), n, True)
	if exits := t.s.exits(inside, fieldNR); !slices.ContainsFunc(exits, func(e Node) bool { return e != True && e != rest }) {
		return section{}, false
	}
	sec = section{head: abi.String(), rest: t.s.mostCommon(inside, fieldNR)}
	spans, ok := t.s.spans(inside, fieldNR, 0, maxRanges)
	if !ok {
		sec.rest = n
		return sec, true
	}
	at := map[Node]int{}
	for _, sp := range spans {
		if sp.then == True || sp.then == sec.rest {
			continue
		}
		i, ok := at[sp.then]
		if !ok {
			i = len(sec.lists)
			at[sp.then] = i
			sec.lists = append(sec.lists, list{then: sp.then})
		}
		sec.lists[i].targets = append(sec.lists[i].targets, targets(abi, uint32(sp.low), uint32(sp.high))...)
	}
	for _, l := range sec.lists {
		slices.SortStableFunc(l.targets, compareTargets)
	}
	slices.SortStableFunc(sec.lists, t.compareLists)
	return sec, true
}

// compareLists puts the most permissive answers first and whatever looks at
// arguments last, in the order of the calls.
func (t *textWriter) compareLists(a, b list) int {
	x, okX := t.s.Action(a.then)
	y, okY := t.s.Action(b.then)
	switch {
	case okX != okY:
		return map[bool]int{true: -1, false: 1}[okX]
	case !okX:
		return compareTargets(a.targets[0], b.targets[0])
	case x.Stricter(y):
		return 1
	case y.Stricter(x):
		return -1
	}
	return int(x.Data()) - int(y.Data())
}

// compareTargets puts numbers first, as they are, and names in their order.
func compareTargets(a, b string) int {
	x, y := isDigit(a[0]), isDigit(b[0])
	switch {
	case x && y:
		return 0
	case x:
		return -1
	case y:
		return 1
	}
	return strings.Compare(a, b)
}

// targets are the calls with numbers low to high: names where there are any,
// ranges of numbers elsewhere.
func targets(abi seccomp.ABI, low, high uint32) []string {
	var out []string
	gap := func(from, to uint64) {
		if from <= to {
			out = append(out, rangeText(from, to))
		}
	}
	next := uint64(low)
	for nr, name := range syscalls.All(abi) {
		if nr < low || nr > high {
			continue
		}
		if uint64(nr) > next {
			gap(next, uint64(nr)-1)
		}
		out = append(out, name)
		next = uint64(nr) + 1
	}
	gap(next, uint64(high))
	return out
}
