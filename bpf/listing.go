package bpf

import (
	"encoding/binary"
	"io"
	"strconv"

	"github.com/callgate/callgate/seccomp"
)

// Listing says how a program is printed. The zero value is right: it needs
// no more than the program. What it adds to the program is in comments, so
// that [Assemble] reads any listing back to the same program.
type Listing struct {
	// Syscall names a system call, as the function Name of package syscalls
	// does. Without it listings have numbers only.
	Syscall func(abi seccomp.ABI, nr uint32) (name string, ok bool)
	// ABI is that of the calls where the program does not itself test the
	// architecture before it looks at the number. Its byte order says
	// which half of an argument is which. The zero value leaves both open.
	ABI seccomp.ABI
	// Raw adds the four fields of each instruction in hexadecimal.
	Raw bool
}

// String is the listing of p without names of system calls: a line for each
// instruction, with its number, to which jumps refer, and a comment that says
// what is compared. [Assemble] reads it back to p, whether p is valid or not.
func (p Program) String() string { return string(Listing{}.Append(nil, p)) }

// Write writes the listing of p to w.
func (l Listing) Write(w io.Writer, p Program) error {
	_, err := w.Write(l.Append(nil, p))
	return err
}

// commentColumn is where comments start, if the instruction leaves room.
const commentColumn = 32

// Append appends the listing of p to b.
func (l Listing) Append(b []byte, p Program) []byte {
	at := factsOf(p)
	width := len(strconv.Itoa(max(len(p)-1, 0)))
	var comment []byte
	for pc, i := range p {
		b = appendPadded(b, width, strconv.Itoa(pc))
		b = append(b, ": "...)
		start := len(b)
		b = i.appendText(b, pc, len(p))
		if comment = l.appendComment(comment[:0], i, &at[pc]); len(comment) > 0 {
			for len(b)-start < commentColumn {
				b = append(b, ' ')
			}
			b = append(append(b, " ; "...), comment...)
		}
		b = append(b, '\n')
	}
	return b
}

func appendPadded(b []byte, width int, s string) []byte {
	for range width - len(s) {
		b = append(b, ' ')
	}
	return append(b, s...)
}

// appendComment says what i does in terms of the call.
func (l Listing) appendComment(b []byte, i Instruction, f *facts) []byte {
	text := l.comment(i, f)
	if l.Raw {
		b = appendFields(b, i)
		if text != "" {
			b = append(b, "  "...)
		}
	}
	return append(b, text...)
}

// appendFields writes code, jt, jf and k as seccomp tools do.
func appendFields(b []byte, i Instruction) []byte {
	hex := func(v uint64, digits int) {
		s := strconv.FormatUint(v, 16)
		for range digits - len(s) {
			b = append(b, '0')
		}
		b = append(b, s...)
	}
	hex(uint64(i.Code), 4)
	b = append(b, ' ')
	hex(uint64(i.JT), 2)
	b = append(b, ' ')
	hex(uint64(i.JF), 2)
	b = append(b, ' ')
	hex(uint64(i.K), 8)
	return b
}

func (l Listing) comment(i Instruction, f *facts) string {
	switch {
	case !i.Allowed():
		return opcodeAdvice(i.Code)
	case !f.reached:
		return "unreachable"
	case i.Code == Return:
		if a := seccomp.Action(i.K); a.Canonical() != a {
			return "acts as " + a.Canonical().String()
		}
	case i.Code == LoadAbs && i.K >= seccomp.OffsetIP, i.Code == LoadMem, i.Code == And, i.Code == TXA:
		after := *f
		after.execute(i)
		return l.content(after.a, f)
	case i.IsJump():
		return l.condition(i, f)
	}
	return ""
}

// condition is the test of a jump to the target that its text names first:
// nr == openat.
func (l Listing) condition(i Instruction, f *facts) string {
	left := l.content(f.a, f)
	if left == "" || f.a.Kind == Constant {
		return ""
	}
	right := ""
	switch {
	case !i.ReadsX():
		right = l.operand(i, f)
	case f.x.Kind == Constant:
		right = string(appendNumber(nil, f.x.K, isBits(i.Code&^SourceX)))
	default:
		right = l.content(f.x, f)
	}
	if right == "" {
		return ""
	}
	inverted := i.JT == 0 && i.JF != 0
	if i.Code&^SourceX == JumpSet {
		if inverted {
			return left + " & " + right + " == 0"
		}
		return left + " & " + right + " != 0"
	}
	return left + " " + operators[i.Code&^SourceX][btoi(inverted)] + " " + right
}

// operators are those of a jump where its test holds and where it fails.
var operators = map[uint16][2]string{
	JumpEQ: {"==", "!="}, JumpGT: {">", "<="}, JumpGE: {">=", "<"},
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// operand is the constant of a jump, by name where the tested word has names.
func (l Listing) operand(i Instruction, f *facts) string {
	switch {
	case i.Code == JumpSet: // bits have no names
	case f.a.isWord(seccomp.OffsetArch):
		if abi, ok := seccomp.ABIOf(i.K, 0); ok {
			return abi.String()
		}
	case f.a.isWord(seccomp.OffsetNR):
		name, ok := l.syscall(i.K, f)
		switch {
		case ok && i.K == seccomp.X32.Base() && i.Code != JumpEQ:
			return "x32" // not its first call, but where its range starts
		case ok:
			return name
		}
	}
	return string(appendNumber(nil, i.K, isBits(i.Code)))
}

// syscall is the name of nr where the ABI is known. Calls of x32, which share
// their architecture with those of x86_64, are marked.
func (l Listing) syscall(nr uint32, f *facts) (name string, ok bool) {
	abi, ok := l.ABI, l.ABI != 0 && !f.tested
	if f.knowsArch() {
		abi, ok = seccomp.ABIOf(f.arch, nr)
	}
	if !ok || l.Syscall == nil {
		return "", false
	}
	name, ok = l.Syscall(abi, nr)
	if abi == seccomp.X32 {
		name = "x32 " + name
	}
	return name, ok
}

// content is what c is called: nr, arch, args[0] low & 0xff; nothing where
// it is not known.
func (l Listing) content(c Content, f *facts) string {
	if c.Kind != Field {
		return ""
	}
	name := l.field(c.Offset, f)
	if c.K != 0xffffffff {
		name += " & " + string(appendNumber(nil, c.K, true))
	}
	return name
}

// field is the name of a word of struct seccomp_data. Which half of a 64-bit
// field it is depends on the byte order, so on the architecture: "word 0" is
// the half at the lower address where that is open.
func (l Listing) field(off uint32, f *facts) string {
	var name string
	switch {
	case off == seccomp.OffsetNR:
		return "nr"
	case off == seccomp.OffsetArch:
		return "arch"
	case off >= seccomp.DataSize || off%4 != 0:
		return ""
	case off < seccomp.OffsetArgs:
		name = "instruction_pointer"
	default:
		name = "args[" + strconv.Itoa(int(off-seccomp.OffsetArgs)/8) + "]"
	}
	abi, ok := l.ABI, l.ABI != 0
	if f.knowsArch() {
		abi, ok = seccomp.ABIOf(f.arch, 0)
	}
	if !ok {
		return name + " word " + strconv.Itoa(int(off/4%2))
	}
	if (off%8 == 0) == (abi.ByteOrder() == binary.ByteOrder(binary.BigEndian)) {
		return name + " high"
	}
	return name + " low"
}
