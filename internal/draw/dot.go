package draw

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/bpf"
)

// DOT is p in the language of graphviz. The error is that of
// [bpf.Program.Verify].
func DOT(p bpf.Program, o Options) ([]byte, error) {
	d, err := read(p, o)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "digraph filter {\n\tlabel=%s; labelloc=t; rankdir=LR; ranksep=0.5; nodesep=0.1;\n", quote(d.Title))
	b.WriteString("\tnode [shape=box, fontname=monospace, fontsize=10, height=0.25];\n\tedge [fontname=monospace, fontsize=9];\n")
	if d.ends(d.start) {
		d.dotLine(&b, "", d.start, d.start.calls, "")
	}
	for pc := range d.program {
		for _, t := range d.at(pc) {
			fmt.Fprintf(&b, "\t%s [label=%s, tooltip=%s];\n", d.id(t.place), quote(t.text), quote(d.lines(t)))
			d.dotLine(&b, d.id(t.place), t.yes, t.calls, "yes")
			d.dotLine(&b, d.id(t.place), t.no, t.calls, "no")
		}
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// few is the number of names that a leaf of a graph shows.
const few = 3

// dotLine writes a line that leads from a test, or from nowhere, and the leaf in
// which it may end.
func (d *drawing) dotLine(b *bytes.Buffer, from string, l line, calls set, answer string) {
	to := "leaf" + from + answer
	if d.ends(l) {
		name, kind := d.action(l)
		text := name + "\n" + strings.Join(d.describe(l, calls, few), "\n")
		tip := d.note(l) + "\n" + strings.Join(d.describe(l, calls, len(d.calls.list)), "\n")
		c := colorsOf(kind)
		fmt.Fprintf(b, "\t%s [label=%s, tooltip=%s, style=\"rounded,filled\", fillcolor=%q, color=%q];\n",
			to, quote(text), quote(tip), c.fill, c.border)
	} else {
		to = d.id(l.place)
	}
	if from != "" {
		fmt.Fprintf(b, "\t%s -> %s [label=%s];\n", from, to, answer)
	}
}

// id names a test.
func (d *drawing) id(at place) string {
	if n := slices.Index(d.contents[at.pc], at.a); n > 0 {
		return fmt.Sprintf("t%d_%d", at.pc, n)
	}
	return fmt.Sprintf("t%d", at.pc)
}

// lines are those of the listing that belong to a test.
func (d *drawing) lines(t *test) string {
	return strings.Join(d.listing[t.block:t.pc+1], "\n")
}

// quote writes s as a string of DOT, in which a backslash starts an escape and an
// ampersand an entity of HTML.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "&", "&amp;").Replace(clean(s)) + `"`
}

// clean replaces what no text may have in it: XML and DOT alike refuse most
// control characters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}
