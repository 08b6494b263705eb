package policy

import (
	"fmt"
	"slices"
	"strings"
)

// This file takes diagrams apart into questions that people ask about one
// number: whether it is among some values, or whether some of its bits have a
// value. Where there is no such question, one bit is asked about.

// firstRoom bounds the ranges of one number that are asked about as ranges,
// and maxSpans where there is no room for so many.
const (
	firstRoom = 1024
	maxSpans  = 24
)

// decision is a diagram as questions: the first that holds leads on, rest is
// where the others lead.
type decision struct {
	ask  []question
	rest Node
}

// question is whether head holds for any of some values, if it is about
// values.
type question struct {
	head   string
	values []string
	then   Node
}

func (q question) String() string { return q.head + strings.Join(q.values, ", ") }

// mostCommon is the exit of n behind f, a field of 32 bits, that most values of
// f lead to; the first of several.
func (s *Space) mostCommon(n Node, f field) Node {
	values := map[Node]uint64{n: 1 << 32} // how many lead to each node
	for _, at := range s.inside(n, f) {
		t := s.nodes[at]
		values[t.lo] += values[at] / 2
		values[t.hi] += values[at] / 2
	}
	best, most := n, uint64(0)
	for _, exit := range s.exits(n, f) {
		// True marks what is not asked about.
		if exit != True && values[exit] > most {
			best, most = exit, values[exit]
		}
	}
	return best
}

// inside are the nodes that n leads to and that test f or what stands before
// it, each before those that it leads to.
func (s *Space) inside(n Node, f field) []Node {
	var out []Node
	s.startWalk()
	var walk func(Node)
	walk = func(n Node) {
		t := s.nodes[n]
		if t.level >= f.end() || !s.firstVisit(n) {
			return
		}
		walk(t.lo)
		walk(t.hi)
		out = append(out, n)
	}
	walk(n)
	slices.Reverse(out)
	return out
}

// decide takes n apart into questions about the number that it tests first.
func (t *textWriter) decide(n Node) decision {
	if t.s.Terminal(n) {
		return decision{rest: n}
	}
	if d, ok := t.decisions[n]; ok {
		return d
	}
	d := t.ask(n)
	t.decisions[n] = d
	return d
}

func (t *textWriter) ask(n Node) decision {
	level := t.s.nodes[n].level
	f := fieldOf(level)
	skip := uint(level - f.first)
	if m, ok := t.s.maskTest(n, f); ok {
		if _, few := t.s.spans(n, f, skip, 3); !few {
			return decision{[]question{maskQuestion(f, m)}, m.no}
		}
	}
	spans, ok := t.spans(n, f, skip)
	if !ok {
		bit := uint64(1) << (f.end() - 1 - level)
		return decision{[]question{maskQuestion(f, mask{bits: bit, value: bit, yes: t.s.nodes[n].hi})}, t.s.nodes[n].lo}
	}
	name := f.name()
	switch {
	case f.bits == 64 && skip == 32:
		name += ".low"
	case skip > 0:
		name += fmt.Sprintf(" & %#x", f.max()>>skip)
	}
	d := decision{rest: widest(spans)}
	for len(spans) > 0 {
		then := spans[0].then
		if then != d.rest {
			d.ask = append(d.ask, valueQuestion(name, f.max()>>skip, spans, then))
		}
		spans = slices.DeleteFunc(spans, func(sp span) bool { return sp.then == then })
	}
	return d
}

// spans are the ranges of a number that n tells apart, if there is room for
// them. The room shrinks whenever it did not suffice, which bounds the work
// that is done for nothing.
func (t *textWriter) spans(n Node, f field, skip uint) ([]span, bool) {
	spans, ok := t.s.spans(n, f, skip, t.room)
	if !ok {
		t.room = max(t.room/2, maxSpans)
	}
	return spans, ok
}

// widest is what most values of the ranges lead to; the first of several.
func widest(spans []span) Node {
	width := map[Node]float64{}
	for _, sp := range spans {
		width[sp.then] += float64(sp.high-sp.low) + 1
	}
	best := spans[0].then
	for _, sp := range spans {
		if width[sp.then] > width[best] {
			best = sp.then
		}
	}
	return best
}

func maskQuestion(f field, m mask) question {
	return question{head: fmt.Sprintf("%s & %#x == %s", f.name(), m.bits, number(m.value)), then: m.yes}
}

// valueQuestion is whether a number, of up to most, is in one of the ranges
// that lead to then.
func valueQuestion(name string, most uint64, spans []span, then Node) question {
	q := question{head: name + " in ", then: then}
	var only span
	for _, sp := range spans {
		if sp.then == then {
			only = sp
			q.values = append(q.values, rangeText(sp.low, sp.high))
		}
	}
	if len(q.values) > 1 {
		return q
	}
	switch {
	case only.low == only.high:
		q.head, q.values = fmt.Sprintf("%s == %s", name, number(only.low)), nil
	case only.low == 0:
		q.head, q.values = fmt.Sprintf("%s <= %s", name, number(only.high)), nil
	case only.high == most:
		q.head, q.values = fmt.Sprintf("%s >= %s", name, number(only.low)), nil
	}
	return q
}

// rangeText is as in 5 or 5..7.
func rangeText(low, high uint64) string {
	if low == high {
		return number(low)
	}
	return number(low) + ".." + number(high)
}
