package draw

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// text is what a test asks: nr >= 97 (getrlimit).
func (d *drawing) text(t *test) string {
	i, x := d.program[t.pc], d.registers[t.pc].X
	if i.Code == bpf.DivX {
		return d.word(x, "X", 0xffffffff) + " == 0"
	}
	left := d.word(t.a, "A", 0xffffffff)
	right, bits := d.word(x, "X", 0xffffffff), i.Code&^bpf.SourceX == bpf.JumpSet
	switch {
	case !i.ReadsX() && bits:
		return d.word(t.a, "A", i.K)
	case bits:
		return left + " & " + right
	case !i.ReadsX():
		right = d.constant(i.K, t)
	}
	return left + " " + operators[i.Code&^bpf.SourceX] + " " + right
}

var operators = map[uint16]string{bpf.JumpEQ: "==", bpf.JumpGT: ">", bpf.JumpGE: ">="}

// word is what a register holds, by mask: arg0.low & 0xff. A register whose
// content is not known has its own name.
func (d *drawing) word(c bpf.Content, register string, mask uint32) string {
	if c.Kind == bpf.Constant {
		return number(c.K&mask, mask != 0xffffffff)
	}
	name := register
	if c.Kind == bpf.Field {
		name, mask = d.field(c.Offset), mask&c.K
	}
	if mask != 0xffffffff {
		name += " & " + number(mask, true)
	}
	return name
}

// field is the name of a word of struct seccomp_data.
func (d *drawing) field(off uint32) string {
	name := "ip"
	switch {
	case off == seccomp.OffsetNR:
		return "nr"
	case off == seccomp.OffsetArch:
		return "arch"
	case off >= seccomp.OffsetArgs:
		name = "arg" + strconv.Itoa(int(off-seccomp.OffsetArgs)/8)
	}
	if (off%8 == 0) == (d.ABI.ByteOrder() == binary.ByteOrder(binary.BigEndian)) {
		return name + ".high"
	}
	return name + ".low"
}

// constant is the constant of a comparison, with the names that it has on the
// ABIs that come to the test; but where those are more than two it is a number.
func (d *drawing) constant(k uint32, t *test) string {
	a := t.a
	if a.Kind != bpf.Field || a.K != 0xffffffff {
		return number(k, a.Kind == bpf.Field)
	}
	switch a.Offset {
	case seccomp.OffsetArch:
		if abi, ok := seccomp.ABIOf(k, 0); ok {
			return abi.String()
		}
		return number(k, true)
	case seccomp.OffsetNR:
		if k == seccomp.X32.Base() && d.program[t.pc].Code != bpf.JumpEQ && d.calls.include(t.calls, seccomp.X32) {
			return number(k, false) + " (x32)" // where its range starts
		}
		if names := d.names(k, t); names != "" {
			return number(k, false) + " (" + names + ")"
		}
	}
	return number(k, false)
}

// names are those of a number on the ABIs that come to a test.
func (d *drawing) names(nr uint32, t *test) string {
	var names, marked []string
	for _, of := range d.calls.of(t.calls) {
		name, ok := syscalls.Name(of.abi, nr)
		if !ok {
			continue
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		marked = append(marked, of.abi.String()+" "+name)
	}
	switch {
	case len(marked) > 2 && len(names) > 1:
		return ""
	case len(names) == 1 && !strings.HasPrefix(marked[0], "x32 "):
		return names[0]
	}
	return strings.Join(marked, ", ")
}

// number writes v as listings do.
func number(v uint32, bits bool) string {
	if v < 10 || v < 1<<16 && !bits {
		return strconv.FormatUint(uint64(v), 10)
	}
	return "0x" + strconv.FormatUint(uint64(v), 16)
}

// action is the name of an end, and its kind.
func (d *drawing) action(l line) (name string, kind seccomp.Action) {
	if a, known := d.verdict(l); known {
		return a.Canonical().String(), a.Canonical().Kind()
	}
	return d.word(l.a, "A", 0xffffffff), seccomp.Trace // drawn as what asks somebody is
}

// colors are the fill and the border of a leaf.
type colors struct{ fill, border string }

// colorsOf tells apart what ends the caller, what fails the call, and what makes
// it; all else asks somebody.
func colorsOf(kind seccomp.Action) colors {
	switch kind {
	case seccomp.KillProcess, seccomp.KillThread:
		return colors{"#f8d0d0", "#b02020"}
	case seccomp.Err:
		return colors{"#fde3c0", "#b86a00"}
	case seccomp.Allow:
		return colors{"#d3efd3", "#2c7a2c"}
	}
	return colors{"#e6e6e6", "#707070"}
}

// note is the line of the listing that an end has.
func (d *drawing) note(l line) string {
	if l.pc == divisionByZero {
		return "a division by zero ends the program"
	}
	return d.listing[l.pc]
}

// group are calls of ABIs that have the same ones.
type group struct {
	abis  []seccomp.ABI // none: those that the program does not tell apart
	names []string
	other string // numbers that have no name
	all   bool   // every call of the ABIs
}

// groups says which calls are in s.
func (c calls) groups(s set) []group {
	var all []group
	for _, of := range c.of(s) {
		g := c.group(s, of)
		n := slices.IndexFunc(all, func(h group) bool {
			return g.all == h.all && (g.all || g.other == h.other && slices.Equal(g.names, h.names))
		})
		if n < 0 {
			all = append(all, g)
		} else {
			all[n].abis = append(all[n].abis, of.abi)
		}
	}
	if s.within(c.strange(), len(c.list)) {
		all = append(all, group{})
	}
	return all
}

// of are the ABIs of which calls are in s.
func (c calls) of(s set) []span {
	return slices.DeleteFunc(slices.Clone(c.abis), func(of span) bool { return !s.within(of.first, of.past) })
}

// include reports whether calls of an ABI are in s.
func (c calls) include(s set, abi seccomp.ABI) bool {
	return slices.ContainsFunc(c.of(s), func(of span) bool { return of.abi == abi })
}

// strange is where the list has the calls of other ABIs.
func (c calls) strange() int {
	if len(c.abis) == 0 {
		return 0
	}
	return c.abis[len(c.abis)-1].past
}

func (c calls) group(s set, of span) group {
	g := group{abis: []seccomp.ABI{of.abi}, all: true}
	for n := of.first; n < of.past; n++ {
		switch call := c.list[n]; {
		case !s.has(n):
			g.all = false
		case call.name != "":
			g.names = append(g.names, call.name)
		case g.other == "" && c.alone[call.nr]:
			g.other = "number " + number(call.nr, false)
		default:
			g.other = "unknown numbers"
		}
	}
	return g
}

// describe says which calls take a line, in paragraphs. Those of ABIs are marked
// where several come to the test that the line is from. More than most names
// are counted.
func (d *drawing) describe(l line, from set, most int) []string {
	groups := d.calls.groups(l.calls)
	if len(groups) == 0 {
		return []string{"no known call"}
	}
	origins := d.calls.groups(from)
	marked := len(origins) > 1 || len(origins[0].abis) > 1
	var text []string
	for _, g := range groups {
		what := g.text(most)
		if len(g.abis) == 0 {
			what = "other ABIs"
		} else if marked {
			what = joined(g.abis) + ": " + what
		}
		text = append(text, what)
	}
	return text
}

func (g group) text(most int) string {
	var parts []string
	switch n := len(g.names); {
	case g.all:
		return "all calls"
	case n > most:
		parts = append(parts, fmt.Sprintf("%d calls: %s .. %s", n, g.names[0], g.names[n-1]))
	default:
		parts = append(parts, g.names...)
	}
	if g.other != "" {
		parts = append(parts, g.other)
	}
	return strings.Join(parts, ", ")
}

func joined(abis []seccomp.ABI) string {
	var names []string
	for _, abi := range abis {
		names = append(names, abi.String())
	}
	return strings.Join(names, ", ")
}
