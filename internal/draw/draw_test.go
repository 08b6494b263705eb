package draw

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

// golden are filters that runtimes installed.
func golden(t *testing.T) map[string]bpf.Program {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(need.Data(t, "golden-bpf"), "*.bpf"))
	if err != nil || len(files) == 0 {
		t.Fatal("no filters", err)
	}
	all := map[string]bpf.Program{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if all[filepath.Base(file)], err = bpf.Decode(b, binary.LittleEndian); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func assemble(t *testing.T, text string) bpf.Program {
	t.Helper()
	p, err := bpf.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func drawn(t *testing.T, p bpf.Program, abi seccomp.ABI) *drawing {
	t.Helper()
	d, err := read(p, Options{ABI: abi})
	if err != nil {
		t.Fatalf("%v:\n%v", err, p)
	}
	return d
}

// TestDrawingIsTheProgram goes through drawings as a person does, for calls that
// the virtual machine runs: each test must be one that is executed, with the
// content of A that the drawing says, and the last line must end in the verdict.
// Examples must be among the calls that take each line of their way.
func TestDrawingIsTheProgram(t *testing.T) {
	r := arbitrary.New(5)
	for range 1500 {
		p := arbitrary.Program(r, 40)
		d := drawn(t, p, seccomp.X86_64)
		for range 20 {
			d.walk(t, arbitrary.CallFor(r, p), -1)
		}
		for range 20 {
			n := r.IntN(len(d.calls.list))
			call := arbitrary.CallFor(r, p)
			call.NR, call.Arch = d.calls.list[n].nr, d.calls.list[n].arch
			d.walk(t, call, n)
		}
	}
}

func TestDrawingIsTheGoldenProgram(t *testing.T) {
	r := arbitrary.New(6)
	for _, p := range golden(t) {
		d := drawn(t, p, seccomp.X86_64)
		for range 200 {
			n := r.IntN(len(d.calls.list))
			call := arbitrary.CallFor(r, p)
			call.NR, call.Arch = d.calls.list[n].nr, d.calls.list[n].arch
			d.walk(t, call, n)
		}
	}
}

// walk goes the way of a call, which is the example n if that is one.
func (d *drawing) walk(t *testing.T, call seccomp.Data, n int) {
	t.Helper()
	steps, verdict, err := d.program.Trace(d.ABI.ByteOrder(), call)
	if err != nil {
		t.Fatal(err)
	}
	l := d.start
	for !d.ends(l) {
		at := slices.IndexFunc(steps, func(s bpf.Step) bool { return s.PC == l.pc })
		if at < 0 {
			t.Fatalf("%+v does not come to instruction %d:\n%v", call, l.pc, d.program)
		}
		d.holds(t, l, call, steps[at].State)
		next := d.tests[l.place]
		steps = steps[at+1:]
		holds, _ := d.ways(l.place)
		if l = next.no; len(steps) == 0 || steps[0].PC == holds.pc {
			l = next.yes
		}
		if n >= 0 && !l.calls.has(n) {
			t.Fatalf("%+v is missing on the way from %d to %d:\n%v", d.calls.list[n], next.pc, l.pc, d.program)
		}
	}
	if a, known := d.verdict(l); known && a != verdict {
		t.Fatalf("%+v: %v, want %v:\n%v", call, a, verdict, d.program)
	}
}

// holds checks what the drawing says of A.
func (d *drawing) holds(t *testing.T, l line, call seccomp.Data, s bpf.State) {
	t.Helper()
	want := s.A
	switch {
	case d.program[l.pc].Code == bpf.DivX: // its step has the result
		return
	case l.a.Kind == bpf.Constant:
		want = l.a.K
	case l.a.Kind == bpf.Field:
		want = call.Word(d.ABI.ByteOrder(), l.a.Offset) & l.a.K
	}
	if s.A != want {
		t.Fatalf("%+v: A is %#x at %d, the drawing says %#x:\n%v", call, s.A, l.pc, want, d.program)
	}
}

func TestTexts(t *testing.T) {
	const filter = `
		ld arch
		jne #0xc000003e, other
		ld nr
		jge #0x40000000, bad
		jgt #300, new
		jeq #83, bad
		and #0xff
		jeq #2, bad
		jset #6, bad
		ld [16]
		jset #0x7e020000, bad
		ld [28]
		and #0xff
		jset #0xf, bad
		tax
		ld [8]
		jge x, bad
		div x
		jeq #5, bad
	new:	jeq #0x1000, bad
	other:	ld nr
		jeq #39, bad
		ld len
		jeq #64, both
		ret TRAP
	both:	jset #0x40, ten
	bad:	ret ERRNO(EPERM)
	ten:	ld #10
		ret a`
	var got []string
	d := drawn(t, assemble(t, filter), seccomp.X86_64)
	for pc := range d.program {
		for _, at := range d.at(pc) {
			got = append(got, at.text)
		}
	}
	want := []string{
		"arch == x86_64", "nr >= 0x40000000 (x32)", "nr > 300 (fanotify_init)", "nr == 83 (mkdir)",
		"nr & 0xff == 2", "nr & 6", "arg0.low & 0x7e020000", "arg1.high & 0xf", "ip.low >= arg1.high & 0xff",
		"arg1.high & 0xff == 0", "A == 5", "nr == 4096", "A == 4096", "nr == 39 (getpid)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("tests %q\nwant %q", got, want)
	}
}

func TestByteOrder(t *testing.T) {
	p := assemble(t, "ld [16]\njeq #0, +0, +1\nret ALLOW\nret KILL_THREAD")
	for abi, want := range map[seccomp.ABI]string{seccomp.X86_64: "arg0.low == 0", seccomp.S390X: "arg0.high == 0"} {
		if got := drawn(t, p, abi).tests[place{1, bpf.Content{Kind: bpf.Field, Offset: 16, K: 0xffffffff}}].text; got != want {
			t.Errorf("%v: %s, want %s", abi, got, want)
		}
	}
}

// mkdir is the example of the README.
const mkdir = `
	ld arch
	jne #0xc000003e, 5
	ld nr
	jlt #0x40000000, 6
	jeq #0xffffffff, 8
	ret KILL_THREAD
	jeq #258, 9
	jeq #83, 9
	ret ALLOW
	ret ERRNO(EPERM)`

func TestLeaves(t *testing.T) {
	d := drawn(t, assemble(t, labelled(mkdir)), seccomp.X86_64)
	got := map[string][]string{}
	for _, at := range d.tests {
		for _, l := range []line{at.yes, at.no} {
			if name, _ := d.action(l); d.ends(l) {
				got[name] = append(got[name], d.describe(l, at.calls, few)...)
			}
		}
	}
	for name, want := range map[string][]string{
		"KILL_THREAD":  {"other ABIs", "x32: all calls"},
		"ALLOW":        {"x86_64: number 0xffffffff", "calls: read .. "},
		"ERRNO(EPERM)": {"mkdir", "mkdirat"},
	} {
		slices.Sort(got[name])
		for _, text := range want {
			if !slices.ContainsFunc(got[name], func(s string) bool { return strings.Contains(s, text) }) {
				t.Errorf("%s: %q, want %q", name, got[name], text)
			}
		}
		if len(got[name]) != len(want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

// labelled gives each instruction its number, as a listing does.
func labelled(text string) string {
	var b strings.Builder
	for n, line := range strings.Split(strings.TrimSpace(text), "\n") {
		b.WriteString(string(rune('0'+n)) + ": " + line + "\n")
	}
	return b.String()
}

func TestInvalid(t *testing.T) {
	if _, err := DOT(nil, Options{}); err == nil {
		t.Error("an empty program is drawn")
	}
	if _, err := SVG(bpf.Program{bpf.Goto(9)}, Options{}); err == nil {
		t.Error("an invalid program is drawn")
	}
}

func BenchmarkSVG(b *testing.B) {
	var p bpf.Program
	p = append(p, bpf.LoadWord(seccomp.OffsetNR))
	for nr := range uint32(bpf.MaxInstructions-2) / 2 {
		p = append(p, bpf.Jump(bpf.JumpEQ, nr, 0, 1), bpf.Ret(seccomp.Allow))
	}
	p = append(p, bpf.Ret(seccomp.KillThread))
	for b.Loop() {
		if _, err := SVG(p, Options{ABI: seccomp.X86_64}); err != nil {
			b.Fatal(err)
		}
	}
}
