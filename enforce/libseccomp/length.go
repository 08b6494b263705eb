package libseccomp

import "github.com/callgate/callgate/seccomp"

// Length is how many instructions the program has at least and at most. The model
// does not tell where the library adds jumps because the target of another is too
// far away, which is a fifth where it was seen. Nor does it tell all tests that the
// library leaves out where rules with conditions on several arguments meet: the
// tests of such a call count at most, and not at least.
func (f *Filter) Length() (least, most int) {
	g := f.generate()
	c := counter{f.fallback, map[*block]targetIdentity{}, map[code]int{}, map[seccomp.Action]bool{f.badABI: true}, 1, 0}
	for _, p := range g.parts {
		c.part(g, p, f.optimize)
	}
	n := c.n + len(c.actions)
	return n - c.doubtful, n + n/3 + 4
}

// A counter counts instructions.
type counter struct {
	fallback seccomp.Action
	done     map[*block]targetIdentity
	ids      map[code]int
	actions  map[seccomp.Action]bool // one return for each
	n        int
	doubtful int // of n, tests of conditions on several arguments
}

// code is what makes blocks the same instructions.
type code struct {
	load    load
	operand operand
	jump    jump
	datum   uint32
	yes, no targetIdentity
}

func (c *counter) part(g *program, p part, optimize int) {
	calls := 0
	c.actions[c.fallback] = true
	for _, e := range p.entries {
		switch {
		case e.pseudo():
			continue
		case e.always != nil:
			c.actions[e.always.action] = true
		default:
			before := c.n
			c.target(target{block: g.start[e]})
			if !e.simple() {
				c.doubtful += c.n - before
			}
		}
		calls++
	}
	c.n += 1 + calls // the test of the architecture, and those of numbers
	if p.alone != 0 || calls > 0 && !p.dead {
		c.n++ // the number is loaded
	}
	switch p.alone {
	case seccomp.X86_64:
		c.n += 2 // the numbers of x32, but for -1
	case seccomp.X32:
		c.n++
	}
	if optimize == 2 && calls > 0 {
		c.n += (calls - 1) / 4 // nodes of the tree
	}
}

// simple reports whether e is one rule, or no test follows another on another
// argument.
func (e *entry) simple() bool {
	if len(e.rules) == 1 {
		return true
	}
	simple := true
	each(e.tree, func(n *node) {
		for _, x := range [...]exit{n.yes, n.no} {
			next := x.first()
			simple = simple && (next == nil || next.arg == n.arg)
		}
	})
	return simple
}

// target counts what a target leads to, once.
func (c *counter) target(t target) targetIdentity {
	switch {
	case t.leaf != nil:
		c.actions[t.leaf.action] = true
		return t.identity()
	case t.block == nil:
		c.actions[c.fallback] = true
		return t.identity()
	}
	b := t.block
	if id, ok := c.done[b]; ok {
		return id
	}
	k := code{b.load, b.operand, b.jump, b.datum, c.target(b.yes), c.target(b.no)}
	id := targetIdentity{kind: 2, block: c.ids[k]}
	if id.block == 0 {
		id.block = len(c.ids) + 1
		c.ids[k] = id.block
		c.n += b.length()
	}
	c.done[b] = id
	return id
}

// length is the number of instructions of a block.
func (b *block) length() int {
	n := 1
	if b.load == loads {
		n++
	}
	if b.load != keeps && b.mask != 1<<32-1 {
		n++
	}
	return n
}
