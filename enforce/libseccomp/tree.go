package libseccomp

import (
	"cmp"

	"github.com/callgate/callgate/seccomp"
)

// This file is the form in which libseccomp keeps the conditions of one call: a
// tree of tests, each of one 32-bit word, in lists that are tried in turn. What
// is in it shows in the library's pseudo filter code (seccomp_export_pfc(3)),
// with the number of nodes, by which calls are ordered.
//
// Where the tests of a rule come together again (not equal: in either half) the
// same list hangs at two exits. It stays shared when rules are merged, and each
// of the exits knows one of its nodes, not necessarily the first: that is where
// some of the library's peculiarities come from, and why lists are linked here.

// A test compares one word of an argument with a constant.
type test struct {
	operand
	jump   jump
	masked bool // of MaskedEQ, which is not EQ even where the mask is full
	datum  uint32
}

// An operand is what the program has in its accumulator to compare: a word of an
// argument, masked.
type operand struct {
	arg  int
	high bool
	mask uint32
}

func (o operand) of(args *[6]uint64) uint32 {
	w := uint32(args[o.arg])
	if o.high {
		w = uint32(args[o.arg] >> 32)
	}
	return w & o.mask
}

// A jump is how a test compares.
type jump uint8

const (
	jumpEQ jump = iota
	jumpGE
	jumpGT
)

func (t test) holds(a uint32) bool {
	switch t.jump {
	case jumpGE:
		return a >= t.datum
	case jumpGT:
		return a > t.datum
	}
	return a == t.datum
}

// A node is a test with what follows where it holds and where it does not.
type node struct {
	test
	op         Op     // of the condition that it comes from
	value      uint64 // of that condition
	yes, no    exit
	prev, next *node   // in the list
	refs       int     // exits that lead here, and one for a place in a list
	held       []*node // removed before this one: they stay as long as it
}

// An exit is an action, or a list, by one of its nodes, or neither: then the
// node behind is next.
type exit struct {
	leaf *leaf
	tree *node
}

type leaf struct {
	action seccomp.Action
	rule   *Rule
	muxed  bool // the rule is about a call that goes through a multiplexer
}

func (x exit) empty() bool { return x == exit{} }

// share is x as one more node's exit.
func (x exit) share() exit {
	if x.tree != nil {
		x.tree.refs++
	}
	return x
}

// first is the first node of the list, nil where there is none.
func (x exit) first() *node {
	n := x.tree
	for n != nil && n.prev != nil {
		n = n.prev
	}
	return n
}

// last reports whether nothing is tested behind n.
func (n *node) last() bool { return n.yes.tree == nil && n.no.tree == nil }

// action is the leaf of a rule's own tests.
func (n *node) action() *leaf {
	for {
		switch {
		case n.yes.leaf != nil:
			return n.yes.leaf
		case n.no.leaf != nil:
			return n.no.leaf
		case n.yes.tree != nil:
			n = n.yes.tree
		default:
			n = n.no.tree
		}
	}
}

// class is what orders the nodes of one word first.
func (o Op) class() int {
	switch o {
	case GE, GT:
		return 1
	case LE, LT:
		return 2
	}
	return 3
}

func (t operand) word() int {
	if t.high {
		return 2*t.arg + 1
	}
	return 2 * t.arg
}

// order is negative where a is tried before b: the higher word, then the
// class of the operator, then the larger constant, or the smaller for an upper
// bound.
func order(a, b *node) int {
	datum := cmp.Compare(b.datum, a.datum)
	if a.op.class() == 2 {
		datum = -datum
	}
	return cmp.Or(cmp.Compare(b.word(), a.word()), cmp.Compare(b.op.class(), a.op.class()), datum)
}

// before puts n before e. It fails where n is there already: libseccomp then
// makes a circle.
func (n *node) before(e *node) bool {
	if e.prev == n {
		return false
	}
	n.prev, n.next = e.prev, e
	if e.prev != nil {
		e.prev.next = n
	}
	e.prev, e.held = n, nil
	return true
}

// after puts n behind e, the last.
func (n *node) after(e *node) { n.prev, e.next = e, n }

// put drops an exit that leads to n, and returns how many nodes the library
// then frees. A list that has more than one node it does not free.
func (n *node) put() int {
	if n == nil {
		return 0
	}
	if n.refs--; n.refs > 0 || n.next != nil {
		return 0
	}
	return n.free()
}

// free returns how many nodes the library frees with n: what is behind it too,
// even where that is a list of more than one node.
func (n *node) free() int {
	freed := 1
	for _, h := range n.held {
		freed += h.put()
	}
	for _, x := range [...]exit{n.yes, n.no} {
		more, _ := x.tree.putList()
		freed += more
	}
	return freed
}

// putList drops what leads to n and to the nodes behind it in the list. It
// reports whether they are gone: none is where one behind it stays.
func (n *node) putList() (freed int, gone bool) {
	if n == nil {
		return 0, true
	}
	if n.refs--; n.refs > 0 {
		return 0, false
	}
	if freed, gone = n.next.putList(); gone {
		freed += n.free()
	}
	return freed, gone
}

// unlink takes n out of the list of x, and returns how many nodes the library
// then frees. A first node stays as long as the next one, and one in the middle
// for good.
func (n *node) unlink(x *exit) (freed int) {
	prev, next := n.prev, n.next
	n.next = nil
	switch {
	case next == nil:
		freed = n.put()
	case prev == nil:
		next.held = append(next.held, n)
	}
	if prev != nil {
		prev.next = next
	}
	if next != nil {
		next.prev = prev
	}
	if x.tree == n {
		if x.tree = next; next == nil {
			x.tree = prev
		}
	}
	return freed
}
