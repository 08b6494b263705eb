package decode

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/callgate/callgate/seccomp"
)

// Memory reads the memory of the process that makes the call: ReadAt fills p
// from address addr, as far as it can, and returns how many bytes it got, with
// an error where they are fewer than len(p). An open /proc/PID/mem is one.
// Errors only mean that less is shown.
type Memory interface {
	ReadAt(p []byte, addr int64) (n int, err error)
}

// What is shown of the memory of a process, at most.
const (
	maxPath    = 512 // bytes of a string
	maxData    = 64  // bytes of a buffer
	maxStrings = 16  // strings of an argument list
	maxCounted = 4096
	maxVectors = 8   // buffers of an array of them
	maxStruct  = 128 // bytes of a structure
)

// page is the smallest page of any architecture: a string is read up to the
// end of its page first, for a Memory that gives all of a range or nothing.
const page = 4096

// space is the memory of a process with the layout of its ABI.
type space struct {
	mem Memory
	abi seccomp.ABI
}

// read reads up to n bytes, or what is there of them.
func (s space) read(addr uint64, n int) []byte {
	if s.mem == nil || addr == 0 || addr+uint64(n) < addr {
		return nil
	}
	b := make([]byte, n)
	got, _ := s.mem.ReadAt(b, int64(addr))
	return b[:min(max(got, 0), n)]
}

// exactly reads n bytes; ok is false where not all of them can be read.
func (s space) exactly(addr uint64, n int) (b []byte, ok bool) {
	b = s.read(addr, n)
	return b, len(b) == n && n > 0
}

// text reads a string that ends with a zero byte; whole is false where its end
// was not found within maxPath bytes, ok where nothing could be read.
func (s space) text(addr uint64) (text []byte, whole, ok bool) {
	for len(text) < maxPath {
		at := addr + uint64(len(text))
		want := min(maxPath-len(text), page-int(at%page))
		b := s.read(at, want)
		if end := bytes.IndexByte(b, 0); end >= 0 {
			return append(text, b[:end]...), true, true
		}
		text = append(text, b...)
		if len(b) < want {
			break
		}
	}
	return text, false, len(text) > 0
}

// wordSize is the number of bytes of a long and of an address.
func (s space) wordSize() int { return s.abi.WordBits() / 8 }

// integer is the unsigned number in b, which has 4 or 8 bytes.
func (s space) integer(b []byte) uint64 {
	if len(b) == 4 {
		return uint64(s.order().Uint32(b))
	}
	return s.order().Uint64(b)
}

// words are the longs at addr: up to n, or as many as can be read.
func (s space) words(addr uint64, n int) []uint64 {
	size := s.wordSize()
	b := s.read(addr, n*size)
	words := make([]uint64, 0, len(b)/size)
	for ; len(b) >= size; b = b[size:] {
		words = append(words, s.integer(b[:size]))
	}
	return words
}

func (s space) order() binary.ByteOrder { return s.abi.ByteOrder() }

// quote writes bytes as a C string: what is not printable is escaped, so that
// nothing that a process chose reaches a terminal.
func quote(b []byte, whole bool) string {
	var out strings.Builder
	out.WriteByte('"')
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == utf8.RuneError && n <= 1, !strconv.IsPrint(r):
			writeEscaped(&out, b[:n])
		default:
			out.WriteRune(r)
		}
		b = b[n:]
	}
	out.WriteByte('"')
	if !whole {
		out.WriteString("...")
	}
	return out.String()
}

func writeEscaped(out *strings.Builder, b []byte) {
	const hex = "0123456789abcdef"
	for _, c := range b {
		if i := strings.IndexByte("\n\t\r", c); i >= 0 {
			out.WriteByte('\\')
			out.WriteByte("ntr"[i])
			continue
		}
		out.WriteString(`\x`)
		out.WriteByte(hex[c>>4])
		out.WriteByte(hex[c&15])
	}
}
