package libseccomp

// covered returns a leaf of the node of l that has one of the later tests of n at
// the top already, so that libseccomp drops the rule of n. nil where there is
// none. Only the first node of l that has such a test counts.
func covered(l exit, n *node) *leaf {
	for e := l.first(); e != nil; e = e.next {
		d := n.later(l, e)
		if d == nil {
			continue
		}
		if hit := found(l, d, n.action()); hit != nil {
			return hit.action()
		}
		return nil
	}
	return nil
}

// later is the first node behind n with the test of e, where the search for it
// in l gets as far as e.
func (n *node) later(l exit, e *node) *node {
	for _, x := range [...]exit{n.yes, n.no} {
		if x.tree == nil {
			continue
		}
		if x.tree.test == e.test && reaches(l, e, x.tree) {
			return x.tree
		}
		if d := x.tree.later(l, e); d != nil {
			return d
		}
	}
	return nil
}

// reaches reports whether no node of l before e is tried after d.
func reaches(l exit, e, d *node) bool {
	for b := l.first(); b != e; b = b.next {
		if order(b, d) > 0 {
			return false
		}
	}
	return true
}

// found returns the node of l that libseccomp takes for d: one with the same
// test that goes on in the same way. Where it answers exactly as d does it only
// counts if a is the action of the whole list, or if another node stands behind.
func found(l exit, d *node, a *leaf) *node {
	var hit *node
	for e := l.first(); e != nil; e = e.next {
		switch {
		case hit != nil:
			if order(e, d) > 0 {
				return hit
			}
		case e.test == d.test && e.last():
			if !sameExit(e.yes, d.yes) || !sameExit(e.no, d.no) {
				return e
			}
			hit = e
		case e.test == d.test:
			if !fitsIn(e, d) || !foundExit(e.yes, d.yes, a) && !foundExit(e.no, d.no, a) {
				return nil
			}
			hit = e
		case order(e, d) > 0:
			return nil
		}
	}
	if hit != nil && only(l, a) {
		return hit
	}
	return nil
}

func foundExit(e, d exit, a *leaf) bool {
	return e.tree != nil && d.tree != nil && found(e, d.tree, a) != nil
}

// fitsIn reports whether e, of a filter, has no exit that n, of a rule, lacks.
func fitsIn(e, n *node) bool {
	return (e.yes.empty() || !n.yes.empty()) && (e.no.empty() || !n.no.empty())
}

func sameExit(a, b exit) bool {
	return a.empty() == b.empty() && (a.leaf == nil || b.leaf == nil || a.leaf.action == b.leaf.action)
}

// only reports whether a is the only action in l.
func only(l exit, a *leaf) bool {
	for n := l.first(); n != nil; n = n.next {
		for _, x := range [...]exit{n.yes, n.no} {
			if x.leaf != nil && x.leaf.action != a.action || x.tree != nil && !only(x, a) {
				return false
			}
		}
	}
	return true
}

// conflict is a leaf of l that forbids to add n, nil where there is none.
func conflict(l exit, n *node) *leaf {
	for e := l.tree; e != nil && e != n; e = e.next {
		switch {
		case e.test == n.test && covers(e, n):
			return nil
		case e.test == n.test:
			if other := conflictExit(e, e.yes, n, n.yes); other != nil {
				return other
			}
			return conflictExit(e, e.no, n, n.no)
		case order(e, n) > 0:
			return nil
		}
	}
	return nil
}

// conflictExit compares exits of one test. The actions of an upper half may differ
// as long as the lower one is tested behind it.
func conflictExit(en *node, e exit, nn *node, n exit) *leaf {
	switch {
	case e.leaf != nil && n.leaf != nil:
		if e.leaf.action != n.leaf.action && (!nn.high || en.last()) {
			return e.leaf
		}
	case e.tree != nil && n.tree != nil:
		return conflict(e, n.tree)
	case e.tree != nil && n.leaf != nil:
		if !only(e, n.leaf) {
			return e.first().action()
		}
	}
	return nil
}

// covers reports whether e ends where n would go on to test.
func covers(e, n *node) bool {
	return e.yes.leaf != nil && n.yes.tree != nil || e.no.leaf != nil && n.no.tree != nil && n.yes.empty()
}

// A merger adds the tests of a rule to a tree.
type merger struct {
	version Version
	freed   int  // nodes of the rule or of the tree that are gone
	hangs   bool // libseccomp walks in a circle from here
}

// add adds n to the list of l, from the node on that l knows.
func (m *merger) add(l *exit, n *node) {
	for e := l.tree; e != n && !m.hangs; e = e.next {
		switch {
		case e.test == n.test:
			if !covers(e, n) {
				m.addExit(e, &e.yes, n, n.yes)
				m.addExit(e, &e.no, n, n.no)
			}
			return
		case order(e, n) > 0:
			m.hangs = !n.before(e)
			n.refs++
			if l.tree == e {
				l.tree = n
			}
			return
		case e.next == nil:
			n.refs++
			n.after(e)
			return
		}
	}
}

func (m *merger) addExit(en *node, e *exit, nn *node, n exit) {
	switch {
	case n.leaf != nil && e.leaf != nil:
		if nn.high && m.tighter(en, nn, e == &en.no) {
			*e = n
		}
	case n.leaf != nil:
		m.freed += e.tree.put()
		*e = n
	case n.tree != nil && e.tree != nil:
		m.add(e, n.tree)
	case n.tree != nil && e.leaf == nil:
		*e = n.share()
	}
}

// tighter reports whether the action of n replaces that of e, where two
// conditions share a test of their upper halves. 2.5.4 forgets to compare
// upper bounds (GHSA-4q85-33p6-j5g6).
func (m *merger) tighter(e, n *node, no bool) bool {
	if no {
		return m.version >= V2_6_1 && n.value < e.value
	}
	return n.value > e.value
}
