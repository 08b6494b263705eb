package bpf_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// names stands in for the table of system calls.
func names(abi seccomp.ABI, nr uint32) (string, bool) {
	switch {
	case abi == seccomp.X86_64 && nr == 257, abi == seccomp.S390X && nr == 288:
		return "openat", true
	case abi == seccomp.X32 && nr == 0x40000101:
		return "openat", true
	case abi == seccomp.X32 && nr == 0x40000000:
		return "read", true
	}
	return "", false
}

// listingCases are programs and their exact listings.
var listingCases = []struct {
	name string
	l    Listing
	p    Program
	want string
}{
	{"little-endian", Listing{Syscall: names}, Program{
		LoadWord(4), Jump(JumpEQ, 0xc000003e, 0, 8), LoadWord(0), Jump(JumpGE, 0x40000000, 6, 0),
		Jump(JumpEQ, 257, 0, 6), LoadWord(20), Jump(JumpGT, 0, 3, 0), LoadWord(16), Stmt(And, 0x80000),
		Jump(JumpEQ, 0, 1, 0), Ret(0x7ff00003), allow,
	}, `
 0: ld    arch
 1: jne   #0xc000003e, 10            ; arch != x86_64
 2: ld    nr
 3: jge   #0x40000000, 10            ; nr >= x32
 4: jne   #257, 11                   ; nr != openat
 5: ld    [20]                       ; args[0] high
 6: jgt   #0, 10                     ; args[0] high > 0
 7: ld    [16]                       ; args[0] low
 8: and   #0x80000                   ; args[0] low & 0x80000
 9: jeq   #0, 11                     ; args[0] low & 0x80000 == 0
10: ret   TRACE(3)
11: ret   ALLOW
`},
	{"big-endian", Listing{Syscall: names}, Program{
		LoadWord(4), Jump(JumpEQ, 0x80000016, 0, 5), LoadWord(0), Jump(JumpEQ, 288, 0, 3),
		LoadWord(16), Jump(JumpSet, 0xff, 1, 0), allow, Ret(seccomp.ReturnErrno(13)),
	}, `
0: ld    arch
1: jne   #0x80000016, 7             ; arch != s390x
2: ld    nr
3: jne   #288, 7                    ; nr != openat
4: ld    [16]                       ; args[0] high
5: jset  #0xff, 7                   ; args[0] high & 0xff != 0
6: ret   ALLOW
7: ret   ERRNO(EACCES)
`},
	{"no architecture", Listing{Syscall: names}, Program{
		LoadWord(0), Jump(JumpEQ, 257, 1, 1), allow, LoadWord(60), Jump(JumpSet, 6, 0, 1), kill, LoadWord(8), Stmt(ReturnA, 0),
	}, `
0: ld    nr
1: jeq   #257, 3, 3                 ; nr == 257
2: ret   ALLOW                      ; unreachable
3: ld    [60]                       ; args[5] word 1
4: jnset #6, 6                      ; args[5] word 1 & 6 == 0
5: ret   KILL_PROCESS
6: ld    [8]                        ; instruction_pointer word 0
7: ret   a
`},
	{"given architecture", Listing{Syscall: names, ABI: seccomp.X86_64}, Program{
		LoadWord(0), Jump(JumpEQ, 257, 0, 1), LoadWord(60), allow,
	}, `
0: ld    nr
1: jne   #257, 3                    ; nr != openat
2: ld    [60]                       ; args[5] high
3: ret   ALLOW
`},
	{"architecture by bits", Listing{Syscall: names, ABI: seccomp.X86_64}, Program{
		LoadWord(4), Jump(JumpSet, 0x80000000, 0, 1), Jump(JumpEQ, 0xc000003e, 1, 3), Jump(JumpEQ, 0xc000003e, 0, 2),
		LoadWord(0), Jump(JumpEQ, 257, 2, 0), LoadWord(0), Jump(JumpEQ, 257, 0, 1), allow, kill,
	}, `
0: ld    arch
1: jnset #0x80000000, 3             ; arch & 0x80000000 == 0
2: jeq   #0xc000003e, 4, 6          ; arch == x86_64
3: jne   #0xc000003e, 6             ; arch != x86_64
4: ld    nr
5: jeq   #257, 8                    ; nr == openat
6: ld    nr
7: jne   #257, 9                    ; nr != 257
8: ret   ALLOW
9: ret   KILL_PROCESS
`},
	{"x32", Listing{Syscall: names}, Program{
		LoadWord(4), Jump(JumpEQ, 0xc000003e, 1, 0), kill, LoadWord(0), Jump(JumpEQ, 0x40000101, 0, 0),
		Jump(JumpSet, 0x40000000, 0, 0), Jump(JumpEQ, 0x40000000, 0, 0), allow,
	}, `
0: ld    arch
1: jeq   #0xc000003e, 3             ; arch == x86_64
2: ret   KILL_PROCESS
3: ld    nr
4: jeq   #0x40000101, 5, 5          ; nr == x32 openat
5: jset  #0x40000000, 6, 6          ; nr & 0x40000000 != 0
6: jeq   #0x40000000, 7, 7          ; nr == x32 read
7: ret   ALLOW
`},
	{"registers and memory", Listing{}, Program{
		LoadWord(0), Stmt(Store, 3), Stmt(LoadXImm, 5), Stmt(StoreX, 4), Stmt(LoadLen, 0), Stmt(TAX, 0),
		Stmt(LoadMem, 3), Jump(JumpGTX, 0, 0, 1), Stmt(LoadXMem, 4), Jump(JumpEQX, 0, 0, 0),
		Stmt(AddX, 0), Stmt(Lsh, 31), Stmt(Neg, 0), Stmt(TXA, 0), Stmt(LoadXLen, 0), Stmt(Or, 10), Stmt(ReturnA, 0),
	}, `
 0: ld    nr
 1: st    M[3]
 2: ldx   #5
 3: stx   M[4]
 4: ld    len
 5: tax
 6: ld    M[3]                       ; nr
 7: jle   x, 9                       ; nr <= 64
 8: ldx   M[4]
 9: jeq   x, 10, 10
10: add   x
11: lsh   #31
12: neg
13: txa
14: ldx   len
15: or    #0xa
16: ret   a
`},
	{"returns", Listing{}, Program{
		Jump(JumpGE, 1, 0, 2), Jump(JumpGE, 1, 0, 3), Ret(seccomp.Allow | 7), Ret(seccomp.Err | 5000), Ret(0x12345678), Ret(seccomp.Log), Ret(seccomp.Notify),
	}, `
0: jlt   #1, 3
1: jlt   #1, 5
2: ret   ALLOW(7)                   ; acts as ALLOW
3: ret   ERRNO(5000)                ; acts as ERRNO(4095)
4: ret   #0x12345678                ; unreachable
5: ret   LOG
6: ret   NOTIFY                     ; unreachable
`},
	{"unused fields", Listing{}, Program{
		{TAX, 1, 2, 0x12345678}, {LoadLen, 0, 0, 7}, {JumpEQX, 1, 0, 9}, {JumpAlways, 3, 0, 0}, {Return, 0, 255, uint32(seccomp.Allow)}, {ReturnA, 0, 0, 1},
	}, `
0: tax {jt=1 jf=2 k=0x12345678}
1: ld    len {k=7}
2: jeq   x, 4 {k=9}
3: ja    4 {jt=3}
4: ret   ALLOW {jf=255}
5: ret   a {k=1}                    ; unreachable
`},
	{"invalid", Listing{}, Program{
		{0x94, 1, 2, 3}, {0xffff, 0, 0, 0xffffffff}, {ClassRet | RetX, 0, 0, 0}, Jump(JumpEQ, 1, 200, 3), Goto(0xffffffff), LoadWord(66), Stmt(Store, 99), {LoadAbs | SizeByte, 0, 0, 12},
	}, `
0: .inst 0x94, 1, 2, 3              ; the modulo operation; divide, multiply and subtract, or mask by a power of 2
1: .inst 0xffff, 0, 0, 0xffffffff   ; no opcode of classic BPF
2: .inst 0xe, 0, 0, 0               ; a return of X; copy it to A and return A
3: jeq   #1, +200, 7
4: ja    +4294967295                ; unreachable
5: ld    [66]                       ; unreachable
6: st    M[99]                      ; unreachable
7: .inst 0x30, 0, 0, 0xc            ; a load for packets; load whole words at constant offsets into A
`},
	{"raw", Listing{Raw: true}, Program{LoadWord(4), {Return, 1, 2, uint32(seccomp.Allow)}}, `
0: ld    arch                       ; 0020 00 00 00000004
1: ret   ALLOW {jt=1 jf=2}          ; 0006 01 02 7fff0000
`},
	{"empty", Listing{}, nil, "\n"},
}

func TestListing(t *testing.T) {
	for _, c := range listingCases {
		t.Run(c.name, func(t *testing.T) {
			got := string(c.l.Append(nil, c.p))
			if got != c.want[1:] {
				t.Errorf("got\n%swant%s", got, c.want)
			}
			roundTrip(t, got, c.p)
		})
	}
}

// roundTrip assembles the text of p, which must give p.
func roundTrip(t *testing.T, text string, p Program) {
	t.Helper()
	again, err := Assemble(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !slices.Equal(again, p) {
		for pc := range p {
			if pc >= len(again) || again[pc] != p[pc] {
				t.Fatalf("instruction %d %#v comes back as another from\n%s", pc, p[pc], text)
			}
		}
		t.Fatalf("%d instructions come back as %d", len(p), len(again))
	}
}

// TestTextOfEveryOpcode prints and assembles each opcode with fields around
// their limits, alone and within a program.
func TestTextOfEveryOpcode(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	small := []uint8{0, 0, 1, 2, 31, 255}
	ks := []uint32{0, 1, 2, 4, 9, 10, 15, 16, 60, 64, 255, 65535, 65536, 0x7fff0000, 0x50001, 0x80000000, 0xffffffff}
	var p Program
	for code := range 1 << 16 {
		for range 1 + 20*btoi(code < 256) {
			p = append(p, Instruction{uint16(code), small[r.IntN(len(small))], small[r.IntN(len(small))], ks[r.IntN(len(ks))]})
		}
		if len(p) > 4000 {
			roundTrip(t, p.String(), p)
			roundTrip(t, p[len(p)-1].String(), p[len(p)-1:])
			p = p[:0]
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestAssemble(t *testing.T) {
	got, err := Assemble("; a filter by hand\r\n" +
		"\tLD arch\n" +
		"start: jne #0xC000003E, bad ; other machines\n\n" +
		"  ld  [ 0 ]\n" +
		"  jeq #39, good, bad\n" +
		"  jlt x, next, bad\n" +
		"next:\n" +
		"007: again: ldx m[ 3 ]\n" +
		"  jset #0x1, +1, 8\n" +
		"8: ja +0\n" +
		"good: ret scmp_act_allow\n" +
		"bad: ret errno(38)")
	if err != nil {
		t.Fatal(err)
	}
	want := Program{
		LoadWord(4), Jump(JumpEQ, 0xc000003e, 0, 7), LoadWord(0), Jump(JumpEQ, 39, 4, 5),
		Jump(JumpGEX, 0, 4, 0), Stmt(LoadXMem, 3), Jump(JumpSet, 1, 1, 0), Goto(0), allow, Ret(seccomp.Err | 38),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%vwant\n%v", got, want)
	}
}

func TestAssembleErrors(t *testing.T) {
	far := "ja far\n jeq #1, far\n" + strings.Repeat("tax\n", 256) + "far: ret a"
	for _, c := range []struct{ in, want string }{
		{"ld", `1:3: ld takes a constant (#5), or nr, arch or a word of the call ([16]), or a memory cell (M[3]), or len, not ""`},
		{"\n  ldx [3]", `2:7: ldx takes a constant (#5), or a memory cell (M[3]), or len, not "[3]"`},
		{"add nr", `1:5: add takes a constant (#5), or x, not "nr"`},
		{"ld #4294967296", `1:5: "4294967296" is no number from 0 to 4294967295`},
		{"ld #-1", `1:5: "-1" is no number from 0 to 4294967295`},
		{"ld #0x", `1:5: "0x" is no number from 0 to 4294967295`},
		{"ld #1_0", `1:5: "1_0" is no number from 0 to 4294967295`},
		{"ld M[3", `1:7: missing ]`},
		{"ld #1, 2", `1:8: ld takes one operand`},
		{"neg x", `1:5: neg takes no operand`},
		{"mod #3", `1:1: no instruction "mod": want ld, ldx, st, stx, an operation (add, and, ...), a jump (ja, jeq, jge, jgt, jset), ret, tax, txa or .inst`},
		{"jeq #1", `1:7: jeq needs a target: a label, or +1 to skip an instruction`},
		{"jeq #1, -1", `1:9: "-1" is no target: want a label, or +1 to skip an instruction`},
		{"jeq #1, a, ", `1:11: "" is no target: want a label, or +1 to skip an instruction`},
		{"jeq #1, +256", `1:10: "256" is no number from 0 to 255`},
		{"jeq #1, x1\nret a", `1:9: no label x1`},
		{"a: ret a\nja a\n", `2:4: label a lies behind: jumps only go forward`},
		{"ja a\na:", `1:4: label a has no instruction behind it`},
		{"a: ret a\n 1: a: ret a", `2:5: label a is already defined`},
		{"a b: ret a", `1:1: "a b" is no label: want a name or a number before the colon`},
		{": ret a", `1:1: "" is no label: want a name or a number before the colon`},
		{far, `2:10: a conditional jump skips at most 255 instructions, this one 256: jump to a ja on the way`},
		{"ret DENY", `1:5: unknown action "DENY": want ALLOW, LOG, TRACE, NOTIFY, ERRNO, TRAP, KILL_THREAD or KILL_PROCESS`},
		{"tax {k=1", `1:9: missing }`},
		{"tax {q=1}", `1:6: "q" is no field: want jt, jf or k`},
		{"tax {k}", `1:7: "" is no number from 0 to 4294967295`},
		{"ld #1 {jt=1 k=1}", `1:13: this instruction uses its field k: braces are for fields that it does not use`},
		{"jeq #1, +0 {jf=1}", `1:13: this instruction uses its field jf: braces are for fields that it does not use`},
		{".inst 1, 2, 3", `1:13: .inst takes code, jt, jf, k`},
		{".inst 1, 2, 3, 4, 5", `1:16: .inst takes code, jt, jf, k`},
		{".inst 0x10000, 2, 3, 4", `1:7: "0x10000" is no number from 0 to 65535`},
		{".inst 1, 256, 3, 4", `1:10: "256" is no number from 0 to 255`},
		{"foo\nld\n", "1:1: no instruction \"foo\": want ld, ldx, st, stx, an operation (add, and, ...), a jump (ja, jeq, jge, jgt, jset), ret, tax, txa or .inst\n" +
			`2:3: ld takes a constant (#5), or nr, arch or a word of the call ([16]), or a memory cell (M[3]), or len, not ""`},
	} {
		p, err := Assemble(c.in)
		if err == nil || err.Error() != c.want {
			t.Errorf("Assemble(%.40q) = %v, %v\nwant %s", c.in, p, err, c.want)
			continue
		}
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%v is no SyntaxError", err)
		}
	}
}

// TestAssembleBounds holds what hostile text can cost.
func TestAssembleBounds(t *testing.T) {
	if _, err := Assemble(strings.Repeat("tax\n", 65535)); err != nil {
		t.Error(err)
	}
	if _, err := Assemble(strings.Repeat("tax\n", 65536)); err == nil {
		t.Error("no error for a program that no struct sock_fprog can hold")
	}
	_, err := Assemble(strings.Repeat("x", 1<<20) + "\n" + strings.Repeat("?\n", 1000))
	if n := strings.Count(err.Error(), "\n") + 1; n != 10 || len(err.Error()) > 4096 {
		t.Errorf("%d errors of %d bytes", n, len(err.Error()))
	}
}

func TestEncode(t *testing.T) {
	p := Program{{0x1234, 1, 2, 0xabcdef01}, allow}
	if got := Encode(p, binary.BigEndian)[:8]; !slices.Equal(got, []byte{0x12, 0x34, 1, 2, 0xab, 0xcd, 0xef, 1}) {
		t.Errorf("big-endian % x", got)
	}
	if got := Encode(p, binary.LittleEndian)[:8]; !slices.Equal(got, []byte{0x34, 0x12, 1, 2, 1, 0xef, 0xcd, 0xab}) {
		t.Errorf("little-endian % x", got)
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if got, err := Decode(Encode(p, order), order); err != nil || !slices.Equal(got, p) {
			t.Errorf("%v: %v, %v", order, got, err)
		}
	}
	for _, n := range []int{1, 7, 9, 8 * 65536} {
		if _, err := Decode(make([]byte, n), binary.LittleEndian); err == nil {
			t.Errorf("Decode of %d bytes succeeds", n)
		}
	}
}

func BenchmarkListing(b *testing.B) {
	p := goldenProgram(b, "docker20.10.24-def.runc1.1.5.0.bpf")
	l := Listing{Syscall: names}
	b.ReportAllocs()
	for b.Loop() {
		l.Append(nil, p)
	}
}

func BenchmarkAssemble(b *testing.B) {
	text := goldenProgram(b, "docker20.10.24-def.runc1.1.5.0.bpf").String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Assemble(text); err != nil {
			b.Fatal(err)
		}
	}
}
