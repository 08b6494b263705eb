// Package draw draws a filter as a decision tree that a person can read: as a
// graph for graphviz ([DOT]), and as a picture ([SVG]).
//
// A picture has the tests of a program and what they lead to. Loads are part of
// the tests that look at what was loaded; jumps without condition are part of
// the lines; each line to a return ends in a leaf of its own, which says the
// action and which calls come there. Any program that the kernel accepts can be
// drawn, whoever made it. The same program gives the same bytes.
package draw

import (
	"slices"
	"strings"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Options say what to draw beside the program.
type Options struct {
	// Title stands above the picture: any text.
	Title string
	// ABI is that of the machine. Its byte order says which half of an
	// argument is which; where the program does not test the architecture,
	// its names are those of the calls.
	ABI seccomp.ABI
}

// drawing is a program as tests and the lines between them.
type drawing struct {
	Options
	program   bpf.Program
	registers []bpf.Registers
	listing   []string // the line of each instruction
	calls     calls
	start     line
	tests     map[place]*test
	contents  map[int][]bpf.Content // of the tests, by the index of the instruction
}

// place is an instruction and what A holds there. Code that serves several ends
// is so told apart: nr & 3 == 1 may be the same instruction as nr & 5 == 1.
type place struct {
	pc int // or divisionByZero
	a  bpf.Content
}

// divisionByZero is where a division by X leads to if X is zero: it ends the
// program, with KILL_THREAD.
const divisionByZero = -1

// variants bounds how often an instruction is drawn for what A holds. Beyond it
// is drawn once more, for what is true of all ways.
const variants = 6

// test is a place from which control goes one of two ways.
type test struct {
	place
	block   int    // where the instructions start that always run before it
	text    string // nr >= 97 (getrlimit)
	yes, no line
	from    []int // the instructions of the tests that lead here
	calls   set   // those that can come here
}

// line leads from a test, or from the start, to a test or to an end.
type line struct {
	place
	calls set // those that can take it
}

// read makes a drawing of p. The error is that of [bpf.Program.Verify].
func read(p bpf.Program, o Options) (*drawing, error) {
	if err := p.Verify(); err != nil {
		return nil, err
	}
	text := string(bpf.Listing{Syscall: syscalls.Name, ABI: o.ABI}.Append(nil, p))
	d := &drawing{
		Options: o, program: p, registers: p.Registers(),
		tests: map[place]*test{}, contents: map[int][]bpf.Content{},
		listing: strings.Split(strings.TrimSuffix(text, "\n"), "\n"),
	}
	d.calls = d.universe()
	d.start = d.lead(-1, 0, d.registers[0].A, d.calls.all())
	for _, b := range p.Blocks() { // lines lead forward only
		for pc := b.Start; pc < b.End; pc++ {
			for _, t := range d.at(pc) {
				t.block = b.Start
				d.complete(t)
			}
		}
	}
	return d, nil
}

// at are the tests of an instruction.
func (d *drawing) at(pc int) []*test {
	var all []*test
	for _, a := range d.contents[pc] {
		all = append(all, d.tests[place{pc, a}])
	}
	return all
}

// lead is the line from a test, or from nowhere, to where control comes to from
// pc.
func (d *drawing) lead(from, pc int, a bpf.Content, calls set) line {
	l := line{d.follow(place{pc, a}), calls}
	if d.ends(l) {
		return l
	}
	if known := d.contents[l.pc]; !slices.Contains(known, l.a) {
		if len(known) >= variants {
			l.a = d.registers[l.pc].A
		}
		if !slices.Contains(known, l.a) {
			d.contents[l.pc] = append(known, l.a)
			d.tests[l.place] = &test{place: l.place, calls: d.calls.none()}
		}
	}
	t := d.tests[l.place]
	t.calls.add(calls)
	if from >= 0 {
		t.from = append(t.from, from)
	}
	return l
}

// follow goes on to the next test whose outcome is open, or to the end.
func (d *drawing) follow(at place) place {
	for at.pc >= 0 && !d.program[at.pc].IsReturn() {
		yes, no := d.ways(at)
		switch holds, known := d.decide(at, call{}, false); {
		case yes == no, known && holds:
			at = yes
		case known:
			at = no
		default:
			return at
		}
	}
	return at
}

// ways are the places that follow, as the test there holds or not.
func (d *drawing) ways(at place) (yes, no place) {
	i := d.program[at.pc]
	holds, fails := i.Targets(at.pc)
	yes, no = place{holds, at.a}, place{fails, at.a}
	switch {
	case i.Code == bpf.DivX:
		return place{pc: divisionByZero}, place{fails, d.registers[fails].A}
	case i.Code == bpf.And && at.a.Kind != bpf.Unknown:
		yes.a.K &= i.K
	case i.IsJump() || i.Code == bpf.JumpAlways || i.Code == bpf.TAX ||
		i.Code&bpf.ClassMask == bpf.ClassLoadX || i.Code&bpf.ClassMask == bpf.ClassStore || i.Code&bpf.ClassMask == bpf.ClassStoreX:
		return yes, no
	default:
		yes.a = d.registers[holds].A
	}
	return yes, yes
}

// ends reports whether l leads to the end of the program.
func (d *drawing) ends(l line) bool {
	return l.pc == divisionByZero || d.program[l.pc].IsReturn()
}

// verdict is the action with which a line ends; known is false where it is
// computed.
func (d *drawing) verdict(l line) (a seccomp.Action, known bool) {
	switch {
	case l.pc == divisionByZero:
		return seccomp.KillThread, true
	case d.program[l.pc].Code == bpf.Return:
		return seccomp.Action(d.program[l.pc].K), true
	}
	return seccomp.Action(l.a.K), l.a.Kind == bpf.Constant
}

// complete finds what follows from a test when all lines to it are known.
func (d *drawing) complete(t *test) {
	hold, fail := d.calls.none(), d.calls.none()
	for n := range t.calls.each() {
		holds, known := d.decide(t.place, d.calls.list[n], true)
		if holds || !known {
			hold.put(n)
		}
		if !holds || !known {
			fail.put(n)
		}
	}
	t.text = d.text(t)
	yes, no := d.ways(t.place)
	t.yes = d.lead(t.pc, yes.pc, yes.a, hold)
	t.no = d.lead(t.pc, no.pc, no.a, fail)
}

// decide tells whether a test holds for a call, or, where none is given, for
// every call, as far as that is known. What is no test never holds.
func (d *drawing) decide(at place, c call, given bool) (holds, known bool) {
	i, x := d.program[at.pc], d.registers[at.pc].X
	if i.Code == bpf.DivX {
		v, known := value(x, c, given)
		return v == 0, known
	}
	if !i.IsJump() {
		return false, true
	}
	a, known := value(at.a, c, given)
	k := i.K
	if i.ReadsX() && known {
		k, known = value(x, c, given)
	}
	switch i.Code &^ bpf.SourceX {
	case bpf.JumpEQ:
		return a == k, known
	case bpf.JumpGT:
		return a > k, known
	case bpf.JumpGE:
		return a >= k, known
	}
	return a&k != 0, known
}

// value is what a register holds for a call, if the number and the
// architecture tell.
func value(r bpf.Content, c call, given bool) (v uint32, known bool) {
	switch {
	case r.Kind == bpf.Constant:
		return r.K, true
	case r.Kind == bpf.Field && r.Offset == seccomp.OffsetNR:
		return c.nr & r.K, given
	case r.Kind == bpf.Field && r.Offset == seccomp.OffsetArch:
		return c.arch & r.K, given
	}
	return 0, false
}
