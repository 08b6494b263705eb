package libseccomp

// A pruner removes from a tree what a rule that is about to be added says too.
// libseccomp looks below the nodes at the top only, and in each list below as
// far as the order of nodes tells. It takes two tests for the same that differ
// in where they lead to, and then removes too much.
type pruner struct {
	action *leaf // of the rule
	freed  int
}

// prune removes from below the nodes of l what n says.
func (p *pruner) prune(l *exit, n *node) {
	var next *node
	for e := l.first(); e != nil; e = next {
		next = e.next
		if e.test == n.test {
			if !fitsIn(e, n) || n.last() && (!sameExit(n.yes, e.yes) || !sameExit(n.no, e.no)) {
				return
			}
			continue
		}
		if n.later(*l, e) != nil {
			return
		}
		stop := p.below(&e.yes, n) || p.below(&e.no, n)
		p.drop(l, e, e.yes.empty() && e.no.empty())
		if stop {
			return
		}
	}
}

// below removes what n says from a list and what hangs there. It reports that
// the search is over.
func (p *pruner) below(x *exit, n *node) (stop bool) {
	var next *node
	for h := x.first(); h != nil; h = next {
		next = h.next
		if h.test == n.test {
			gone, stop := p.cut(*x, h, n)
			p.drop(x, h, gone)
			return stop
		}
		if order(n, h) >= 0 {
			return false
		}
		stop = p.below(&h.yes, n) || p.below(&h.no, n)
		p.drop(x, h, h.yes.empty() && h.no.empty())
		if stop {
			return true
		}
	}
	return false
}

func (p *pruner) drop(x *exit, n *node, gone bool) {
	if gone {
		p.freed += n.unlink(x)
	}
}

// cut removes from h, of list l, what n says. It reports whether h is to go, and
// whether the search is over.
func (p *pruner) cut(l exit, h, n *node) (gone, stop bool) {
	same := only(l, p.action)
	switch {
	case n.last() && (!sameExit(n.yes, h.yes) || !sameExit(n.no, h.no)):
		return false, true
	case n.last():
		return same, false
	case !fitsIn(h, n):
		return false, true
	}
	differs := p.cutExit(h, &h.yes, n.yes) || p.cutExit(h, &h.no, n.no)
	return h.yes.empty() && h.no.empty() || differs && same, false
}

// cutExit goes on behind equal tests of h. It reports whether the last ones
// differ in where they lead to.
func (p *pruner) cutExit(h *node, x *exit, n exit) (differs bool) {
	if x.tree == nil || n.tree == nil {
		return false
	}
	c := x.first()
	if c.test != n.tree.test || !n.tree.last() && !fitsIn(c, n.tree) {
		return false
	}
	gone, differs := p.cut(*x, c, n.tree)
	if !gone {
		return differs
	}
	if !p.purge(&h.yes, c) {
		p.purge(&h.no, c)
	}
	if x.tree == c {
		p.drop(x, c, true)
	}
	return differs
}

// purge removes gone from the first list below x that has it, and what is empty
// then. It reports whether there was one. Where a list is shared that need not be
// the one in which gone was found.
func (p *pruner) purge(x *exit, gone *node) bool {
	for h := x.first(); h != nil; h = h.next {
		if h == gone {
			p.drop(x, h, true)
			return true
		}
		if p.purge(&h.yes, gone) || p.purge(&h.no, gone) {
			p.drop(x, h, h.yes.empty() && h.no.empty())
			return true
		}
	}
	return false
}
