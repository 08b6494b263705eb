package libseccomp

import "github.com/callgate/callgate/seccomp"

// Length is the least number of instructions that the program has: the jumps that
// the library adds where the target of another is too far away do not count, nor
// do a few instructions without effect. The program has at most a third more.
func (f *Filter) Length() int {
	g := f.generate()
	c := counter{f.fallback, map[*block]targetIdentity{}, map[code]int{}, map[seccomp.Action]bool{f.badABI: true}, 1}
	for _, p := range g.parts {
		c.part(g, p, f.optimize)
	}
	return c.n + len(c.actions)
}

// A counter counts instructions.
type counter struct {
	fallback seccomp.Action
	done     map[*block]targetIdentity
	ids      map[code]int
	actions  map[seccomp.Action]bool // one return for each
	n        int
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
			c.target(target{block: g.start[e]})
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
