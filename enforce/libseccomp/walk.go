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

// clone is a copy of what x leads to. done are the copies so far.
func (x exit) clone(done map[*node]*node) exit {
	x.tree = x.tree.clone(done)
	return x
}

func (n *node) clone(done map[*node]*node) *node {
	if n == nil || done[n] != nil {
		return done[n]
	}
	c := *n
	done[n] = &c
	c.prev, c.next = n.prev.clone(done), n.next.clone(done)
	c.yes, c.no = n.yes.clone(done), n.no.clone(done)
	c.held = nil
	for _, h := range n.held {
		c.held = append(c.held, h.clone(done))
	}
	return &c
}

// leaves are the rules that a tree can answer with.
func leaves(x exit) map[*Rule]bool {
	set := map[*Rule]bool{}
	each(x, func(n *node) {
		for _, x := range [...]exit{n.yes, n.no} {
			if x.leaf != nil {
				set[x.leaf.rule] = true
			}
		}
	})
	return set
}

// circular reports whether a list below x leads back to itself, so that
// libseccomp walks for ever.
func circular(x exit) bool {
	done := map[*node]bool{}
	var walk func(*node) bool
	walk = func(n *node) bool {
		seen := map[*node]bool{}
		for ; n != nil && n.prev != nil; n = n.prev {
			if seen[n] {
				return true
			}
			seen[n] = true
		}
		if n == nil || done[n] {
			return false
		}
		clear(seen)
		for ; n != nil; n = n.next {
			if seen[n] {
				return true
			}
			seen[n] = true
			if done[n] {
				continue
			}
			done[n] = true
			if walk(n.yes.tree) || walk(n.no.tree) {
				return true
			}
		}
		return false
	}
	return walk(x.tree)
}
