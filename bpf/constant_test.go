package bpf_test

import (
	"slices"
	"testing"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

func TestConstantAllow(t *testing.T) {
	arch := seccomp.X86_64.Arch()
	nr, load := LoadWord(seccomp.OffsetNR), LoadWord(seccomp.OffsetArch)
	argument := LoadWord(seccomp.OffsetArgs)
	for _, c := range []struct {
		name string
		p    Program
		want []bool // for the numbers 0, 1, 2, ...
	}{
		{"allow", Program{allow}, []bool{true, true}},
		{"kill", Program{kill}, []bool{false}},
		{"log", Program{Ret(seccomp.Log)}, []bool{false}},
		{"allow with data", Program{Ret(seccomp.Allow | 1)}, []bool{false}},
		{"return of A", Program{Stmt(LoadImm, uint32(seccomp.Allow)), Stmt(ReturnA, 0)}, []bool{false}},
		{"return of A, from the number", Program{nr, Stmt(ReturnA, 0)}, []bool{false}},
		{"A starts as zero", Program{Jump(JumpEQ, 0, 0, 1), allow, kill}, []bool{true, true}},
		{"jeq", Program{nr, Jump(JumpEQ, 1, 0, 1), allow, kill}, []bool{false, true, false}},
		{"jgt", Program{nr, Jump(JumpGT, 1, 0, 1), allow, kill}, []bool{false, false, true}},
		{"jge", Program{nr, Jump(JumpGE, 1, 0, 1), allow, kill}, []bool{false, true, true}},
		{"jset", Program{nr, Jump(JumpSet, 1, 0, 1), allow, kill}, []bool{false, true, false, true}},
		{"and", Program{nr, Stmt(And, 2), Jump(JumpEQ, 2, 0, 1), allow, kill}, []bool{false, false, true, true, false}},
		{"ja", Program{Goto(1), kill, allow}, []bool{true}},
		{"this architecture", Program{load, Jump(JumpEQ, arch, 0, 1), allow, kill}, []bool{true}},
		{"another architecture", Program{load, Jump(JumpEQ, arch+1, 0, 1), allow, kill}, []bool{false}},
		{"an argument, whatever it is", Program{argument, allow}, []bool{false}},
		{"an argument on one way only", Program{nr, Jump(JumpEQ, 1, 0, 1), argument, allow}, []bool{true, false, true}},
		{"the instruction pointer", Program{LoadWord(seccomp.OffsetIP), allow}, []bool{false}},
		{"another constant load", Program{Stmt(LoadImm, 1), allow}, []bool{false}},
		{"the length", Program{Stmt(LoadLen, 0), allow}, []bool{false}},
		{"other arithmetic", Program{nr, Stmt(Rsh, 1), allow}, []bool{false}},
		{"and with X", Program{nr, Stmt(AndX, 0), allow}, []bool{false}},
		{"a comparison with X", Program{nr, Jump(JumpGEX, 0, 0, 0), allow}, []bool{false}},
		{"a memory cell", Program{nr, Stmt(Store, 0), allow}, []bool{false}},
		{"a copy to X", Program{nr, Stmt(TAX, 0), allow}, []bool{false}},
	} {
		f, err := Load(c.p, le)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for n, want := range c.want {
			if got := f.ConstantAllow(arch, uint32(n)); got != want {
				t.Errorf("%s: number %d: %v, want %v", c.name, n, got, want)
			}
		}
	}
	if new(Filter).ConstantAllow(arch, 0) {
		t.Error("the zero filter kills every call")
	}
}

// understood are the opcodes that may lead to a constant ALLOW. It is said a
// second time, as one list, so that the test does not repeat the switch.
var understood = []uint16{LoadAbs, JumpAlways, JumpEQ, JumpGT, JumpGE, JumpSet, And, Return}

// constantAllow says the same in terms of the virtual machine: a run of the
// filter ends in ALLOW, and each instruction on its way is one of those.
func constantAllow(t *testing.T, p Program, d seccomp.Data) bool {
	t.Helper()
	steps, verdict, err := p.Trace(le, d)
	if err != nil {
		t.Fatal(err)
	}
	return verdict == seccomp.Allow && !slices.ContainsFunc(steps, func(s Step) bool {
		i := p[s.PC]
		return !slices.Contains(understood, i.Code) || i.Code == LoadAbs && i.K > seccomp.OffsetArch
	})
}

// TestConstantAllowOracle holds the emulation to the virtual machine, which is
// held to the kernel: the two agree on random programs whatever the arguments
// are, and arguments make no difference to a call that is always allowed.
func TestConstantAllowOracle(t *testing.T) {
	programs, allowed, refused := 20000, 0, 0
	if testing.Short() {
		programs = 2000
	}
	for n := range programs {
		g := newGenerator(511, uint64(n))
		p := g.program()
		if n%2 == 0 {
			p = g.constantProgram()
		}
		f, err := Load(p, le)
		if err != nil {
			continue
		}
		for range 8 {
			nr, arch := g.word(), pick(g, seccomp.X86_64.Arch(), g.word())
			got := f.ConstantAllow(arch, nr)
			for range 4 {
				d := seccomp.Data{NR: nr, Arch: arch, IP: g.Uint64(), Args: g.args()}
				if want := constantAllow(t, p, d); got != want {
					t.Fatalf("arch %#x, number %d: %v, want %v:\n%v", arch, nr, got, want, p)
				}
			}
			if got {
				allowed++
			} else if f.Run(seccomp.Data{NR: nr, Arch: arch}) == seccomp.Allow {
				refused++ // allowed by a way that the kernel does not understand
			}
		}
	}
	if allowed < programs/10 || refused < programs/100 {
		t.Errorf("only %d calls always allowed, and %d allowed otherwise", allowed, refused)
	}
}

// constantProgram makes one of instructions that are mostly understood.
func (g *generator) constantProgram() Program {
	g.pool = append(g.pool[:0], g.constant(), g.constant(), seccomp.X86_64.Arch())
	var p Program
	for length := 3 + g.IntN(12); len(p) < length; {
		far := min(length-len(p), 4)
		switch g.IntN(8) {
		case 0, 1:
			p = append(p, LoadWord(pick[uint32](g, seccomp.OffsetNR, seccomp.OffsetArch)))
		case 2:
			p = append(p, Stmt(And, g.word()))
		case 3:
			p = append(p, Goto(uint32(g.IntN(far))))
		case 4:
			if g.oneIn(3) {
				p = append(p, g.load())
			}
		default:
			p = append(p, Jump(pick[uint16](g, JumpEQ, JumpGT, JumpGE, JumpSet), g.word(), uint8(g.IntN(far)), uint8(g.IntN(far))))
		}
	}
	return append(p, allow, pick(g, allow, kill, Ret(seccomp.Log)), allow, allow)
}

func TestConstantAllowAllocatesNothing(t *testing.T) {
	f, err := Load(scan(1000), le)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { f.ConstantAllow(seccomp.X86_64.Arch(), 5000) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
