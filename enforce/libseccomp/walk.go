package libseccomp

// count is the number of nodes of a tree. A shared list counts once.
func count(x exit) int {
	n := 0
	each(x, func(*node) { n++ })
	return n
}

// each calls f for every node, once.
func each(x exit, f func(*node)) {
	seen := map[*node]bool{}
	var walk func(exit)
	walk = func(x exit) {
		for n := x.first(); n != nil && !seen[n]; n = n.next {
			seen[n] = true
			f(n)
			walk(n.yes)
			walk(n.no)
		}
	}
	walk(x)
}

// ruleSet is rules in the order in which they were met.
type ruleSet struct {
	order []*Rule
	has   map[*Rule]bool
}

// leaves are the rules that a tree can answer with.
func leaves(x exit) ruleSet {
	set := ruleSet{has: map[*Rule]bool{}}
	each(x, func(n *node) {
		for _, x := range [...]exit{n.yes, n.no} {
			if x.leaf != nil && !set.has[x.leaf.rule] {
				set.has[x.leaf.rule] = true
				set.order = append(set.order, x.leaf.rule)
			}
		}
	})
	return set
}

// A place is where a walk through a tree as the program does it has got to: a
// node, and what comes behind its list.
//
// The program loads a word only where it believes that the accumulator does not
// have it. Behind a node it believes that the accumulator still has that node's
// word, unless the node goes on to tests where it holds. That is wrong behind a
// node that goes on to tests where it fails: then the next test compares
// whatever was compared last.
type place struct {
	n        *node
	believed operand // mask 0: nothing
	then     *place  // nil: nothing decides
}

// enter is the place at the start of x's list.
func enter(x exit, believed operand, then *place) *place {
	return &place{x.first(), believed, then}
}

// behind is the place behind p's node.
func (p *place) behind() *place {
	if p.n.next == nil {
		return p.then
	}
	believed := p.n.operand
	if p.n.yes.tree != nil || p.n.yes.leaf != nil && p.n.no.tree != nil {
		believed = operand{}
	}
	return &place{p.n.next, believed, p.then}
}

// loads is what the accumulator has at p's test, if it has a before. A mask is
// put on what is there where that is believed to be the whole word.
func (p *place) loads(a operand) operand {
	if p.believed == p.n.operand {
		return a
	}
	if whole := p.n.operand.whole(); p.believed == whole {
		a.mask &= p.n.mask
		return a
	}
	return p.n.operand
}

func (o operand) whole() operand {
	o.mask = ^uint32(0)
	return o
}

// leave is the place that an exit of p's node leads to.
func (p *place) leave(x exit) *place {
	if x.tree == nil {
		return p.behind()
	}
	return enter(x, p.n.operand, p.behind())
}
