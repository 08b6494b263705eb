package draw

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

// nasty must not end a string, an element or a comment, nor be in a document.
const nasty = "a \"b\" \\ </title> & <b> ]]> \x00\x1b\xff\n--> */ \\\\\""

// programs are filters to draw.
func programs() map[string]bpf.Program {
	all := map[string]bpf.Program{
		"one return":  {bpf.Ret(seccomp.Allow)},
		"return of A": {bpf.LoadWord(16), bpf.Stmt(bpf.ReturnA, 0)},
		"unknown":     {bpf.Ret(0x12345678)},
		"division":    {bpf.LoadWord(16), bpf.Stmt(bpf.TAX, 0), bpf.Stmt(bpf.DivX, 0), bpf.Ret(seccomp.Allow)},
	}
	r := arbitrary.New(7)
	for n := range 60 {
		all["random "+string(rune('0'+n))] = arbitrary.Program(r, 80)
	}
	return all
}

func TestSVGIsXML(t *testing.T) {
	for name, p := range programs() {
		svg, err := SVG(p, Options{Title: nasty, ABI: seccomp.X86_64})
		if err != nil {
			t.Fatal(err)
		}
		titles, rects := 0, 0
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v:\n%s", name, err, svg)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "title" {
				titles++
			} else if ok && e.Name.Local == "rect" {
				rects++
			}
		}
		// The background and the four of the legend have no title, the
		// document has.
		if titles-1 != rects-5 {
			t.Errorf("%s: %d boxes, %d have a title", name, rects-5, titles-1)
		}
		if again, _ := SVG(p, Options{Title: nasty, ABI: seccomp.X86_64}); !bytes.Equal(svg, again) {
			t.Errorf("%s: drawn twice, it differs", name)
		}
	}
}

func TestSVG(t *testing.T) {
	svg, err := SVG(assemble(t, labelled(mkdir)), Options{Title: "mkdir is refused", ABI: seccomp.X86_64})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<title>mkdir is refused</title>",
		`<g id="t7"><title>7: jeq   #83, 9                     ; nr == mkdir</title>`,
		`>7  nr == 83 (mkdir)</text>`,
		`fill="#fde3c0" stroke="#b86a00"/><text x="260" y="274">ERRNO(EPERM)</text><text class="small" x="361" y="274">mkdir</text></g>`,
	} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("%q is missing:\n%s", want, svg)
		}
	}
}

// extent is the room that an item takes: its box and what stands beside it.
type extent struct{ x, right, y, bottom int }

// TestLayout holds the promise that nothing lies over another thing.
func TestLayout(t *testing.T) {
	all := programs()
	maps.Copy(all, golden(t))
	for name, p := range all {
		pic := &picture{drawing: drawn(t, p, seccomp.X86_64), placed: map[place]bool{}}
		pic.place(pic.start, nil, 0)
		var extents []extent
		for _, i := range pic.items {
			right := pic.item(new(bytes.Buffer), i)
			extents = append(extents, extent{pic.left(i.column), right, i.row, i.row + max(box, leading*len(i.beside))})
		}
		for n, a := range extents {
			down := pic.items[n].down
			for m, b := range extents[n+1:] {
				other := pic.items[n+1+m]
				if b.y < a.bottom && b.x < a.right && a.x < b.right {
					t.Fatalf("%s: %q lies over %q", name, other.text, pic.items[n].text)
				}
				if b.y < a.y {
					t.Fatalf("%s: %q goes up", name, other.text)
				}
				if line := a.x + 10; down != nil && b.y < down.row && b.x < line && line < b.right {
					t.Fatalf("%s: the line down from %q crosses %q", name, pic.items[n].text, other.text)
				}
			}
		}
	}
}

func TestDOT(t *testing.T) {
	dot, err := DOT(assemble(t, labelled(mkdir)), Options{Title: "mkdir is refused", ABI: seccomp.X86_64})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`label="mkdir is refused";`,
		`	t7 [label="nr == 83 (mkdir)", tooltip="7: jeq   #83, 9                     ; nr == mkdir"];`,
		`	leaft7yes [label="ERRNO(EPERM)\nmkdir", tooltip="9: ret   ERRNO(EPERM)\nmkdir", style="rounded,filled"`,
		`	t7 -> leaft7yes [label=yes];`,
		`	t3 -> t6 [label=no];`,
	} {
		if !strings.Contains(string(dot), want) {
			t.Errorf("%q is missing:\n%s", want, dot)
		}
	}
}

// TestDOTIsDOT asks graphviz.
func TestDOTIsDOT(t *testing.T) {
	graphviz := need.Program(t, "dot")
	all := programs()
	for name, p := range golden(t) {
		if len(p) < 500 { // it takes long over long chains
			all[name] = p
		}
	}
	for name, p := range all {
		text, err := DOT(p, Options{Title: nasty, ABI: seccomp.X86_64})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), graphviz, "-Tcanon")
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("Warning")) {
			t.Errorf("%s: %v: %s\n%s", name, err, out, text)
		}
	}
}

// TestDOTHasNoEntities asks graphviz what it reads in a title.
func TestDOTHasNoEntities(t *testing.T) {
	graphviz := need.Program(t, "dot")
	const title = "R&D &lt;web&gt; &amp; &#65;"
	text, err := DOT(bpf.Program{bpf.Ret(seccomp.Allow)}, Options{Title: title, ABI: seccomp.X86_64})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), graphviz, "-Tsvg")
	cmd.Stdin = bytes.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for d := xml.NewDecoder(bytes.NewReader(out)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := token.(xml.CharData); ok {
			shown = append(shown, string(s))
		}
	}
	if !slices.Contains(shown, title) {
		t.Errorf("no %q in %q", title, shown)
	}
}
