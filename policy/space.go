package policy

import (
	"fmt"
	"math/bits"

	"github.com/callgate/callgate/seccomp"
)

// This file is the decision diagram: reduced, ordered, with many terminals
// (Bryant, "Graph-Based Algorithms for Boolean Function Manipulation", 1986;
// Fujita, McGeer, Yang, "Multi-Terminal Binary Decision Diagrams", 1997).
//
// Invariant: a node stands once in its space, its two branches differ, and
// both test later levels. So equal functions are equal node numbers. Every
// operation costs at most the product of the sizes of its operands, which for
// hostile ones is far more than the nodes that it makes: a space bounds both.

// Node is a decision diagram in a [Space]: a function from a call either to
// an action or to true and false. The latter are called sets below.
type Node uint32

// False and True are the empty set of calls and the set of all.
const (
	False Node = 0
	True  Node = 1
)

// DefaultLimit is the number of nodes that a [Space] may hold unless told
// otherwise; 2 Mi nodes take about 64 MiB, and twice that while the tables
// grow. Docker's default profile on three ABIs takes about 530.
const DefaultLimit = 2 << 20

// fewNodes is about what a few rules take, and usualNodes what Docker's default
// profile takes, until it stands.
const (
	fewNodes   = 300
	usualNodes = 1000
)

// stepsPerNode is how many steps operations may take for each node that a
// space may hold. Compilers' filters and people's rules take one or two.
const stepsPerNode = 8

// maxCache bounds the results that are kept, in entries of 16 bytes: more
// would be slower to reach than what they save.
const maxCache = 1 << 18

// Space holds diagrams and makes equal ones identical. It never forgets one,
// so it is for one question or a few that belong together. It is not safe for
// concurrent use, except that evaluation only reads.
type Space struct {
	nodes  []node
	unique []Node // open addressing; 0 is free, for node 0 is never looked up
	cache  []cached
	limit  int
	steps  int // that operations may still take
	full   bool
	visits []uint32 // the walk that visited each node last
	walk   uint32
}

type node struct {
	level  uint16
	lo, hi Node
}

// Terminals stand at a level behind all tests. Their hi tells what their lo
// is.
const (
	terminalLevel = 16 * 32
	kindBool      = 0
	kindAction    = 1
	kindPair      = 2 // an index into a table of pairs of actions, see diff.go
)

type cached struct{ f, g, h, result Node }

// NewSpace returns an empty space that holds at most limit nodes; 0 means
// [DefaultLimit]. The time that its operations take in all is bounded, too, in
// proportion to limit.
func NewSpace(limit int) *Space { return newSpace(limit, usualNodes) }

// newSpace returns a space with room for some nodes, before it grows.
func newSpace(limit, room int) *Space {
	if limit <= 0 {
		limit = DefaultLimit
	}
	room = 1 << bits.Len(uint(room-1))
	s := &Space{
		limit: limit, steps: limit * stepsPerNode,
		nodes:  make([]node, 2, room),
		unique: make([]Node, 2*room), cache: make([]cached, room/2),
	}
	s.nodes[False] = node{terminalLevel, 0, kindBool}
	s.nodes[True] = node{terminalLevel, 1, kindBool}
	return s
}

// Full reports whether the space has reached its limit, in nodes or in time.
// From then on what its operations return means nothing: whoever builds large
// diagrams asks at the end and gives up. What stood in the space before stays
// good.
func (s *Space) Full() bool { return s.full }

// Len is the number of nodes in the space.
func (s *Space) Len() int { return len(s.nodes) }

// Limit is the number of nodes that the space may hold.
func (s *Space) Limit() int { return s.limit }

// Return is the diagram that answers a to every call.
func (s *Space) Return(a seccomp.Action) Node {
	return s.intern(node{terminalLevel, Node(a), kindAction})
}

// Action is the answer of n where it is the same for every call; ok is false
// where n tests anything.
func (s *Space) Action(n Node) (a seccomp.Action, ok bool) {
	t := s.nodes[n]
	if t.level != terminalLevel || t.hi != kindAction {
		return 0, false
	}
	return seccomp.Action(t.lo), true
}

// Test returns what n tests first and the diagrams for that bit clear and
// set. It panics where n is a terminal.
func (s *Space) Test(n Node) (w Word, bit uint, clear, set Node) {
	t := s.nodes[n]
	if t.level == terminalLevel {
		panic("policy: a terminal tests nothing")
	}
	return Word(t.level / 32), uint(31 - t.level%32), t.lo, t.hi
}

// Before reports whether a tests something that stands before all that b
// tests.
func (s *Space) Before(a, b Node) bool { return s.nodes[a].level < s.nodes[b].level }

// Cofactors are the diagrams of n for the calls in which bit b of word w is
// clear and for those in which it is set, where n tests nothing before it.
func (s *Space) Cofactors(n Node, w Word, b uint) (clear, set Node) {
	return s.branches(n, levelOf(w, b))
}

// Terminal reports whether n tests nothing.
func (s *Space) Terminal(n Node) bool { return s.nodes[n].level == terminalLevel }

// Bit is the set of calls in which bit b (0 is the lowest) of word w is set.
func (s *Space) Bit(w Word, b uint) Node { return s.branch(levelOf(w, b), False, True) }

// And is the intersection of two sets.
func (s *Space) And(a, b Node) Node { return s.IfThenElse(a, b, False) }

// Or is the union of two sets.
func (s *Space) Or(a, b Node) Node { return s.IfThenElse(a, True, b) }

// Not is the complement of a set.
func (s *Space) Not(a Node) Node { return s.IfThenElse(a, False, True) }

// Xor is the set of calls that are in one of two sets but not in both.
func (s *Space) Xor(a, b Node) Node { return s.IfThenElse(a, s.Not(b), b) }

// IfThenElse is the diagram that answers as g for the calls in set f and as h
// for all others.
func (s *Space) IfThenElse(f, g, h Node) Node {
	switch {
	case f == True || g == h:
		return g
	case f == False:
		return h
	case g == True && h == False:
		return f
	case s.full:
		return False
	}
	// A bit that stands before all else is the node itself.
	level := min(s.nodes[g].level, s.nodes[h].level)
	if t := s.nodes[f]; t.level < level && t.lo == False && t.hi == True {
		return s.branch(t.level, h, g)
	}
	slot := hash(uint32(f), uint32(g), uint32(h)) & uint32(len(s.cache)-1)
	if c := s.cache[slot]; c.f == f && c.g == g && c.h == h {
		return c.result
	}
	s.spend(1)
	level = min(level, s.nodes[f].level)
	f0, f1 := s.branches(f, level)
	g0, g1 := s.branches(g, level)
	h0, h1 := s.branches(h, level)
	r := s.branch(level, s.IfThenElse(f0, g0, h0), s.IfThenElse(f1, g1, h1))
	slot = hash(uint32(f), uint32(g), uint32(h)) & uint32(len(s.cache)-1)
	s.cache[slot] = cached{f, g, h, r}
	return r
}

// spend counts steps of operations, which may be more than the nodes that come
// of them.
func (s *Space) spend(steps int) {
	if s.steps -= steps; s.steps < 0 {
		s.full = true
	}
}

// branches are the diagrams of n for the test at level clear and set.
func (s *Space) branches(n Node, level uint16) (lo, hi Node) {
	t := s.nodes[n]
	if t.level != level || level == terminalLevel {
		return n, n
	}
	return t.lo, t.hi
}

// branch is the node that tests level, or lo itself where the test does not
// matter.
func (s *Space) branch(level uint16, lo, hi Node) Node {
	if lo == hi {
		return lo
	}
	return s.intern(node{level, lo, hi})
}

func (s *Space) intern(n node) Node {
	mask := uint32(len(s.unique) - 1)
	i := hash(uint32(n.level), uint32(n.lo), uint32(n.hi)) & mask
	for ; s.unique[i] != 0; i = (i + 1) & mask {
		if s.nodes[s.unique[i]] == n {
			return s.unique[i]
		}
	}
	if len(s.nodes) >= s.limit {
		s.full = true
		return False
	}
	s.nodes = append(s.nodes, n)
	id := Node(len(s.nodes) - 1)
	s.unique[i] = id
	if len(s.nodes)*2 > len(s.unique) {
		s.grow()
	}
	return id
}

// grow doubles the table, and the cache where that makes it larger: it only
// saves work, and starts empty.
func (s *Space) grow() {
	s.unique = make([]Node, 2*len(s.unique))
	if size := min(len(s.unique)/4, maxCache); size > len(s.cache) {
		s.cache = make([]cached, size)
	}
	mask := uint32(len(s.unique) - 1)
	for id := Node(2); int(id) < len(s.nodes); id++ {
		n := s.nodes[id]
		i := hash(uint32(n.level), uint32(n.lo), uint32(n.hi)) & mask
		for s.unique[i] != 0 {
			i = (i + 1) & mask
		}
		s.unique[i] = id
	}
}

func hash(a, b, c uint32) uint32 {
	h := uint64(a)*0x9e3779b97f4a7c15 ^ uint64(b)*0xc2b2ae3d27d4eb4f ^ uint64(c)*0x165667b19e3779f9
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return uint32(h >> 32)
}

// eval follows n for a call to its terminal.
func (s *Space) eval(n Node, words *[numWords]uint32) node {
	for {
		t := s.nodes[n]
		if t.level == terminalLevel {
			return t
		}
		if words[t.level/32]>>(31-t.level%32)&1 == 0 {
			n = t.lo
		} else {
			n = t.hi
		}
	}
}

// startWalk starts a walk that visits no node twice; none may be made during
// it.
func (s *Space) startWalk() {
	if s.walk++; s.walk == 0 || len(s.visits) < len(s.nodes) {
		s.visits, s.walk = make([]uint32, cap(s.nodes)), 1
	}
}

// firstVisit reports whether the walk gets to n for the first time.
func (s *Space) firstVisit(n Node) bool {
	first := s.visits[n] != s.walk
	s.visits[n] = s.walk
	return first
}

// Size is the number of nodes that n reaches, terminals included.
func (s *Space) Size(n Node) int {
	s.startWalk()
	size := 0
	var walk func(Node)
	walk = func(n Node) {
		if !s.firstVisit(n) {
			return
		}
		size++
		if t := s.nodes[n]; t.level != terminalLevel {
			walk(t.lo)
			walk(t.hi)
		}
	}
	walk(n)
	return size
}

// copyFrom returns the diagram n of another space in s. The answers are
// mapped by terminal.
func (s *Space) copyFrom(other *Space, n Node, terminal func(node) Node) Node {
	if other == s && terminal == nil {
		return n
	}
	done := make([]Node, n+1) // with 1 added; what n reaches stands before it
	var walk func(Node) Node
	walk = func(n Node) Node {
		if done[n] != 0 {
			return done[n] - 1
		}
		t := other.nodes[n]
		var r Node
		switch {
		case t.level != terminalLevel:
			r = s.branch(t.level, walk(t.lo), walk(t.hi))
		case terminal != nil:
			r = terminal(t)
		case t.hi == kindBool:
			r = n
		default:
			r = s.intern(t)
		}
		done[n] = r + 1
		return r
	}
	return walk(n)
}

// errFull says that a diagram outgrew its space.
func (s *Space) errFull() error {
	if len(s.nodes) < s.limit {
		return fmt.Errorf("%w: telling its cases apart takes more than %d steps", ErrTooLarge, s.limit*stepsPerNode)
	}
	return fmt.Errorf("%w: more than %d nodes", ErrTooLarge, s.limit)
}
