package bpf

import (
	"strconv"

	"github.com/callgate/callgate/seccomp"
)

// mnemonics are the words of the text form, which are those of the BPF
// assembler of the Linux sources. An opcode with a K and an X form has one.
var mnemonics = [256]string{
	LoadAbs: "ld", LoadImm: "ld", LoadMem: "ld", LoadLen: "ld",
	LoadXImm: "ldx", LoadXMem: "ldx", LoadXLen: "ldx",
	Store: "st", StoreX: "stx",
	Add: "add", Sub: "sub", Mul: "mul", Div: "div", Or: "or", And: "and",
	Lsh: "lsh", Rsh: "rsh", Xor: "xor", Neg: "neg",
	JumpAlways: "ja", JumpEQ: "jeq", JumpGT: "jgt", JumpGE: "jge", JumpSet: "jset",
	Return: "ret", ReturnA: "ret", TAX: "tax", TXA: "txa",
}

// inverse are the words for a conditional jump that names only the target to
// go to where its test does not hold.
var inverse = map[string]string{"jeq": "jne", "jgt": "jle", "jge": "jlt", "jset": "jnset"}

// rawWord starts an instruction that the text form has no other words for.
const rawWord = ".inst"

// String is i as one line of the text form without comments, jumps by
// relative targets: jne #5, +3.
func (i Instruction) String() string { return string(i.appendText(nil, 0, -1)) }

// appendText appends the text of i. A jump target that lies inside the
// program of the given length is an instruction number, any other one is
// relative; length -1 is for an instruction alone, which needs no columns.
func (i Instruction) appendText(b []byte, pc, length int) []byte {
	if !i.Allowed() {
		return i.appendRaw(b)
	}
	shape := shapeOf(i.Code)
	target := func(b []byte, by uint32) []byte {
		if int64(pc)+1+int64(by) < int64(length) {
			return strconv.AppendInt(b, int64(pc)+1+int64(by), 10)
		}
		return strconv.AppendUint(append(b, '+'), uint64(by), 10)
	}
	word := mnemonics[i.Code]
	if shape&usesX != 0 {
		word = mnemonics[i.Code&^SourceX]
	}
	inverted := shape&usesJ != 0 && i.JT == 0 && i.JF != 0
	if inverted {
		word = inverse[word]
	}
	b = append(b, word...)
	for n := len(word); n < 5 && length >= 0 && i.hasOperand(); n++ {
		b = append(b, ' ')
	}
	b = i.appendOperand(b, target)
	if shape&usesJ != 0 {
		switch {
		case inverted:
			b = target(append(b, ", "...), uint32(i.JF))
		case i.JF == 0 && i.JT != 0:
			b = target(append(b, ", "...), uint32(i.JT))
		default:
			b = target(append(b, ", "...), uint32(i.JT))
			b = target(append(b, ", "...), uint32(i.JF))
		}
	}
	return i.appendUnused(b, shape)
}

// hasOperand reports whether anything stands behind the mnemonic.
func (i Instruction) hasOperand() bool { return i.Code != Neg && i.Code != TAX && i.Code != TXA }

func (i Instruction) appendOperand(b []byte, target func([]byte, uint32) []byte) []byte {
	switch i.Code {
	case LoadAbs:
		switch i.K {
		case seccomp.OffsetNR:
			return append(b, " nr"...)
		case seccomp.OffsetArch:
			return append(b, " arch"...)
		}
		return append(strconv.AppendUint(append(b, " ["...), uint64(i.K), 10), ']')
	case LoadMem, LoadXMem, Store, StoreX:
		return append(strconv.AppendUint(append(b, " M["...), uint64(i.K), 10), ']')
	case LoadLen, LoadXLen:
		return append(b, " len"...)
	case JumpAlways:
		return target(append(b, ' '), i.K)
	case Return:
		if a := seccomp.Action(i.K); a.Known() {
			return append(append(b, ' '), a.String()...)
		}
	case ReturnA:
		return append(b, " a"...)
	case Neg, TAX, TXA:
		return b
	}
	if i.ReadsX() {
		return append(b, " x"...)
	}
	return appendNumber(append(b, " #"...), i.K, isBits(i.Code))
}

// isBits reports whether the operand of code is best read as bits.
func isBits(code uint16) bool {
	switch code {
	case And, Or, Xor, JumpSet, Return:
		return true
	}
	return false
}

// appendNumber writes small numbers in decimal, as people read the numbers of
// system calls, and large ones and bits in hexadecimal.
func appendNumber(b []byte, v uint32, bits bool) []byte {
	if v < 10 || v < 1<<16 && !bits {
		return strconv.AppendUint(b, uint64(v), 10)
	}
	return strconv.AppendUint(append(b, "0x"...), uint64(v), 16)
}

// appendUnused appends the fields that i does not use and that are not zero,
// as in {jt=1 k=5}: they mean nothing, but they are bytes of the program.
func (i Instruction) appendUnused(b []byte, shape shape) []byte {
	open := " {"
	field := func(name string, v uint32, used bool) {
		if v == 0 || used {
			return
		}
		b = append(append(append(b, open...), name...), '=')
		b = appendNumber(b, v, false)
		open = " "
	}
	field("jt", uint32(i.JT), shape&usesJ != 0)
	field("jf", uint32(i.JF), shape&usesJ != 0)
	field("k", i.K, shape&usesK != 0)
	if open == " " {
		b = append(b, '}')
	}
	return b
}

func (i Instruction) appendRaw(b []byte) []byte {
	b = append(b, rawWord+" 0x"...)
	b = strconv.AppendUint(b, uint64(i.Code), 16)
	b = strconv.AppendUint(append(b, ", "...), uint64(i.JT), 10)
	b = strconv.AppendUint(append(b, ", "...), uint64(i.JF), 10)
	return appendNumber(append(b, ", "...), i.K, true)
}
