package lift

import (
	"encoding/binary"
	"fmt"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file executes a program symbolically, on all calls at once.
//
// Forward: jumps only go forward, so that one pass in the order of the
// instructions knows what every register holds before each of them, bit by
// bit, as sets of calls. An instruction with what the registers hold there is a
// point. Where ways meet that left different values in a register that is still
// needed, there is a point for each; where these would be more than maxPoints,
// one takes their place in which each bit is "if the call came this way, this
// bit, else that one".
// Backward: the answer of a point is the answer of the next one, of one of two
// that its test selects, or a verdict.
//
// Each point is looked at twice however many ways lead to it, so the cost is
// that of the diagrams: small for whatever a compiler emits. Where arithmetic
// makes them outgrow the space the program is refused.

// maxPoints is how many points an instruction has at most: compilers share a
// test between a handful of words.
const maxPoints = 8

// Limit is the number of diagram nodes that [Program] and [Stack] spend on a
// program before they refuse it. Docker's default filter takes some thousand.
const Limit = 1 << 20

// Error says at which instruction a program outgrew the space. It matches
// [policy.ErrTooLarge].
type Error struct {
	PC          int
	Instruction bpf.Instruction
	Limit       int // nodes
}

// Error is one line: where, what, and what leads to it.
func (e *Error) Error() string {
	return fmt.Sprintf("lift: instruction %d (%v): %v: the filter's meaning outgrows the budget of %d nodes here, "+
		"as arithmetic on several words can (a product of two arguments, say)", e.PC, e.Instruction, policy.ErrTooLarge, e.Limit)
}

// Unwrap is [policy.ErrTooLarge].
func (e *Error) Unwrap() error { return policy.ErrTooLarge }

// Program is the policy that p is on a machine of the given byte order, which
// must not be nil, in a space of its own. The error is that of
// [bpf.Program.Verify], or an [*Error].
func Program(p bpf.Program, order binary.ByteOrder) (*policy.Policy, error) {
	return Stack(order, p)
}

// Stack is the policy of a thread that has installed several programs, the
// oldest first: to each call the strictest answer, and of several of one kind
// that of the newest. No programs allow everything.
func Stack(order binary.ByteOrder, programs ...bpf.Program) (*policy.Policy, error) {
	s := policy.NewSpace(Limit)
	root := s.Return(seccomp.Allow)
	for i, p := range programs {
		n, err := Into(s, p, order)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			n = s.Stack(root, n)
		}
		root = n
	}
	result := s.FromNode(root)
	if s.Full() {
		return nil, fmt.Errorf("lift: %w: the stacked filters take more than %d nodes", policy.ErrTooLarge, s.Limit())
	}
	return result, nil
}

// Into is the diagram of p in space s. Its answers are as the filter gives
// them, but for the parts that the kernel ignores even among stacked filters;
// [policy.Space.FromNode] makes a policy of it.
func Into(s *policy.Space, p bpf.Program, order binary.ByteOrder) (policy.Node, error) {
	if err := p.Verify(); err != nil {
		return 0, err
	}
	l := newLifter(s, p, order)
	for pc := range p {
		l.forward(pc)
		if l.full() {
			return 0, l.refuse(pc)
		}
	}
	for i := len(l.points) - 1; i >= 0; i-- {
		l.points[i].answer = l.answer(&l.points[i])
		if l.full() {
			return 0, l.refuse(l.points[i].pc)
		}
	}
	return l.points[0].answer, nil
}

func (l *lifter) refuse(pc int) error {
	return &Error{PC: pc, Instruction: l.p[pc], Limit: l.s.Limit()}
}

type lifter struct {
	s       *policy.Space
	p       bpf.Program
	order   binary.ByteOrder
	words   [seccomp.DataSize / 4]*word // by offset / 4; those that were loaded
	live    []registers
	points  []point
	into    [][]edge      // the ways to each instruction
	reaches []policy.Node // the calls that reach each point; as far as needed

	verdicts int // the values that were taken apart into verdicts
}

// full reports whether the budget is spent. Taking a value apart costs memory
// beside the space, so that it counts as well.
func (l *lifter) full() bool { return l.s.Full() || l.verdicts > l.s.Limit()/2 }

// point is an instruction with what the registers hold there.
type point struct {
	pc     int
	state  state // before the instruction, and once that is executed behind it
	test   test  // of a conditional jump
	holds  int   // the point to which it goes on, where it holds
	fails  int   // and where it does not
	answer policy.Node
}

// edge is a way from one point to another: that of all calls, or of those for
// which the test there holds or not.
type edge struct {
	from, to int
	way      way
}

type way uint8

const (
	always way = iota
	holds
	fails
)

// state is what the registers hold; nil where that does not matter, for the
// register is not read again before it is written.
type state [numRegisters]*word

func (st *state) equal(other *state) bool {
	for r, v := range st {
		if w := other[r]; v != w && (v == nil || w == nil || *v != *w) {
			return false
		}
	}
	return true
}

func newLifter(s *policy.Space, p bpf.Program, order binary.ByteOrder) *lifter {
	return &lifter{
		s: s, p: p, order: order,
		live:   liveRegisters(p),
		points: make([]point, 0, len(p)),
		into:   make([][]edge, len(p)),
	}
}

// forward makes the points of instruction pc, and notes where control goes
// from there.
func (l *lifter) forward(pc int) {
	first := len(l.points)
	if pc == 0 {
		zero := constant(0)
		start := point{}
		for r := range start.state {
			start.state[r] = zero
		}
		l.points = append(l.points, start)
	}
	for i := range l.into[pc] {
		l.enter(pc, first, &l.into[pc][i])
		if len(l.points)-first > maxPoints {
			l.merge(first, l.into[pc][:i+1])
		}
	}
	for _, e := range l.into[pc] {
		if e.way == fails {
			l.points[e.from].fails = e.to
		} else {
			l.points[e.from].holds = e.to
		}
	}
	yes, no := l.p[pc].Targets(pc)
	for i := first; i < len(l.points); i++ {
		at := &l.points[i]
		l.execute(at)
		switch {
		case l.p[pc].IsJump():
			at.test = l.test(at)
			if at.test.compare != 0 || at.test.set != policy.False {
				l.into[yes] = append(l.into[yes], edge{from: i, way: holds})
			}
			if at.test.compare != 0 || at.test.set != policy.True {
				l.into[no] = append(l.into[no], edge{from: i, way: fails})
			}
		case yes >= 0:
			l.into[yes] = append(l.into[yes], edge{from: i})
		}
	}
}

// enter makes a way end at a point of instruction pc, whose points start at
// first.
func (l *lifter) enter(pc, first int, e *edge) {
	st := l.points[e.from].state
	for r := range st {
		if l.live[pc]&(1<<r) == 0 {
			st[r] = nil
		}
	}
	e.to = first
	for e.to < len(l.points) && !l.points[e.to].state.equal(&st) {
		e.to++
	}
	if e.to == len(l.points) {
		l.points = append(l.points, point{pc: pc, state: st})
	}
}

// merge makes one point of all from first on, which edges lead to.
func (l *lifter) merge(first int, edges []edge) {
	into := &l.points[first].state
	for i := range edges {
		e := &edges[i]
		if e.to == first {
			continue
		}
		came := l.came(*e)
		for r, w := range l.points[e.to].state {
			if v := into[r]; v != w && *v != *w {
				into[r] = l.choose(came, w, v)
			}
		}
		e.to = first
	}
	l.points = l.points[:first+1]
}

// came is the set of calls that take a way.
func (l *lifter) came(e edge) policy.Node { return l.take(l.reach(e.from), e) }

// take are the calls of a set that take a way.
func (l *lifter) take(set policy.Node, e edge) policy.Node {
	switch e.way {
	case always:
		return set
	case holds:
		return l.s.And(l.set(l.points[e.from].test), set)
	}
	return l.s.IfThenElse(l.set(l.points[e.from].test), policy.False, set)
}

// reach is the set of calls that reach a point. It is needed only where many
// ways with different values meet, and then for all points before.
func (l *lifter) reach(point int) policy.Node {
	for at := len(l.reaches); at <= point; at++ {
		set := policy.False
		if at == 0 {
			set = policy.True
		}
		for _, e := range l.into[l.points[at].pc] {
			if e.to == at {
				set = l.s.Or(set, l.take(l.reaches[e.from], e))
			}
		}
		l.reaches = append(l.reaches, set)
	}
	return l.reaches[point]
}

// execute makes the state at a point that behind the instruction.
func (l *lifter) execute(at *point) {
	st := &at.state
	i := l.p[at.pc]
	switch i.Code {
	case bpf.LoadAbs:
		st[regA] = l.load(i.K / 4)
	case bpf.LoadImm:
		st[regA] = constant(i.K)
	case bpf.LoadLen:
		st[regA] = constant(seccomp.DataSize)
	case bpf.LoadMem:
		st[regA] = st[memory(i.K)]
	case bpf.LoadXImm:
		st[regX] = constant(i.K)
	case bpf.LoadXLen:
		st[regX] = constant(seccomp.DataSize)
	case bpf.LoadXMem:
		st[regX] = st[memory(i.K)]
	case bpf.Store:
		st[memory(i.K)] = st[regA]
	case bpf.StoreX:
		st[memory(i.K)] = st[regX]
	case bpf.TAX:
		st[regX] = st[regA]
	case bpf.TXA:
		st[regA] = st[regX]
	default:
		if i.Code&bpf.ClassMask == bpf.ClassALU {
			st[regA] = l.arithmetic(at)
		}
	}
}

// load is the word of the call at an offset, in words.
func (l *lifter) load(i uint32) *word {
	if l.words[i] == nil {
		w, _ := policy.WordAt(l.order, 4*i)
		l.words[i] = new(word)
		for b := range l.words[i] {
			l.words[i][b] = l.s.Bit(w, uint(b))
		}
	}
	return l.words[i]
}

// operand is the constant or the register that the instruction works with.
func (l *lifter) operand(at *point) *word {
	if i := l.p[at.pc]; !i.ReadsX() {
		return constant(i.K)
	}
	return at.state[regX]
}

// test is what a conditional jump asks: whether the call is in a set, or how a
// word of it compares with a constant, which both can be.
type test struct {
	set     policy.Node
	compare uint16 // bpf.JumpEQ or bpf.JumpGE; 0 is the set
	word    policy.Word
	k       uint32
}

func (l *lifter) test(at *point) test {
	i := l.p[at.pc]
	a, b := at.state[regA], l.operand(at)
	if w, ok := l.loaded(a); ok {
		switch {
		case i.Code == bpf.JumpEQ:
			return test{compare: bpf.JumpEQ, word: w, k: i.K}
		case i.Code == bpf.JumpGE && i.K > 0:
			return test{compare: bpf.JumpGE, word: w, k: i.K}
		case i.Code == bpf.JumpGT && i.K < 1<<32-1:
			return test{compare: bpf.JumpGE, word: w, k: i.K + 1}
		}
	}
	switch i.Code &^ bpf.SourceX {
	case bpf.JumpEQ:
		return test{set: l.equal(a, b)}
	case bpf.JumpGT:
		return test{set: l.s.Not(l.atLeast(b, a))}
	case bpf.JumpGE:
		return test{set: l.atLeast(a, b)}
	}
	return test{set: l.common(a, b)}
}

// loaded is the word of the call that a value is as it was loaded.
func (l *lifter) loaded(v *word) (w policy.Word, ok bool) {
	for i, loaded := range l.words {
		if loaded != nil && loaded == v {
			return policy.WordAt(l.order, 4*uint32(i))
		}
	}
	return 0, false
}

// set is the set of calls for which t holds.
func (l *lifter) set(t test) policy.Node {
	switch t.compare {
	case bpf.JumpEQ:
		return l.s.Equal(t.word, t.k)
	case bpf.JumpGE:
		return l.s.AtLeast(t.word, t.k)
	}
	return t.set
}

// choice is the diagram that answers as yes where t holds, and as no elsewhere.
func (l *lifter) choice(t test, yes, no policy.Node) policy.Node {
	if first := l.s.Bit(t.word, 31); t.compare != 0 && !l.s.Before(yes, first) && !l.s.Before(no, first) {
		if t.compare == bpf.JumpEQ {
			return l.s.IfEqual(t.word, t.k, yes, no)
		}
		return l.s.IfAtLeast(t.word, t.k, yes, no)
	}
	return l.s.IfThenElse(l.set(t), yes, no)
}

// answer is the diagram from a point on.
func (l *lifter) answer(at *point) policy.Node {
	i := l.p[at.pc]
	switch {
	case i.Code == bpf.Return:
		return l.s.Return(visible(seccomp.Action(i.K)))
	case i.Code == bpf.ReturnA:
		return l.verdict(*at.state[regA], map[word]policy.Node{})
	case i.Code == bpf.DivX:
		// The kernel ends the filter with 0.
		zero := l.equal(at.state[regX], constant(0))
		return l.s.IfThenElse(zero, l.s.Return(seccomp.KillThread), l.points[at.holds].answer)
	case i.IsJump():
		return l.choice(at.test, l.points[at.holds].answer, l.points[at.fails].answer)
	}
	return l.points[at.holds].answer
}

// verdict is the diagram that answers with the value of v. It asks about one
// bit of the call at a time, of all bits of v at once, until what is left of
// them is constant as far as the kernel looks.
func (l *lifter) verdict(v word, done map[word]policy.Node) policy.Node {
	if a, ok := v.action(); ok {
		return l.s.Return(a)
	}
	if n, ok := done[v]; ok || l.full() {
		return n
	}
	l.verdicts++
	first := v[0]
	for _, bit := range v[1:] {
		if l.s.Before(bit, first) {
			first = bit
		}
	}
	w, b, _, _ := l.s.Test(first)
	var clear, set word
	for i, bit := range v {
		clear[i], set[i] = l.s.Cofactors(bit, w, b)
	}
	n := l.s.IfThenElse(l.s.Bit(w, b), l.verdict(set, done), l.verdict(clear, done))
	done[v] = n
	return n
}

// action is w as a verdict where the bits that the kernel looks at are the
// same for every call: the upper half, and the lower as that says.
func (w word) action() (a seccomp.Action, ok bool) {
	kind, ok := w.bits(16, 32)
	if !ok {
		return 0, false
	}
	if a = visible(seccomp.Action(kind | 0xffff)); a.Data() == 0 {
		return a, true
	}
	// An errno of 4096 or more is clamped, whatever its lower bits.
	if high, ok := w.bits(12, 16); ok && high != 0 && visible(seccomp.Action(kind|high)) == a {
		return a, true
	}
	data, ok := w.bits(0, 16)
	return visible(seccomp.Action(kind | data)), ok
}

// visible is a without what the kernel ignores. A kind that it does not know
// is kept: it ends the process, but stands in an order of its own among
// stacked filters.
func visible(a seccomp.Action) seccomp.Action {
	if !a.Known() {
		return a.Kind()
	}
	return a.Canonical()
}
