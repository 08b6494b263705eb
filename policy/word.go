package policy

import (
	"encoding/binary"
	"fmt"

	"github.com/callgate/callgate/seccomp"
)

// Word is a 32-bit part of a call that diagrams test, in the order in which
// they test it: the architecture, the number, each argument with the high
// half before the low one, the instruction pointer.
type Word uint8

// The words of a call. [ArgHigh] and [ArgLow] name those of the arguments.
const (
	WordArch   Word = 0
	WordNR     Word = 1
	WordIPHigh Word = 14
	WordIPLow  Word = 15
	numWords        = 16
)

// ArgHigh is the upper half of argument i (0 to 5).
func ArgHigh(i int) Word { return Word(2 + 2*i) }

// ArgLow is the lower half of argument i (0 to 5).
func ArgLow(i int) Word { return Word(3 + 2*i) }

// Offset is the offset in bytes of w in struct seccomp_data on a machine of
// the given byte order.
func (w Word) Offset(order binary.ByteOrder) uint32 {
	if w <= WordNR {
		return [...]uint32{WordArch: seccomp.OffsetArch, WordNR: seccomp.OffsetNR}[w]
	}
	high, low := seccomp.ArgOffsets(order, int(w-2)/2)
	if w >= WordIPHigh {
		high, low = seccomp.IPOffsets(order)
	}
	if w%2 == 0 {
		return high
	}
	return low
}

// WordAt is the word at byte offset off, the reverse of [Word.Offset].
func WordAt(order binary.ByteOrder, off uint32) (Word, bool) {
	for w := range Word(numWords) {
		if w.Offset(order) == off {
			return w, true
		}
	}
	return 0, false
}

// Of is the value of w in a call.
func (w Word) Of(d seccomp.Data) uint32 { return wordsOf(d)[w] }

// String is w as in arch, nr, a0.high, ip.low.
func (w Word) String() string {
	half := map[bool]string{true: "high", false: "low"}[w%2 == 0]
	switch {
	case w == WordArch:
		return "arch"
	case w == WordNR:
		return "nr"
	case w >= WordIPHigh:
		return "ip." + half
	}
	return fmt.Sprintf("a%d.%s", (w-2)/2, half)
}

func levelOf(w Word, bit uint) uint16 { return uint16(w)*32 + uint16(31-bit) }

// wordsOf splits a call into its words.
func wordsOf(d seccomp.Data) *[numWords]uint32 {
	w := &[numWords]uint32{WordArch: d.Arch, WordNR: d.NR, WordIPHigh: uint32(d.IP >> 32), WordIPLow: uint32(d.IP)}
	for i, a := range d.Args {
		w[ArgHigh(i)], w[ArgLow(i)] = uint32(a>>32), uint32(a)
	}
	return w
}

// field is a run of adjacent levels that people see as one number: a 32-bit
// word, or a 64-bit argument.
type field struct {
	first uint16 // level of its highest bit
	bits  uint
}

var (
	fieldArch = field{0, 32}
	fieldNR   = field{32, 32}
	fieldIP   = field{uint16(WordIPHigh) * 32, 64}
	fieldAll  = field{0, terminalLevel} // for walks that go to the answers
)

func fieldArg(i int) field    { return field{uint16(ArgHigh(i)) * 32, 64} }
func fieldArgLow(i int) field { return field{uint16(ArgLow(i)) * 32, 32} }
func fieldWord(w Word) field  { return field{uint16(w) * 32, 32} }

// fieldOf is the number, as people see it, that level belongs to.
func fieldOf(level uint16) field {
	switch {
	case level < 32:
		return fieldArch
	case level < 64:
		return fieldNR
	case level >= fieldIP.first:
		return fieldIP
	}
	return fieldArg(int(level-64) / 64)
}

func (f field) end() uint16 { return f.first + uint16(f.bits) }

func (f field) max() uint64 { return ^uint64(0) >> (64 - f.bits) }

// name is the field as the text form spells it.
func (f field) name() string {
	switch f {
	case fieldArch:
		return "arch"
	case fieldNR:
		return "nr"
	case fieldIP:
		return "ip"
	}
	return fmt.Sprintf("a%d", (f.first-64)/64)
}
