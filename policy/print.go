package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// This file writes what text.go and ask.go took apart. What is used more than
// once is written once, first and with a name.

// count counts the places in which n will be written.
func (t *textWriter) count(n Node) {
	if t.s.Terminal(n) {
		return
	}
	t.uses[n]++
	if t.uses[n] == 1 {
		t.countDecision(t.decide(n))
	}
}

func (t *textWriter) countDecision(d decision) {
	for _, q := range d.ask {
		t.count(q.then)
	}
	t.count(d.rest)
}

// define writes the decisions that are used more than once, each before its
// use: those that test the last bits first. Among those of one bit the text
// decides, not the node number, so that equal policies are written alike.
func (t *textWriter) define() {
	shared := map[uint16][]Node{}
	for n, uses := range t.uses {
		if uses > 1 {
			level := t.s.nodes[n].level
			shared[level] = append(shared[level], n)
		}
	}
	for _, level := range slices.Backward(slices.Sorted(maps.Keys(shared))) {
		shapes := map[Node]string{}
		for _, n := range shared[level] {
			shapes[n] = t.shape(n)
		}
		slices.SortFunc(shared[level], func(a, b Node) int { return strings.Compare(shapes[a], shapes[b]) })
		for _, n := range shared[level] {
			name := fmt.Sprintf("@%d", len(t.names)+1)
			t.b.WriteString(name + " {\n")
			t.questions(t.decide(n), "\t")
			t.b.WriteString("}\n\n")
			t.names[n] = name
		}
	}
}

// shape is a decision on one line. What it leads to and is shared has a name
// by then, so that the line is as long as the part of the diagram that is
// written here.
func (t *textWriter) shape(n Node) string {
	var b strings.Builder
	d := t.decide(n)
	for _, q := range d.ask {
		b.WriteString(q.String() + ":" + t.answer(q.then) + ";")
	}
	return b.String() + t.answer(d.rest)
}

// answer is what an action or a named decision is written as; other decisions
// are written out, on one line, to compare them.
func (t *textWriter) answer(n Node) string {
	if a, ok := t.s.Action(n); ok {
		return a.String()
	}
	if name, ok := t.names[n]; ok {
		return name
	}
	return "{" + t.shape(n) + "}"
}

// writeSections writes sections; neighbours that say the same become one.
func (t *textWriter) writeSections(sections []section) {
	var heads, bodies []string
	for _, sec := range sections {
		body := t.body(sec)
		if last := len(bodies) - 1; last >= 0 && bodies[last] == body {
			heads[last] += ", " + sec.head
			continue
		}
		heads, bodies = append(heads, sec.head), append(bodies, body)
	}
	for i, head := range heads {
		t.b.WriteString(head + " {\n" + bodies[i] + "}\n")
	}
}

// body is what a section says about its calls.
func (t *textWriter) body(sec section) string {
	outer := t.b
	t.b = new(strings.Builder)
	defer func() { t.b = outer }()
	for _, l := range sec.lists {
		if t.inline(l.then) {
			t.list(t.answer(l.then)+": ", l.targets, "\t")
			t.b.WriteString("\n")
			continue
		}
		t.list("", l.targets, "\t")
		t.block(l.then, "\t")
	}
	if t.inline(sec.rest) {
		fmt.Fprintf(t.b, "\telse: %s\n", t.answer(sec.rest))
	} else {
		t.questions(t.decide(sec.rest), "\t")
	}
	return t.b.String()
}

// inline reports whether n is written in one word.
func (t *textWriter) inline(n Node) bool {
	return t.s.Terminal(n) || t.names[n] != ""
}

// list writes names or numbers separated by commas, folded at 90 columns.
func (t *textWriter) list(head string, items []string, indent string) {
	line := indent + head
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		if len(line)+len(item) > 90 && i > 0 {
			t.b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent + "\t"
		}
		line += item + " "
	}
	t.b.WriteString(strings.TrimRight(line, " "))
}

func (t *textWriter) block(n Node, indent string) {
	t.b.WriteString(" {\n")
	t.questions(t.decide(n), indent+"\t")
	t.b.WriteString(indent + "}\n")
}

func (t *textWriter) questions(d decision, indent string) {
	for _, q := range d.ask {
		t.list(q.head, q.values, indent)
		if t.inline(q.then) {
			fmt.Fprintf(t.b, ": %s\n", t.answer(q.then))
		} else {
			t.block(q.then, indent)
		}
	}
	// What follows as the last answer needs no block of its own.
	if t.inline(d.rest) {
		fmt.Fprintf(t.b, "%selse: %s\n", indent, t.answer(d.rest))
	} else {
		t.questions(t.decide(d.rest), indent)
	}
}
