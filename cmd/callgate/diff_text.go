package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file writes differences for people. A difference is of one ABI; a person
// wants to read once what is so on all, and so calls that change alike are
// gathered, first by the ABIs on which they do, then into entries.

// printDifferences prints two lines for each entry, and who decides for two
// readings. What covers a whole ABI, of which there can be twenty alike, is
// gathered at the end.
func (t *terminal) printDifferences(c comparison, list []policy.Difference) {
	g := gatherer{comparison: c, items: map[itemKey]*item{}}
	for _, d := range c.nativeFirst(list) {
		g.add(d)
	}
	for _, e := range g.entries() {
		t.printEntry(c, e)
	}
	for _, w := range g.whole {
		t.printList("every call of", w.places, w.change.String())
		t.printf("    such as %s of %s\n", witnessText(w.call), w.at)
		t.printReasons(c, w.call, w.change)
	}
	for _, w := range g.unlisted {
		t.printList("calls of", w.places, fmt.Sprintf("%s -> %s", orList(w.a), orList(w.b)))
		t.printf("    such as %s of %s\n", witnessText(w.call), w.at)
		t.printReasons(c, w.call, w.change)
	}
}

// nativeFirst are the differences with those of the machine's ABI first.
func (c comparison) nativeFirst(list []policy.Difference) []policy.Difference {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b policy.Difference) int {
		return cmp.Compare(rank(a.ABI == c.native), rank(b.ABI == c.native))
	})
	return list
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// orList is a list of answers as a person reads it.
func orList(actions []seccomp.Action) string {
	texts := make([]string, len(actions))
	for i, a := range actions {
		texts[i] = a.String()
	}
	return strings.Join(texts, " or ")
}

// printEntry prints one entry.
func (t *terminal) printEntry(c comparison, e *entry) {
	t.printList(e.place, e.list(), e.change.String())
	condition := ""
	switch {
	case e.when != "":
		condition = "if " + e.when
	case e.some:
		condition = "only some"
	}
	witness := "such as " + witnessText(e.call)
	switch {
	case condition == "":
		t.printf("    %s\n", witness)
	case len(condition)+len(witness)+6 <= lineWidth:
		t.printf("    %s, %s\n", condition, witness)
	default:
		t.printf("    %s\n    %s\n", condition, witness)
	}
	t.printReasons(c, e.call, e.change)
}

// printReasons prints what decides about a call on both sides.
func (t *terminal) printReasons(c comparison, call seccomp.Data, ch change) {
	if !c.readings {
		return
	}
	width := max(len(c.a.label), len(c.b.label))
	a, b := c.a.reason(call, ch.a), c.b.reason(call, ch.b)
	for _, line := range []struct {
		side
		by, other outcome
	}{{c.a, a, b}, {c.b, b, a}} {
		t.printf("    %-*s  %s\n", width, line.label, line.by.reason())
		if why := line.fails(call, line.other); why != "" {
			t.printf("    %-*s  not %s: %s\n", width, "", line.other.place(), why)
		}
	}
}

// lineWidth is how wide lists are written, in columns: a terminal's 80, also in
// pipes, so that the same command prints the same.
const lineWidth = 80

// printList prints "subject list: change" on one line, or, where that is too
// wide, the list folded below the rest. The subject may be empty.
func (t *terminal) printList(subject string, list []string, change string) {
	line := fmt.Sprintf("%s: %s\n", strings.TrimSpace(subject+" "+strings.Join(list, ", ")), change)
	switch {
	case len(line) <= lineWidth:
		t.printf("%s", line)
	case subject == "":
		t.printf("%s:\n%s", change, fold(list, "    "))
	default:
		t.printf("%s: %s\n%s", subject, change, fold(list, "    "))
	}
}

// fold writes a list in lines that begin with an indentation.
func fold(list []string, indent string) string {
	var b strings.Builder
	column := 0
	for i, item := range list {
		if i < len(list)-1 {
			item += ","
		}
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+len(item) > lineWidth:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(item)
		column += len(item)
	}
	b.WriteByte('\n')
	return b.String()
}
