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
// bit, as sets of calls. Where ways meet that left different values in a
// register that is still needed, its bits become "if the call came this way,
// this bit, else that one". Backward: the answer of an instruction is the
// answer of the next one, of one of two that its test selects, or a verdict.
//
// Each instruction is looked at twice however many ways lead to it, so the
// cost is that of the diagrams: small for whatever a compiler emits. Where
// arithmetic makes them outgrow the space the program is refused.

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
	answers := make([]policy.Node, len(p))
	for pc := len(p) - 1; pc >= 0; pc-- {
		if l.reached(pc) {
			answers[pc] = l.answer(pc, answers)
		}
		if l.full() {
			return 0, l.refuse(pc)
		}
	}
	return answers[0], nil
}

func (l *lifter) refuse(pc int) error {
	return &Error{PC: pc, Instruction: l.p[pc], Limit: l.s.Limit()}
}

type lifter struct {
	s       *policy.Space
	p       bpf.Program
	words   [seccomp.DataSize / 4]*word // by offset / 4
	live    []registers
	before  []state       // what the registers hold before each instruction
	after   []state       // and behind it
	tests   []policy.Node // the calls for which each conditional jump holds
	into    [][]edge      // the ways to each instruction
	reaches []policy.Node // the calls that reach each instruction; as far as needed

	verdicts int // the values that were taken apart into verdicts
}

// full reports whether the budget is spent. Taking a value apart costs memory
// beside the space, so that it counts as well.
func (l *lifter) full() bool { return l.s.Full() || l.verdicts > l.s.Limit()/2 }

// edge is a way from one instruction to another: for the calls of from that
// are in the set when, or for those that are not.
type edge struct {
	from int
	when policy.Node
	not  bool
}

// state is what the registers hold before an instruction; nil where that does
// not matter, for the register is not read again before it is written.
type state [numRegisters]*word

func newLifter(s *policy.Space, p bpf.Program, order binary.ByteOrder) *lifter {
	l := &lifter{
		s: s, p: p,
		live:    liveRegisters(p),
		before:  make([]state, len(p)),
		after:   make([]state, len(p)),
		tests:   make([]policy.Node, len(p)),
		into:    make([][]edge, len(p)),
		reaches: []policy.Node{policy.True},
	}
	for i := range l.words {
		w, _ := policy.WordAt(order, uint32(4*i))
		l.words[i] = new(word)
		for b := range l.words[i] {
			l.words[i][b] = s.Bit(w, uint(b))
		}
	}
	return l
}

func (l *lifter) reached(pc int) bool { return pc == 0 || len(l.into[pc]) > 0 }

// forward computes the states before and behind pc, and notes where control
// goes from there.
func (l *lifter) forward(pc int) {
	switch {
	case !l.reached(pc):
		return
	case pc == 0:
		zero := constant(0)
		for r := range l.before[0] {
			l.before[0][r] = zero
		}
	default:
		l.merge(pc)
	}
	l.after[pc] = l.execute(pc)
	holds, fails := l.p[pc].Targets(pc)
	switch {
	case l.p[pc].IsJump():
		l.tests[pc] = l.test(pc)
		l.pass(pc, holds, l.tests[pc], policy.False)
		l.pass(pc, fails, l.tests[pc], policy.True)
	case holds >= 0:
		l.pass(pc, holds, policy.True, policy.False)
	}
}

// pass adds a way, unless no call can take it.
func (l *lifter) pass(from, to int, when, unless policy.Node) {
	if when != unless {
		l.into[to] = append(l.into[to], edge{from, when, unless == policy.True})
	}
}

// merge joins the states that the ways to pc leave.
func (l *lifter) merge(pc int) {
	edges := l.into[pc]
	st := l.after[edges[0].from]
	for r := range st {
		if l.live[pc]&(1<<r) == 0 {
			st[r] = nil
		}
	}
	for _, e := range edges[1:] {
		next := l.after[e.from]
		for r, v := range st {
			if v != nil && v != next[r] && *v != *next[r] {
				st[r] = l.choose(l.came(e), next[r], v)
			}
		}
	}
	l.before[pc] = st
}

// came is the set of calls that take a way.
func (l *lifter) came(e edge) policy.Node { return l.take(l.reach(e.from), e) }

// take are the calls of a set that take a way.
func (l *lifter) take(set policy.Node, e edge) policy.Node {
	if e.not {
		return l.s.IfThenElse(e.when, policy.False, set)
	}
	return l.s.And(e.when, set)
}

// reach is the set of calls that reach pc. It is needed only where ways with
// different values meet, and then for all instructions before.
func (l *lifter) reach(pc int) policy.Node {
	for at := len(l.reaches); at <= pc; at++ {
		set := policy.False
		for _, e := range l.into[at] {
			set = l.s.Or(set, l.take(l.reaches[e.from], e))
		}
		l.reaches = append(l.reaches, set)
	}
	return l.reaches[pc]
}

// execute is the state behind instruction pc.
func (l *lifter) execute(pc int) state {
	st := l.before[pc]
	i := l.p[pc]
	switch i.Code {
	case bpf.LoadAbs:
		st[regA] = l.words[i.K/4]
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
			st[regA] = l.arithmetic(pc)
		}
	}
	return st
}

// operand is the constant or the register that instruction pc works with.
func (l *lifter) operand(pc int) *word {
	if i := l.p[pc]; !i.ReadsX() {
		return constant(i.K)
	}
	return l.before[pc][regX]
}

// test is the set of calls for which the conditional jump at pc holds.
func (l *lifter) test(pc int) policy.Node {
	a, b := l.before[pc][regA], l.operand(pc)
	switch l.p[pc].Code &^ bpf.SourceX {
	case bpf.JumpEQ:
		return l.equal(a, b)
	case bpf.JumpGT:
		return l.s.Not(l.atLeast(b, a))
	case bpf.JumpGE:
		return l.atLeast(a, b)
	}
	return l.common(a, b)
}

// answer is the diagram from instruction pc on.
func (l *lifter) answer(pc int, answers []policy.Node) policy.Node {
	i := l.p[pc]
	holds, fails := i.Targets(pc)
	switch {
	case i.Code == bpf.Return:
		return l.s.Return(visible(seccomp.Action(i.K)))
	case i.Code == bpf.ReturnA:
		return l.verdict(*l.before[pc][regA], map[word]policy.Node{})
	case i.Code == bpf.DivX:
		// The kernel ends the filter with 0.
		zero := l.equal(l.before[pc][regX], constant(0))
		return l.s.IfThenElse(zero, l.s.Return(seccomp.KillThread), answers[holds])
	case i.IsJump():
		return l.s.IfThenElse(l.tests[pc], answers[holds], answers[fails])
	}
	return answers[holds]
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
