package policy

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenNumber
	tokenPunct
)

type token struct {
	kind         tokenKind
	text         string
	line, column int
}

func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end"
	}
	return fmt.Sprintf("%.60q", t.text)
}

// lexer splits the text of a policy into tokens. A # starts a comment.
type lexer struct {
	text      string
	pos       int
	line      int
	lineStart int
	token     token
	err       error
}

// fail keeps the first error and ends the text.
func (l *lexer) fail(at token, format string, args ...any) {
	if l.err == nil {
		l.err = &SyntaxError{at.line, at.column, fmt.Sprintf(format, args...)}
	}
	l.pos = len(l.text)
	l.token = token{kind: tokenEnd}
}

func (l *lexer) next() {
	l.skip()
	l.token = token{line: l.line, column: l.pos - l.lineStart + 1}
	if l.pos == len(l.text) {
		return
	}
	start := l.pos
	switch c := l.text[l.pos]; {
	case isDigit(c):
		l.token.kind = tokenNumber
		l.take(isWord)
	case isWord(c) || c == '@':
		l.token.kind = tokenName
		l.pos++
		l.take(isWord)
		if l.pos+1 < len(l.text) && l.text[l.pos] == '.' && isWord(l.text[l.pos+1]) {
			l.pos++ // as in a0.low
			l.take(isWord)
		}
	default:
		l.token.kind = tokenPunct
		l.pos++
		for _, long := range []string{"==", "!=", "<=", ">=", ".."} {
			if strings.HasPrefix(l.text[start:], long) {
				l.pos = start + 2
			}
		}
	}
	l.token.text = l.text[start:l.pos]
}

func (l *lexer) take(ok func(byte) bool) {
	for l.pos < len(l.text) && ok(l.text[l.pos]) {
		l.pos++
	}
}

// skip passes over white space and comments.
func (l *lexer) skip() {
	for l.pos < len(l.text) {
		switch l.text[l.pos] {
		case '\n':
			l.pos++
			l.line++
			l.lineStart = l.pos
		case ' ', '\t', '\r':
			l.pos++
		case '#':
			l.take(func(c byte) bool { return c != '\n' })
		default:
			return
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
