package profile

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// This file reads JSON into a tree of nodes with positions.
//
// encoding/json cannot serve: its tokens hide what a profile's author must
// hear of. It replaces invalid UTF-8 and lone surrogates, takes the last of
// two equal keys and keys in any case, and stops at the first mistake. This
// reader reports and goes on wherever the meaning is plain (comments, commas
// too many or too few, bad numbers and escapes, text behind the document).
// What it accepts without a report is exactly what encoding/json accepts,
// with the same values: a test and a fuzz target hold it to that.
//
// Cost: one pass, and beside a copy of the text, of which the strings are parts,
// at most 56 bytes a value, and 140 more until its list or object ends.

// Limits of a document. One that goes beyond them is refused. Docker's
// default profile has 20 kB, depth 5 and 900 values.
const (
	MaxSize   = 16 << 20 // bytes
	MaxDepth  = 10000    // of nested values: the limit of encoding/json
	MaxValues = 1 << 20  // values and keys
)

type kind uint8

const (
	kindBad kind = iota // reported already: nothing to say about it
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

var kindNames = [...]string{"bad value", "null", "boolean", "number", "string", "array", "object"}

func (k kind) String() string { return kindNames[k] }

// node is a JSON value, or a key.
type node struct {
	kind  kind
	at    Pos
	text  string // of a string: its value; of a number, boolean: as written
	elems []node // of an object: each key, and behind it its value
}

type scanner struct {
	*reporter
	data   string
	off    int
	line   int32
	start  int // offset of the first byte of the line
	depth  int
	values int
	open   []node // the elements of lists and objects that have not ended
	yajl   bool   // comments are taken
}

// parseTree reads a document. ok is false where there is no tree: the reason
// is among the diagnostics.
func parseTree(r *reporter, data []byte, yajl bool) (root node, ok bool) {
	if len(data) > MaxSize {
		r.add(Failure, CodeTooLarge, Pos{1, 1}, "", "the document has more than %d bytes", MaxSize)
		return node{}, false
	}
	s := &scanner{reporter: r, data: string(data), line: 1, yajl: yajl, open: make([]node, 0, 1<<8)}
	if strings.HasPrefix(s.data, "\ufeff") {
		s.add(Failure, CodeEncoding, s.pos(), "save the file as UTF-8 without BOM", "the document starts with a byte order mark, which Go's JSON refuses")
		s.off = 3
	}
	s.space()
	if root, ok = s.value(); !ok {
		return node{}, false
	}
	s.space()
	if s.off < len(s.data) {
		s.add(Failure, CodeTrailing, s.pos(), "remove what follows the closing brace", "text behind the end of the document")
	}
	return root, true
}

func (s *scanner) pos() Pos { return s.posAt(s.off) }

func (s *scanner) posAt(off int) Pos { return Pos{s.line, int32(off - s.start + 1)} }

// peek is the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.off < len(s.data) {
		return s.data[s.off]
	}
	return 0
}

// newline is told of the line feed at the current offset.
func (s *scanner) newline() {
	s.line++
	s.start = s.off + 1
}

// space skips white space, and comments with a report.
func (s *scanner) space() {
	for ; s.off < len(s.data); s.off++ {
		switch s.data[s.off] {
		case '\n':
			s.newline()
		case ' ', '\t', '\r':
		case '/', '#':
			if !s.comment() {
				return
			}
			s.off--
		default:
			return
		}
	}
}

// comment skips //, # and /* */ comments.
func (s *scanner) comment() bool {
	from := s.off
	rest := s.data[from:]
	block := strings.HasPrefix(rest, "/*")
	if !block && rest[0] != '#' && !strings.HasPrefix(rest, "//") {
		return false
	}
	severity := Failure
	if s.yajl && rest[0] != '#' {
		severity = Warning
	}
	s.add(severity, CodeComment, s.pos(), `JSON has no comments: use a rule's "comment" key`, "a comment")
	for s.off++; s.off < len(s.data); s.off++ {
		switch c := s.data[s.off]; {
		case c == '\n' && !block:
			return true
		case c == '\n':
			s.newline()
		case block && c == '/' && s.data[s.off-1] == '*' && s.off >= from+3:
			s.off++
			return true
		}
	}
	return true
}

func (s *scanner) syntax(hint, format string, args ...any) {
	s.add(Failure, CodeSyntax, s.pos(), hint, format, args...)
}

// unexpected reports the byte at which the reader cannot go on.
func (s *scanner) unexpected(want string) {
	if s.off >= len(s.data) {
		s.syntax("is the file truncated?", "the document ends where %s must stand", want)
		return
	}
	r, _ := utf8.DecodeRuneInString(s.data[s.off:])
	hint := ""
	if r == '\'' {
		hint = "strings stand in double quotes"
	}
	s.syntax(hint, "unexpected %q: %s must stand here", r, want)
}

func (s *scanner) value() (node, bool) {
	n := node{at: s.pos()}
	if s.values++; s.values > MaxValues {
		s.add(Failure, CodeTooLarge, n.at, "", "the document has more than %d values", MaxValues)
		return n, false
	}
	switch c := s.peek(); {
	case c == '{':
		return s.nested(n, kindObject, '}')
	case c == '[':
		return s.nested(n, kindArray, ']')
	case c == '"':
		return s.text(n)
	case isWord(c):
		return s.word(n), true
	}
	s.unexpected("a value")
	return n, false
}

// nested reads an array or object up to its closing bracket.
func (s *scanner) nested(n node, k kind, end byte) (node, bool) {
	if s.depth++; s.depth > MaxDepth {
		s.add(Failure, CodeTooLarge, n.at, "", "values are nested more than %d deep", MaxDepth)
		return n, false
	}
	n.kind = k
	first := len(s.open)
	s.off++
	for s.space(); s.peek() != end; s.space() {
		if !s.element(k) {
			return n, false
		}
		s.space()
		if c := s.peek(); c == ',' {
			if !s.comma(end) {
				return n, false
			}
		} else if c != end && !s.missingComma(c, end) {
			return n, false
		}
	}
	s.off++
	s.depth--
	n.elems = slices.Clone(s.open[first:])
	s.open = s.open[:first]
	return n, true
}

// element reads one element of an array, or one key and value of an object.
func (s *scanner) element(of kind) bool {
	if of == kindObject {
		if s.peek() != '"' {
			s.unexpected(`a key in double quotes, or "}",`)
			return false
		}
		key, ok := s.value()
		if !ok {
			return false
		}
		if s.space(); s.peek() != ':' {
			s.unexpected(`":"`)
			return false
		}
		s.off++
		s.space()
		s.open = append(s.open, key)
	}
	v, ok := s.value()
	s.open = append(s.open, v)
	return ok
}

// comma reads a comma, and reports one that stands before a closing bracket.
func (s *scanner) comma(end byte) bool {
	at := s.pos()
	s.off++
	s.space()
	switch s.peek() {
	case end:
		s.add(Failure, CodeTrailing, at, "remove the comma", "a comma behind the last element")
	case ',':
		s.unexpected("a value")
		return false
	}
	return true
}

func (s *scanner) missingComma(c, end byte) bool {
	if c == '"' || c == '{' || c == '[' || isWord(c) {
		s.syntax("", `missing ","`)
		return true
	}
	s.unexpected(`"," or "` + string(end) + `"`)
	return false
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c == '+' || c == '-' || c == '.' || c == '_'
}

// word reads a number, true, false or null, and reports anything else that
// looks like one.
func (s *scanner) word(n node) node {
	from := s.off
	for isWord(s.peek()) {
		s.off++
	}
	n.text = s.data[from:s.off]
	switch n.text {
	case "null":
		n.kind = kindNull
		return n
	case "true", "false":
		n.kind = kindBool
		return n
	}
	if isNumber(n.text) {
		n.kind = kindNumber
		return n
	}
	hint := "strings stand in double quotes"
	if v, err := strconv.ParseUint(n.text, 0, 64); err == nil {
		hint = "write " + strconv.FormatUint(v, 10) + ": JSON numbers are decimal and have no leading zero"
	}
	s.unreadable(CodeSyntax, n.at, hint, "%s is not a JSON value", quote(n.text))
	return n
}

// isNumber reports whether w is a number in the grammar of RFC 8259.
func isNumber(w string) bool {
	w = strings.TrimPrefix(w, "-")
	whole := digits(w)
	if whole == 0 || whole > 1 && w[0] == '0' {
		return false
	}
	w = w[whole:]
	if strings.HasPrefix(w, ".") {
		n := digits(w[1:])
		if n == 0 {
			return false
		}
		w = w[1+n:]
	}
	if w != "" && (w[0] == 'e' || w[0] == 'E') {
		w = w[1:]
		if w != "" && (w[0] == '+' || w[0] == '-') {
			w = w[1:]
		}
		n := digits(w)
		return n > 0 && n == len(w)
	}
	return w == ""
}

// digits is the number of decimal digits at the start of s.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// text reads a string.
func (s *scanner) text(n node) (node, bool) {
	n.kind = kindString
	s.off++
	from := s.off
	for s.off < len(s.data) {
		c := s.data[s.off]
		if c == '"' {
			n.text = s.data[from:s.off]
			s.off++
			return n, true
		}
		if c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			return s.unusual(n, from)
		}
		s.off++
	}
	s.syntax("is the file truncated?", "the string that starts at %d:%d has no end", n.at.Line, n.at.Column)
	return n, false
}

// unusual reads on in a string in which not every byte stands for itself.
func (s *scanner) unusual(n node, from int) (node, bool) {
	var b strings.Builder
	b.WriteString(s.data[from:s.off])
	for s.off < len(s.data) {
		switch c := s.data[s.off]; {
		case c == '"':
			s.off++
			n.text = b.String()
			return n, true
		case c == '\\':
			s.escape(&b)
		case c < ' ':
			s.syntax(`write \n, \t or \u00XX`, "control character %q in a string", c)
			if c == '\n' {
				s.newline()
			}
			s.off++
		default:
			r, size := utf8.DecodeRuneInString(s.data[s.off:])
			if r == utf8.RuneError && size == 1 {
				s.add(Failure, CodeEncoding, s.pos(), "save the file as UTF-8", "byte %#02x is not UTF-8: Go's JSON replaces it by U+FFFD", c)
			}
			b.WriteRune(r)
			s.off += size
		}
	}
	s.syntax("is the file truncated?", "the string that starts at %d:%d has no end", n.at.Line, n.at.Column)
	return n, false
}

const (
	escapes   = `"\/bfnrt`
	escapeFor = "\"\\/\b\f\n\r\t"
)

// escape reads a backslash and what belongs to it.
func (s *scanner) escape(b *strings.Builder) {
	at := s.pos()
	s.off++
	c := s.peek()
	if i := strings.IndexByte(escapes, c); i >= 0 && c != 0 {
		b.WriteByte(escapeFor[i])
		s.off++
		return
	}
	r, ok := s.unit()
	if !ok {
		s.add(Failure, CodeSyntax, at, `the escapes are \" \\ \/ \b \f \n \r \t \uXXXX`, "unknown escape in a string")
		return
	}
	if utf16.IsSurrogate(r) {
		r = s.surrogate(r, at)
	}
	b.WriteRune(r)
}

// unit reads uXXXX, the part of an escape behind the backslash.
func (s *scanner) unit() (rune, bool) {
	if s.off+5 > len(s.data) || s.data[s.off] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(s.data[s.off+1:s.off+5], 16, 16)
	if err != nil {
		return 0, false
	}
	s.off += 5
	return rune(v), true
}

// surrogate reads the second half of a surrogate pair.
func (s *scanner) surrogate(first rune, at Pos) rune {
	before := s.off
	if s.peek() == '\\' {
		s.off++
		if second, ok := s.unit(); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r
			}
		}
		s.off = before
	}
	s.add(Warning, CodeSurrogate, at, "", "half a surrogate pair: Go's JSON replaces it by U+FFFD")
	return utf8.RuneError
}
