package draw

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// The layout: one answer of a test goes right, the other down, and nothing
// crosses. What is right of a test stands above all that is below it. So a chain
// of tests is a column, like the cases of a switch, the picture is as wide as
// tests are nested, and right of each leaf there is room for the names of all
// calls that come there. Where lines meet, the first leads to the test and
// the others end in a box that says its number.
//
// The layout takes time linear in the boxes and in the names that stand at the
// leaves. What takes longer is to find these, for a graph too: each test is tried
// with the examples that come to it (see calls), whose number grows with the ABIs
// and with the constants of the program. A program of 2,339 instructions for 23
// ABIs takes about 0.8 s.

// Measures in pixels. A character of the font is at most glyph wide.
const (
	glyph   = 7.3
	box     = 20 // height
	pitch   = 32 // from a row to the next
	leading = 15 // from a line of text to the next
	gap     = 44 // between columns, for the word on the line
	margin  = 16
	wrap    = 110 // characters of a line of names
	many    = 150 // names of a leaf, beyond which they are counted
)

// item is a box of the picture.
type item struct {
	line
	test        *test // nil for an end
	again       bool  // a test that has its place elsewhere
	column, row int   // row is in pixels
	text        string
	beside      []string // right of it
	right, down *item
	yes         bool // the answer that leads right
}

// picture is a layout.
type picture struct {
	*drawing
	placed map[place]bool
	items  []*item // from top to bottom
	width  []int   // of the tests of a column
	bottom int
}

// SVG is p as a picture. The error is that of [bpf.Program.Verify].
func SVG(p bpf.Program, o Options) ([]byte, error) {
	d, err := read(p, o)
	if err != nil {
		return nil, err
	}
	pic := &picture{drawing: d, placed: map[place]bool{}, bottom: margin + 4*pitch - 12}
	pic.place(d.start, nil, 0)
	return pic.draw(), nil
}

// place puts what l leads to, and all that follows from it, below what is there.
func (p *picture) place(l line, from *test, column int) *item {
	i := &item{line: l, test: p.tests[l.place], column: column, row: p.bottom}
	p.items = append(p.items, i)
	if i.test == nil {
		i.text, _ = p.action(l)
		calls := l.calls
		if from != nil {
			calls = from.calls
		}
		i.beside = wrapped(p.describe(l, calls, many))
		p.bottom += pitch + leading*(len(i.beside)-1)
		return i
	}
	i.text = fmt.Sprintf("%d  %s", l.pc, i.test.text)
	if i.again = p.placed[l.place]; i.again {
		i.text = "\u2192 " + i.text
		p.bottom += pitch
		return i
	}
	p.placed[l.place] = true
	for len(p.width) <= column {
		p.width = append(p.width, 0)
	}
	p.width[column] = max(p.width[column], i.size())
	right, down := i.test.yes, i.test.no
	if i.yes = p.short(right) || !p.short(down); !i.yes {
		right, down = down, right // what is short stands right
	}
	i.right = p.place(right, i.test, column+1)
	i.down = p.place(down, i.test, column)
	return i
}

// short reports whether nothing follows from l that has no place yet.
func (p *picture) short(l line) bool { return p.tests[l.place] == nil || p.placed[l.place] }

// size is the width of a box.
func (i *item) size() int { return int(glyph*float64(utf8.RuneCountInString(i.text))) + 12 }

// indent marks the further lines of a paragraph.
const indent = "    "

// wrapped breaks paragraphs into lines.
func wrapped(paragraphs []string) []string {
	var lines []string
	for _, text := range paragraphs {
		for len(text) > wrap {
			n := strings.LastIndex(text[:wrap], " ")
			if n <= len(indent) {
				break // a word as long as that
			}
			lines, text = append(lines, text[:n]), indent+text[n+1:]
		}
		lines = append(lines, text)
	}
	return lines
}

// left is where a column starts.
func (p *picture) left(column int) int {
	x := margin
	for _, w := range p.width[:min(column, len(p.width))] {
		x += w + gap
	}
	return x
}

const style = `
text { font: 12px monospace; white-space: pre; fill: #202020 }
.head { font-size: 15px; font-weight: bold }
.small { font-size: 11px; fill: #505050 }
.answer { font-size: 10px; fill: #505050 }
.test { fill: #f4f6fb; stroke: #4a5a80 }
.again { fill: #ffffff; stroke: #4a5a80; stroke-dasharray: 3 2 }
.yes, .no { fill: none; stroke: #2c7a2c; stroke-width: 1.3 }
.no { stroke: #909090 }
g:target rect { stroke-width: 3 }
`

func (p *picture) draw() []byte {
	var b, body bytes.Buffer
	width := max(600, margin+int(1.3*glyph*float64(utf8.RuneCountInString(p.Title))))
	for _, i := range p.items {
		width = max(width, p.item(&body, i))
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d">`+"\n", width+margin, p.bottom)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escape(p.Title), style)
	b.WriteString(`<rect width="100%" height="100%" fill="#ffffff"/>` + "\n")
	p.head(&b)
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// head says what is drawn and how to read it.
func (p *picture) head(b *bytes.Buffer) {
	label(b, "head", margin, margin+8, p.Title)
	label(b, "small", margin, margin+28, "The first test is at the top left, the word on a line is the answer to it.")
	label(b, "small", margin, margin+28+leading, "\u2192 and a number: it goes on at the test with that number.")
	x := margin
	for _, k := range []struct {
		kind seccomp.Action
		text string
	}{{seccomp.Allow, "ALLOW"}, {seccomp.Err, "ERRNO"}, {seccomp.KillProcess, "KILL"}, {seccomp.Trace, "other"}} {
		i := &item{text: k.text}
		i.rect(b, x, margin+54, colorsOf(k.kind))
		label(b, "", x+6, margin+68, k.text)
		x += i.size() + 8
	}
}

func (i *item) rect(b *bytes.Buffer, x, y int, c colors) {
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="9" fill="%s" stroke="%s"/>`, x, y, i.size(), box, c.fill, c.border)
}

// item draws a box and the lines from it, and returns where its text ends.
func (p *picture) item(b *bytes.Buffer, i *item) (right int) {
	x, y := p.left(i.column), i.row
	right = x + i.size()
	switch {
	case i.test == nil:
		name, kind := p.action(i.line)
		fmt.Fprintf(b, "<g><title>%s</title>", escape(p.note(i.line)))
		i.rect(b, x, y, colorsOf(kind))
		label(b, "", x+6, y+14, name)
		for n, text := range i.beside {
			label(b, "small", x+i.size()+8, y+14+n*leading, text)
			right = max(right, x+i.size()+8+int(glyph*float64(len(text))))
		}
	case i.again:
		fmt.Fprintf(b, `<a href="#%s"><g><title>%s</title>`, p.id(i.line.place), escape(p.lines(i.test)))
		fmt.Fprintf(b, `<rect class="again" x="%d" y="%d" width="%d" height="%d"/>`, x, y, i.size(), box)
		label(b, "", x+6, y+14, i.text)
		b.WriteString("</g></a>\n")
		return right
	default:
		fmt.Fprintf(b, `<g id="%s"><title>%s</title>`, p.id(i.line.place), escape(p.tip(i.test)))
		fmt.Fprintf(b, `<rect class="test" x="%d" y="%d" width="%d" height="%d"/>`, x, y, i.size(), box)
		label(b, "", x+6, y+14, i.text)
		b.WriteString("</g><g>")
		p.answers(b, i, right)
	}
	b.WriteString("</g>\n")
	return right
}

// tip says more of a test: its instructions, and where it is reached from.
func (p *picture) tip(t *test) string {
	text := p.lines(t)
	if len(t.from) > 1 {
		text += "\nreached from " + strings.Trim(fmt.Sprint(t.from), "[]")
	}
	return text
}

// answers draws the lines from a test, whose box ends at right.
func (p *picture) answers(b *bytes.Buffer, i *item, right int) {
	words := [2]string{"no", "yes"}
	toRight, toDown := words[0], words[1]
	if i.yes {
		toRight, toDown = words[1], words[0]
	}
	x, y := p.left(i.column)+10, i.row+box/2
	fmt.Fprintf(b, `<path class="%s" d="M%d %dH%d"/>`, toRight, right, y, p.left(i.right.column))
	label(b, "answer", right+6, y-3, toRight)
	fmt.Fprintf(b, `<path class="%s" d="M%d %dV%d"/>`, toDown, x, i.row+box, i.down.row)
	label(b, "answer", x+4, i.row+box+10, toDown)
	if i.down.row-i.row > 8*pitch { // its start is out of sight
		label(b, "answer", x+4, i.down.row-4, fmt.Sprintf("%s, of %d", toDown, i.pc))
	}
}

func label(b *bytes.Buffer, class string, x, y int, text string) {
	if class != "" {
		class = fmt.Sprintf(` class="%s"`, class)
	}
	fmt.Fprintf(b, `<text%s x="%d" y="%d">%s</text>`, class, x, y, escape(text))
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(clean(s))) // a buffer takes everything
	return b.String()
}
