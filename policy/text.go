package policy

import (
	"fmt"
	"maps"
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
//			a0 == 40: ERRNO(EPERM)
//			else: ALLOW
//		}
//		else: ERRNO(ENOSYS)
//	}
//	else: KILL_THREAD
//
// A block is a list of questions, the first that holds answers; "else" always
// does. Questions compare a0 to a5, ip, nr or arch, whole or under a mask,
// with a number, or name system calls. A decision that is used more than once
// stands at the top as @1, @2, ... Every diagram can be written, in a size
// about that of the diagram.

// maxSpans bounds the ranges of one number that are written as ranges. A
// diagram with more is asked about bits.
const maxSpans = 24

// String is the policy as text. It leaves the policy's space as it is.
func (p *Policy) String() string {
	// Taking sections apart makes a few nodes for each ABI.
	s := NewSpace(p.space.Len() + 1<<14)
	t := &textWriter{s: s, decisions: map[Node]decision{}, uses: map[Node]int{}, names: map[Node]string{}}
	return t.policy(s.copyFrom(p.space, p.root, nil))
}

// decision is a diagram as questions.
type decision struct {
	ask  []question
	rest Node
}

type question struct {
	text string
	then Node
}

type textWriter struct {
	b         strings.Builder
	s         *Space
	decisions map[Node]decision
	uses      map[Node]int
	names     map[Node]string
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
	for _, sec := range sections {
		t.writeSection(sec)
	}
	t.questions(tail, "")
	return t.b.String()
}

// mostCommon is the exit of n behind f, a field of 32 bits, that most values of
// f lead to; the first of several.
func (s *Space) mostCommon(n Node, f field) Node {
	values := map[Node]uint64{n: 1 << 32} // how many lead to each node
	for _, at := range s.inside(n, f) {
		t := s.nodes[at]
		values[t.lo] += values[at] / 2
		values[t.hi] += values[at] / 2
	}
	best, most := n, uint64(0)
	for _, exit := range s.exits(n, f) {
		// True marks what is not asked about.
		if exit != True && values[exit] > most {
			best, most = exit, values[exit]
		}
	}
	return best
}

// inside are the nodes that n leads to and that test f or what stands before
// it, each before those that it leads to.
func (s *Space) inside(n Node, f field) []Node {
	var out []Node
	s.startWalk()
	var walk func(Node)
	walk = func(n Node) {
		t := s.nodes[n]
		if t.level >= f.end() || !s.firstVisit(n) {
			return
		}
		walk(t.lo)
		walk(t.hi)
		out = append(out, n)
	}
	walk(n)
	slices.Reverse(out)
	return out
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
	slices.SortStableFunc(sec.lists, t.compareLists)
	return sec, true
}

// compareLists puts the most permissive answers first and whatever looks at
// arguments last.
func (t *textWriter) compareLists(a, b list) int {
	x, okX := t.s.Action(a.then)
	y, okY := t.s.Action(b.then)
	switch {
	case okX != okY:
		return map[bool]int{true: -1, false: 1}[okX]
	case !okX:
		return 0
	case x.Stricter(y):
		return 1
	case y.Stricter(x):
		return -1
	}
	return int(x.Data()) - int(y.Data())
}

// targets are the calls with numbers low to high: names where there are any,
// ranges of numbers elsewhere.
func targets(abi seccomp.ABI, low, high uint32) []string {
	var out []string
	gap := func(from, to uint64) {
		switch {
		case from == to:
			out = append(out, number(from))
		case from < to:
			out = append(out, number(from)+".."+number(to))
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

// decide takes n apart into questions about the number that it tests first.
func (t *textWriter) decide(n Node) decision {
	if t.s.Terminal(n) {
		return decision{rest: n}
	}
	if d, ok := t.decisions[n]; ok {
		return d
	}
	d := t.ask(n)
	t.decisions[n] = d
	return d
}

func (t *textWriter) ask(n Node) decision {
	level := t.s.nodes[n].level
	f := fieldOf(level)
	skip := uint(level - f.first)
	name := f.name()
	if skip > 0 {
		name += fmt.Sprintf(" & %#x", f.max()>>skip)
	}
	spans, ok := t.s.spans(n, f, skip, maxSpans)
	if m, isMask := t.s.maskTest(n, f); isMask && (!ok || len(spans) > 3) {
		return decision{[]question{{maskText(f, m), m.yes}}, m.no}
	}
	if !ok {
		bit := uint64(1) << (f.end() - 1 - level)
		return decision{[]question{{maskText(f, mask{bits: bit, value: bit}), t.s.nodes[n].hi}}, t.s.nodes[n].lo}
	}
	d := decision{rest: commonest(spans)}
	for _, sp := range spans {
		if sp.then != d.rest {
			d.ask = append(d.ask, question{spanText(name, sp, f.max()>>skip), sp.then})
		}
	}
	return d
}

// commonest is the answer of most of the ranges, and among those the one of
// the widest.
func commonest(spans []span) Node {
	count := map[Node]int{}
	for _, sp := range spans {
		count[sp.then]++
	}
	return slices.MaxFunc(spans, func(a, b span) int {
		if c := count[a.then] - count[b.then]; c != 0 {
			return c
		}
		if a.high-a.low < b.high-b.low {
			return -1
		}
		return 1
	}).then
}

func maskText(f field, m mask) string {
	return fmt.Sprintf("%s & %#x == %s", f.name(), m.bits, number(m.value))
}

func spanText(name string, sp span, max uint64) string {
	switch {
	case sp.low == sp.high:
		return fmt.Sprintf("%s == %s", name, number(sp.low))
	case sp.low == 0:
		return fmt.Sprintf("%s <= %s", name, number(sp.high))
	case sp.high == max:
		return fmt.Sprintf("%s >= %s", name, number(sp.low))
	}
	return fmt.Sprintf("%s in %s..%s", name, number(sp.low), number(sp.high))
}

// count counts the places in which n will be written.
func (t *textWriter) count(n Node) {
	if t.s.Terminal(n) {
		return
	}
	t.uses[n]++
	if t.uses[n] == 1 {
		t.countDecision(t.decide(n))
	}
}

func (t *textWriter) countDecision(d decision) {
	for _, q := range d.ask {
		t.count(q.then)
	}
	t.count(d.rest)
}

// define writes the decisions that are used more than once, each before its
// use: those that test the last bits first. Among those of one bit the text
// decides, not the node number, so that equal policies are written alike.
func (t *textWriter) define() {
	shared := map[uint16][]Node{}
	for n, uses := range t.uses {
		if uses > 1 {
			level := t.s.nodes[n].level
			shared[level] = append(shared[level], n)
		}
	}
	for _, level := range slices.Backward(slices.Sorted(maps.Keys(shared))) {
		shapes := map[Node]string{}
		for _, n := range shared[level] {
			shapes[n] = t.shape(n)
		}
		slices.SortFunc(shared[level], func(a, b Node) int { return strings.Compare(shapes[a], shapes[b]) })
		for _, n := range shared[level] {
			name := fmt.Sprintf("@%d", len(t.names)+1)
			t.b.WriteString(name + " {\n")
			t.questions(t.decide(n), "\t")
			t.b.WriteString("}\n\n")
			t.names[n] = name
		}
	}
}

// shape is a decision on one line. What it leads to and is shared has a name
// by then, so that the line is as long as the part of the diagram that is
// written here.
func (t *textWriter) shape(n Node) string {
	var b strings.Builder
	d := t.decide(n)
	for _, q := range d.ask {
		b.WriteString(q.text + ":" + t.answer(q.then) + ";")
	}
	return b.String() + t.answer(d.rest)
}

// answer is what an action or a named decision is written as; other decisions
// are written out, on one line, to compare them.
func (t *textWriter) answer(n Node) string {
	if a, ok := t.s.Action(n); ok {
		return a.String()
	}
	if name, ok := t.names[n]; ok {
		return name
	}
	return "{" + t.shape(n) + "}"
}

func (t *textWriter) writeSection(sec section) {
	t.b.WriteString(sec.head + " {\n")
	for _, l := range sec.lists {
		if t.inline(l.then) {
			t.list(t.answer(l.then)+": ", l.targets, "\t")
			t.b.WriteString("\n")
			continue
		}
		t.list("", l.targets, "\t")
		t.block(l.then, "\t")
	}
	if t.inline(sec.rest) {
		fmt.Fprintf(&t.b, "\telse: %s\n", t.answer(sec.rest))
	} else {
		t.questions(t.decide(sec.rest), "\t")
	}
	t.b.WriteString("}\n")
}

// inline reports whether n is written in one word.
func (t *textWriter) inline(n Node) bool {
	return t.s.Terminal(n) || t.names[n] != ""
}

// list writes names separated by commas, folded at 90 columns.
func (t *textWriter) list(head string, names []string, indent string) {
	slices.Sort(names)
	line := indent + head
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if len(line)+len(name) > 90 && i > 0 {
			t.b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent + "\t"
		}
		line += name + " "
	}
	t.b.WriteString(strings.TrimRight(line, " "))
}

func (t *textWriter) block(n Node, indent string) {
	t.b.WriteString(" {\n")
	t.questions(t.decide(n), indent+"\t")
	t.b.WriteString(indent + "}\n")
}

func (t *textWriter) questions(d decision, indent string) {
	for _, q := range d.ask {
		t.b.WriteString(indent + q.text)
		if t.inline(q.then) {
			fmt.Fprintf(&t.b, ": %s\n", t.answer(q.then))
		} else {
			t.block(q.then, indent)
		}
	}
	// What follows as the last answer needs no block of its own.
	if t.inline(d.rest) {
		fmt.Fprintf(&t.b, "%selse: %s\n", indent, t.answer(d.rest))
	} else {
		t.questions(t.decide(d.rest), indent)
	}
}
