package bpf_test

import (
	"encoding/binary"
	"errors"
	"testing"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

var le, be binary.ByteOrder = binary.LittleEndian, binary.BigEndian

func TestRunOperations(t *testing.T) {
	for _, c := range []struct {
		name string
		a, x uint32
		code uint16
		k    uint32
		want uint32
	}{
		{"add wraps", 0xffffffff, 0, Add, 2, 1},
		{"add X", 1, 2, AddX, 9, 3},
		{"sub wraps", 0, 0, Sub, 1, 0xffffffff},
		{"sub X", 5, 3, SubX, 9, 2},
		{"mul wraps", 0x10001, 0, Mul, 0x10001, 0x20001},
		{"mul X", 6, 7, MulX, 9, 42},
		{"div is unsigned", 0xffffffff, 0, Div, 2, 0x7fffffff},
		{"div X", 100, 7, DivX, 1, 14},
		{"or", 0xf0, 0, Or, 0xf, 0xff},
		{"or X", 0xf0, 1, OrX, 0, 0xf1},
		{"and", 0xff, 0, And, 0x18, 0x18},
		{"and X", 0xff, 0x81, AndX, 0, 0x81},
		{"lsh", 3, 0, Lsh, 31, 1 << 31},
		{"lsh X of 33", 1, 33, LshX, 0, 2},
		{"lsh X of -31", 1, 0xffffffe1, LshX, 0, 2},
		{"rsh is logical", 0x80000000, 0, Rsh, 31, 1},
		{"rsh X of 33", 0x80, 33, RshX, 0, 0x40},
		{"rsh X of 32", 0x80, 32, RshX, 0, 0x80},
		{"xor", 0xff, 0, Xor, 0xf0f, 0xff0},
		{"xor X", 0xff, 0xf0, XorX, 0, 0xf},
		{"neg", 1, 0, Neg, 77, 0xffffffff},
		{"len", 1, 0, LoadLen, 77, 64},
		{"txa", 1, 2, TXA, 77, 2},
		{"imm", 1, 2, LoadImm, 77, 77},
	} {
		p := Program{Stmt(LoadXImm, c.x), Stmt(LoadImm, c.a), Stmt(c.code, c.k), Stmt(ReturnA, 0)}
		if got, err := p.Run(le, seccomp.Data{}); err != nil || uint32(got) != c.want {
			t.Errorf("%s: %#x (%v), want %#x", c.name, uint32(got), err, c.want)
		}
	}
}

func TestRunJumps(t *testing.T) {
	for _, c := range []struct {
		code uint16
		a, v uint32
		want bool
	}{
		{JumpEQ, 1, 1, true}, {JumpEQ, 1, 2, false},
		{JumpGT, 0x80000000, 1, true}, {JumpGT, 1, 1, false}, {JumpGT, 1, 0xffffffff, false},
		{JumpGE, 1, 1, true}, {JumpGE, 0, 0xffffffff, false}, {JumpGE, 0xffffffff, 0, true},
		{JumpSet, 6, 4, true}, {JumpSet, 6, 1, false}, {JumpSet, 0xffffffff, 0, false},
		{JumpSet, 0x80000000, 0x80000000, true},
	} {
		for _, source := range []uint16{SourceK, SourceX} {
			k, x := c.v, ^c.v
			if source == SourceX {
				k, x = x, k
			}
			p := Program{Stmt(LoadXImm, x), Stmt(LoadImm, c.a), Jump(c.code|source, k, 1, 0), kill, allow}
			got, err := p.Run(le, seccomp.Data{})
			if err != nil || (got == seccomp.Allow) != c.want {
				t.Errorf("%v with a=%#x v=%#x: %v, %v", p[2], c.a, c.v, got, err)
			}
		}
	}
}

func TestRunDivisionByZeroX(t *testing.T) {
	p := Program{Stmt(LoadImm, 7), Stmt(DivX, 0), allow}
	steps, verdict, err := p.Trace(le, seccomp.Data{})
	if err != nil || verdict != seccomp.KillThread || len(steps) != 2 {
		t.Errorf("got %v after %d steps (%v), want KILL_THREAD after 2", verdict, len(steps), err)
	}
}

// TestRunWords loads every word in both byte orders.
func TestRunWords(t *testing.T) {
	d := seccomp.Data{NR: 0x01020304, Arch: 0xc000003e, IP: 0x1122334455667788}
	for i := range d.Args {
		d.Args[i] = 0x0102030405060708 * uint64(i+1)
	}
	for _, order := range []binary.ByteOrder{le, be, binary.NativeEndian} {
		raw := d.Bytes(order)
		for off := uint32(0); off < seccomp.DataSize; off += 4 {
			p := Program{LoadWord(off), Stmt(ReturnA, 0)}
			got, err := p.Run(order, d)
			if want := order.Uint32(raw[off:]); err != nil || uint32(got) != want {
				t.Errorf("%v word %d: %#x (%v), want %#x", order, off, uint32(got), err, want)
			}
		}
	}
}

func TestRunMemory(t *testing.T) {
	var p Program
	for c := range uint32(MemoryCells) {
		p = append(p, Stmt(LoadXImm, 1<<c), Stmt(StoreX, c))
	}
	for c := range uint32(MemoryCells) {
		p = append(p, Stmt(LoadXMem, c), Stmt(AddX, 0))
	}
	p = append(p, Stmt(Store, 7), Stmt(LoadImm, 0), Stmt(LoadMem, 7), Stmt(ReturnA, 0))
	if got, err := p.Run(le, seccomp.Data{}); err != nil || got != 0xffff {
		t.Errorf("got %#x (%v), want 0xffff", uint32(got), err)
	}
}

func TestRunRefusesInvalid(t *testing.T) {
	for _, c := range verifyCases {
		_, runErr := c.p.Run(le, seccomp.Data{})
		_, _, traceErr := c.p.Trace(le, seccomp.Data{})
		_, loadErr := Load(c.p, le)
		for _, err := range []error{runErr, traceErr, loadErr} {
			if (err == nil) != (c.reason == 0) || c.reason != 0 && !errors.Is(err, c.reason) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

func TestZeroFilter(t *testing.T) {
	if got := new(Filter).Run(seccomp.Data{}); got != seccomp.KillProcess {
		t.Errorf("got %v", got)
	}
}

func TestTrace(t *testing.T) {
	p := Program{LoadWord(0), Jump(JumpEQ, 5, 0, 1), allow, Stmt(TAX, 0), Stmt(Store, 2), Stmt(ReturnA, 0)}
	steps, verdict, err := p.Trace(le, seccomp.Data{NR: 9})
	if err != nil || verdict != 9 {
		t.Fatal(verdict, err)
	}
	want := []Step{
		{0, State{A: 9}}, {1, State{A: 9}}, {3, State{A: 9, X: 9}},
		{4, State{A: 9, X: 9, M: [16]uint32{2: 9}}}, {5, State{A: 9, X: 9, M: [16]uint32{2: 9}}},
	}
	if len(steps) != len(want) {
		t.Fatalf("steps %v", steps)
	}
	for n := range want {
		if steps[n] != want[n] {
			t.Errorf("step %d: %v, want %v", n, steps[n], want[n])
		}
	}
}

// TestRunAllocatesNothing holds the promise of the documentation.
func TestRunAllocatesNothing(t *testing.T) {
	p := scan(1000)
	f, err := Load(p, le)
	if err != nil {
		t.Fatal(err)
	}
	d := seccomp.Data{NR: 5000}
	if n := testing.AllocsPerRun(100, func() { f.Run(d) }); n != 0 {
		t.Errorf("Filter.Run allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { p.Run(le, d) }); n != 0 {
		t.Errorf("Program.Run allocates %v times", n)
	}
}

// scan compares the number with 0 to n-1, one after the other.
func scan(n uint32) Program {
	p := Program{LoadWord(seccomp.OffsetNR)}
	for nr := range n {
		p = append(p, Jump(JumpEQ, nr, 0, 1), kill)
	}
	return append(p, allow)
}

func BenchmarkRun(b *testing.B) {
	p := scan(1000)
	f, err := Load(p, le)
	if err != nil {
		b.Fatal(err)
	}
	d := seccomp.Data{NR: 5000}
	b.Run("filter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Run(d)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1002, "ns/instruction")
	})
	b.Run("program", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Run(le, d)
		}
	})
}
