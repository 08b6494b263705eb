package bpf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// SyntaxError is a mistake in the text of a program.
type SyntaxError struct {
	Line, Column int // from 1; the column counts bytes
	Message      string
}

// Error is line:column: message, for a file name to be put before it.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// maxErrors is how many mistakes Assemble reports.
const maxErrors = 10

// Assemble reads a program in the text form in which [Program.String] and
// [Listing] write it. There is one instruction a line. A semicolon starts a
// comment.
//
//	ld arch            A = architecture         ld nr     A = number of the call
//	ld [16]            A = word at offset 16    ld len    A = 64; also ldx len
//	ld #5              A = 5; also ldx #5       ld M[3]   A = M[3]; also ldx M[3]
//	st M[3]            M[3] = A                 stx M[3]  M[3] = X
//	add #5             A += 5                   add x     A += X
//	sub mul div and or xor lsh rsh              like add
//	neg                A = -A
//	tax                X = A                    txa       A = X
//	ja 7               go to instruction 7
//	jeq #5, 7, 9       if A == 5 go to 7, otherwise to 9
//	jeq #5, 7          if A == 5 go to 7, otherwise on
//	jne #5, 9          if A == 5 go on, otherwise to 9
//	jeq x, 7, 9        compare A with X
//	jgt jge jset       like jeq: A > , A >= , A & ... is not 0
//	jle jlt jnset      like jne: their opposites
//	ret ERRNO(EPERM)   end with an action, as in seccomp.ParseAction
//	ret #0x7fff0000    end with a value         ret a     end with A
//	.inst 0x94, 0, 0, 3                         any instruction: code, jt, jf, k
//
// Numbers are decimal or, after 0x, hexadecimal. A label, which is a name or
// a number and ends with a colon, stands before an instruction or on a line
// of its own. A jump goes to a label, or forward by a number of instructions:
// +0 is the next one. The numbers of a listing are labels, so that lines may
// be added to it. Fields that an instruction does not use are written behind
// it: tax {jt=1 jf=2 k=3}.
//
// The program need not be valid: that is for [Program.Verify] to say. Errors
// are [*SyntaxError] values, joined where there are several, at most 10.
func Assemble(text string) (Program, error) {
	a := assembler{labels: make(map[string]int)}
	for line := range strings.Lines(text) {
		a.line++
		a.readLine(strings.TrimRight(line, "\r\n"))
		if len(a.program) > maxProgram {
			return nil, a.at(1, "more than %d instructions", maxProgram)
		}
		if len(a.errs) >= maxErrors {
			break
		}
	}
	if len(a.errs) == 0 {
		a.resolve()
	}
	switch len(a.errs) {
	case 0:
		return a.program, nil
	case 1:
		return nil, a.errs[0]
	}
	return nil, errors.Join(a.errs...)
}

// assembler reads lines and keeps jumps to be resolved when all labels are
// known.
type assembler struct {
	program Program
	labels  map[string]int // to the index of the instruction
	jumps   []pending
	line    int
	errs    []error
}

// pending is a jump target as it was written.
type pending struct {
	pc           int
	line, column int
	label        string
	which        targetField
}

type targetField uint8

const (
	fieldJT targetField = iota
	fieldJF
	fieldK
)

func (a *assembler) at(column int, format string, args ...any) error {
	return &SyntaxError{Line: a.line, Column: column, Message: fmt.Sprintf(format, args...)}
}

// operand is a part of a line and the column where it starts.
type operand struct {
	text   string
	column int
}

// trim removes blanks around o.
func (o operand) trim() operand {
	t := strings.TrimLeft(o.text, " \t")
	return operand{strings.TrimRight(t, " \t"), o.column + len(o.text) - len(t)}
}

// cut splits o before the first sep.
func (o operand) cut(sep string) (before, after operand, found bool) {
	b, t, found := strings.Cut(o.text, sep)
	return operand{b, o.column}.trim(), operand{t, o.column + len(o.text) - len(t)}.trim(), found
}

func (a *assembler) readLine(text string) {
	code, _, _ := operand{text, 1}.cut(";")
	for {
		label, rest, found := code.cut(":")
		if !found {
			break
		}
		if err := a.define(label); err != nil {
			a.errs = append(a.errs, err)
			return
		}
		code = rest
	}
	if code.text == "" {
		return
	}
	i, err := a.instruction(code)
	if err != nil {
		a.errs = append(a.errs, err)
	}
	a.program = append(a.program, i)
}

func (a *assembler) define(label operand) error {
	name, ok := labelName(label.text)
	if !ok {
		return a.at(label.column, "%q is no label: want a name or a number before the colon", clip(label.text))
	}
	if _, twice := a.labels[name]; twice {
		return a.at(label.column, "label %s is already defined", clip(name))
	}
	a.labels[name] = len(a.program)
	return nil
}

// labelName checks a label and removes leading zeros from a number.
func labelName(s string) (name string, ok bool) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil && s[0] != '+' {
		return strconv.FormatUint(n, 10), true
	}
	for n, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '.'
		if !letter && (n == 0 || c < '0' || c > '9') {
			return "", false
		}
	}
	return s, s != ""
}

// resolve fills in the jumps.
func (a *assembler) resolve() {
	for _, j := range a.jumps {
		if err := a.resolveJump(j); err != nil {
			a.errs = append(a.errs, err)
			if len(a.errs) >= maxErrors {
				return
			}
		}
	}
}

func (a *assembler) resolveJump(j pending) error {
	a.line = j.line
	to, known := a.labels[j.label]
	switch {
	case !known:
		return a.at(j.column, "no label %s", clip(j.label))
	case to >= len(a.program):
		return a.at(j.column, "label %s has no instruction behind it", clip(j.label))
	case to <= j.pc:
		return a.at(j.column, "label %s lies behind: jumps only go forward", clip(j.label))
	}
	return a.setTarget(j, uint32(to-j.pc-1))
}

func (a *assembler) setTarget(j pending, by uint32) error {
	i := &a.program[j.pc]
	if j.which != fieldK && by > MaxOffset {
		return a.at(j.column, "a conditional jump skips at most %d instructions, this one %d: jump to a ja on the way", MaxOffset, by)
	}
	switch j.which {
	case fieldJT:
		i.JT = uint8(by)
	case fieldJF:
		i.JF = uint8(by)
	default:
		i.K = by
	}
	return nil
}

// number reads a decimal or hexadecimal number of up to the given bits.
func (a *assembler) number(o operand, bits int) (uint32, error) {
	base, digits := 10, o.text
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		base, digits = 16, digits[2:]
	}
	v, err := strconv.ParseUint(digits, base, bits)
	if err != nil {
		return 0, a.at(o.column, "%q is no number from 0 to %d", clip(o.text), uint64(1)<<bits-1)
	}
	return uint32(v), nil
}

// clip shortens s for a message.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}

// action reads the operand of ret.
func (a *assembler) action(o operand) (uint32, error) {
	act, err := seccomp.ParseAction(o.text)
	if err != nil {
		return 0, a.at(o.column, "%v", err)
	}
	return uint32(act), nil
}
