package observe

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file writes names that are bytes into JSON, whose strings are Unicode. A
// byte that is not part of UTF-8 becomes U+0000 and two hexadecimal digits:
// neither a path nor an argument of a program can have a zero byte of its own.

// escapeBytes is a name as it is saved.
func escapeBytes(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, "\x00%02x", name[0])
		} else {
			b.WriteString(name[:size])
		}
		name = name[size:]
	}
	return b.String()
}

// unescapeBytes is the name that was saved.
func unescapeBytes(text string) (string, error) {
	plain, rest, escaped := strings.Cut(text, "\x00")
	if !escaped {
		return text, nil
	}
	var b strings.Builder
	for escaped {
		b.WriteString(plain)
		n, err := strconv.ParseUint(rest[:min(2, len(rest))], 16, 8)
		if err != nil || len(rest) < 2 || n < utf8.RuneSelf {
			return "", fmt.Errorf("%q: want a byte from 80 to ff in two hexadecimal digits behind U+0000", text)
		}
		b.WriteByte(byte(n))
		plain, rest, escaped = strings.Cut(rest[2:], "\x00")
	}
	b.WriteString(plain)
	return b.String(), nil
}

// escapeAll escapes the words of a command line.
func escapeAll(words []string) []string {
	var all []string
	for _, w := range words {
		all = append(all, escapeBytes(w))
	}
	return all
}

// unescapeAll is the command line that was saved.
func unescapeAll(texts []string) ([]string, error) {
	var all []string
	for _, text := range texts {
		w, err := unescapeBytes(text)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}
