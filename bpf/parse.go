package bpf

import "strings"

// rule is what a mnemonic may have behind it.
type rule struct {
	imm, x, abs, mem, len uint16 // the opcode with #n, x, [n], M[n] or len; none where it is absent
	has                   operands
	inverted              bool // the one target is that of the failed test
}

type operands uint8

const (
	takesImm operands = 1 << iota
	takesX
	takesAbs // also nr and arch
	takesMem
	takesLen
	takesTargets
	takesNone
)

// rules are the mnemonics but ja, ret and .inst, which have operands of
// their own kind.
var rules = map[string]rule{
	"ld":  {imm: LoadImm, abs: LoadAbs, mem: LoadMem, len: LoadLen, has: takesImm | takesAbs | takesMem | takesLen},
	"ldx": {imm: LoadXImm, mem: LoadXMem, len: LoadXLen, has: takesImm | takesMem | takesLen},
	"st":  {mem: Store, has: takesMem},
	"stx": {mem: StoreX, has: takesMem},

	"add": arithmeticRule(Add), "sub": arithmeticRule(Sub), "mul": arithmeticRule(Mul),
	"div": arithmeticRule(Div), "or": arithmeticRule(Or), "and": arithmeticRule(And),
	"lsh": arithmeticRule(Lsh), "rsh": arithmeticRule(Rsh), "xor": arithmeticRule(Xor),

	"neg": {imm: Neg, has: takesNone},
	"tax": {imm: TAX, has: takesNone},
	"txa": {imm: TXA, has: takesNone},

	"jeq": jumpRule(JumpEQ, false), "jne": jumpRule(JumpEQ, true),
	"jgt": jumpRule(JumpGT, false), "jle": jumpRule(JumpGT, true),
	"jge": jumpRule(JumpGE, false), "jlt": jumpRule(JumpGE, true),
	"jset": jumpRule(JumpSet, false), "jnset": jumpRule(JumpSet, true),
}

func arithmeticRule(code uint16) rule {
	return rule{imm: code, x: code | SourceX, has: takesImm | takesX}
}

func jumpRule(code uint16, inverted bool) rule {
	return rule{imm: code, x: code | SourceX, has: takesImm | takesX | takesTargets, inverted: inverted}
}

// instruction reads the instruction of one line.
func (a *assembler) instruction(line operand) (Instruction, error) {
	body, unused, hasUnused := line.cut("{")
	word, rest := body, operand{"", body.column + len(body.text)}
	if n := strings.IndexAny(body.text, " \t"); n >= 0 {
		word = operand{body.text[:n], body.column}
		rest = operand{body.text[n:], body.column + n}.trim()
	}
	var i Instruction
	var err error
	switch name := strings.ToLower(word.text); name {
	case rawWord:
		i, err = a.rawInstruction(rest)
	case "ja":
		i.Code = JumpAlways
		err = a.target(&i, rest, fieldK)
	case "ret":
		i, err = a.ret(rest)
	default:
		r, known := rules[name]
		if !known {
			return i, a.at(word.column, "no instruction %q: want ld, ldx, st, stx, an operation (add, and, ...), a jump (ja, jeq, jge, jgt, jset), ret, tax, txa or .inst", clip(word.text))
		}
		i, err = a.ruled(r, word, rest)
	}
	if err != nil || !hasUnused {
		return i, err
	}
	return i, a.unused(&i, unused)
}

// ruled reads the operands of an instruction that has a rule.
func (a *assembler) ruled(r rule, word, rest operand) (Instruction, error) {
	if r.has == takesNone {
		if rest.text != "" {
			return Instruction{}, a.at(rest.column, "%s takes no operand", word.text)
		}
		return Instruction{Code: r.imm}, nil
	}
	first, targets, hasTargets := rest.cut(",")
	i, err := a.value(r, word, first)
	if err != nil {
		return i, err
	}
	if r.has&takesTargets == 0 {
		if hasTargets {
			return i, a.at(targets.column, "%s takes one operand", word.text)
		}
		return i, nil
	}
	return i, a.targets(&i, r, word, targets)
}

// value reads the first operand, which with the mnemonic makes the opcode.
func (a *assembler) value(r rule, word, o operand) (i Instruction, err error) {
	lower := strings.ToLower(o.text)
	switch {
	case r.has&takesX != 0 && lower == "x":
		i.Code = r.x
	case r.has&takesLen != 0 && lower == "len":
		i.Code = r.len
	case r.has&takesAbs != 0 && lower == "nr":
		i.Code, i.K = r.abs, 0
	case r.has&takesAbs != 0 && lower == "arch":
		i.Code, i.K = r.abs, 4
	case r.has&takesImm != 0 && strings.HasPrefix(lower, "#"):
		i.Code = r.imm
		i.K, err = a.number(operand{o.text[1:], o.column + 1}.trim(), 32)
	case r.has&takesMem != 0 && strings.HasPrefix(lower, "m["):
		i.Code = r.mem
		i.K, err = a.bracketed(o, 2)
	case r.has&takesAbs != 0 && strings.HasPrefix(lower, "["):
		i.Code = r.abs
		i.K, err = a.bracketed(o, 1)
	default:
		return i, a.at(o.column, "%s takes %s, not %q", word.text, r.wants(), clip(o.text))
	}
	return i, err
}

// wants lists the operands of r for a message.
func (r rule) wants() string {
	var w []string
	for _, o := range []struct {
		bit  operands
		text string
	}{
		{takesImm, "a constant (#5)"}, {takesX, "x"}, {takesAbs, "nr, arch or a word of the call ([16])"},
		{takesMem, "a memory cell (M[3])"}, {takesLen, "len"},
	} {
		if r.has&o.bit != 0 {
			w = append(w, o.text)
		}
	}
	return strings.Join(w, ", or ")
}

// bracketed reads the number in o behind skip bytes and before a bracket.
func (a *assembler) bracketed(o operand, skip int) (uint32, error) {
	inner, closed := strings.CutSuffix(o.text[skip:], "]")
	if !closed {
		return 0, a.at(o.column+len(o.text), "missing ]")
	}
	return a.number(operand{inner, o.column + skip}.trim(), 32)
}

// targets reads one or two jump targets.
func (a *assembler) targets(i *Instruction, r rule, word, o operand) error {
	first, second, two := o.cut(",")
	switch {
	case first.text == "":
		return a.at(o.column, "%s needs a target: a label, or +1 to skip an instruction", word.text)
	case !two && r.inverted:
		return a.target(i, first, fieldJF)
	case !two:
		return a.target(i, first, fieldJT)
	case r.inverted:
		first, second = second, first
	}
	if err := a.target(i, first, fieldJT); err != nil {
		return err
	}
	return a.target(i, second, fieldJF)
}

// target reads +n at once and leaves a label for later.
func (a *assembler) target(i *Instruction, o operand, which targetField) error {
	if by, relative := strings.CutPrefix(o.text, "+"); relative {
		bits := 8
		if which == fieldK {
			bits = 32
		}
		n, err := a.number(operand{by, o.column + 1}, bits)
		if err != nil {
			return err
		}
		switch which {
		case fieldJT:
			i.JT = uint8(n)
		case fieldJF:
			i.JF = uint8(n)
		default:
			i.K = n
		}
		return nil
	}
	name, ok := labelName(o.text)
	if !ok {
		return a.at(o.column, "%q is no target: want a label, or +1 to skip an instruction", clip(o.text))
	}
	a.jumps = append(a.jumps, pending{pc: len(a.program), line: a.line, column: o.column, label: name, which: which})
	return nil
}

// ret reads what is behind ret.
func (a *assembler) ret(o operand) (i Instruction, err error) {
	switch {
	case strings.EqualFold(o.text, "a"):
		return Instruction{Code: ReturnA}, nil
	case strings.HasPrefix(o.text, "#"):
		i.K, err = a.number(operand{o.text[1:], o.column + 1}.trim(), 32)
	default:
		i.K, err = a.action(o)
	}
	i.Code = Return
	return i, err
}

// rawInstruction reads the four fields behind .inst.
func (a *assembler) rawInstruction(o operand) (i Instruction, err error) {
	var v [4]uint32
	for n, bits := range []int{16, 8, 8, 32} {
		var one operand
		more := false
		one, o, more = o.cut(",")
		if v[n], err = a.number(one, bits); err != nil {
			return i, err
		}
		if more != (n < 3) {
			return i, a.at(one.column, ".inst takes code, jt, jf, k")
		}
	}
	return Instruction{Code: uint16(v[0]), JT: uint8(v[1]), JF: uint8(v[2]), K: v[3]}, nil
}

// unused reads the fields in braces, each of which i must not use.
func (a *assembler) unused(i *Instruction, o operand) error {
	inner, closed := strings.CutSuffix(o.text, "}")
	if !closed {
		return a.at(o.column+len(o.text), "missing }")
	}
	rest := operand{inner, o.column}.trim()
	for rest.text != "" {
		var one operand
		one, rest, _ = rest.cut(" ")
		name, value, _ := one.cut("=")
		if err := a.unusedField(i, name, value); err != nil {
			return err
		}
	}
	return nil
}

func (a *assembler) unusedField(i *Instruction, name, value operand) error {
	bits, used := 8, i.IsJump()
	switch name.text {
	case "jt", "jf":
	case "k":
		bits, used = 32, i.ReadsK()
	default:
		return a.at(name.column, "%q is no field: want jt, jf or k", clip(name.text))
	}
	if used || !i.Allowed() {
		return a.at(name.column, "this instruction uses its field %s: braces are for fields that it does not use", name.text)
	}
	v, err := a.number(value, bits)
	if err != nil {
		return err
	}
	switch name.text {
	case "jt":
		i.JT = uint8(v)
	case "jf":
		i.JF = uint8(v)
	default:
		i.K = v
	}
	return nil
}
