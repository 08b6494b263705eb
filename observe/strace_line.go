package observe

import (
	"strconv"
	"strings"
)

// This file takes lines of strace apart. What stands before a call is, each if
// asked for: the process (with its name), the time, the time since the line
// before, the number of the call, the instruction pointer.

// prefix is what stands before a call.
type prefix struct {
	pid      int   // 0 where there is none
	time     int64 // in nanoseconds since the Unix epoch; 0 where only the hour is told
	nr       uint32
	numbered bool
}

// maxPID is the largest number of a process (include/linux/threads.h): a larger
// one is a time.
const maxPID = 4 << 20

// prefix reads what stands before a call.
func (c *cursor) prefix() prefix {
	var p prefix
	start := c.at
	if c.take("[pid") {
		c.spaces()
		p.pid = number(c.run(digits))
		c.comm()
		if !c.take("] ") {
			c.at = start
			return p
		}
	} else if pid := number(c.run(digits)); pid > 0 && pid <= maxPID && (c.comm() || c.take(" ")) {
		p.pid = pid
	} else {
		c.at = start
	}
	c.spaces()
	for c.time(&p) || c.bracketed(&p) {
		c.spaces()
	}
	return p
}

// comm moves behind a process's name, as in <sh>.
func (c *cursor) comm() bool {
	rest := c.rest()
	end := strings.Index(rest, ">")
	if !strings.HasPrefix(rest, "<") || strings.HasPrefix(rest, "<...") || end < 0 {
		return false
	}
	c.at += end + 1
	return true
}

// time moves behind a time: 12:34:56, with or without a fraction, a number of
// seconds with a fraction, or such a number as in (+ 0.000123).
func (c *cursor) time(p *prefix) bool {
	start := c.at
	relative := c.take("(+")
	c.spaces()
	text := c.run(digits + ":.")
	ok := text != "" && strings.ContainsAny(text[:1], digits) && (!relative || c.take(")")) && c.take(" ")
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	plain := err == nil && !strings.Contains(fraction, ".") && !strings.Contains(fraction, ":")
	switch {
	case !ok, !plain && strings.Count(text, ":") != 2, plain && fraction == "" && seconds <= maxPID:
		c.at = start
		return false
	case plain && !relative && seconds > 1<<27 && seconds < 1<<33 && len(fraction) <= 9:
		ns, _ := strconv.ParseInt(fraction+strings.Repeat("0", 9-len(fraction)), 10, 64)
		p.time = seconds*1e9 + ns
	}
	return true
}

// bracketed moves behind the number of a call, as in [ 257], or an instruction
// pointer of 8 or 16 digits or question marks.
func (c *cursor) bracketed(p *prefix) bool {
	start := c.at
	if c.take("[") {
		c.spaces()
		text := c.run(digits + "abcdef?")
		if text != "" && c.take("] ") {
			n, err := strconv.ParseUint(text, 10, 32)
			if len(text) != 8 && len(text) != 16 && err == nil {
				p.nr, p.numbered = uint32(n), true
			}
			return true
		}
	}
	c.at = start
	return false
}

// skippable reports whether the rest is a line of strace's, or the end of one,
// that tells of no call.
func (c *cursor) skippable() bool {
	rest := c.rest()
	for _, head := range []string{"strace: ", "Process ", "> ", "| ", "?", "<unfinished ...>", "<detached ...>"} {
		if strings.HasPrefix(rest, head) {
			return true
		}
	}
	return rest == ""
}

// number is a decimal number, -1 where the text is none.
func number(text string) int {
	text, _, _ = strings.Cut(text, "<") // -Y puts the name of a process behind
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// unnamed is the number of a call for which strace has no name, as in
// syscall_0x1ff.
func unnamed(name string) (uint32, bool) {
	text, ok := strings.CutPrefix(name, "syscall_0x")
	n, err := strconv.ParseUint(text, 16, 64)
	return uint32(n), ok && err == nil
}

// forks reports whether a call makes a process or a thread.
func forks(name string) bool {
	switch name {
	case "fork", "vfork", "clone", "clone2", "clone3":
		return true
	}
	return false
}

// result is what stands behind the last ") = ", the spaces in it aside.
func result(rest string) (string, bool) {
	for end := len(rest); ; {
		i := strings.LastIndex(rest[:end], " = ")
		if i < 0 {
			return "", false
		}
		if strings.HasSuffix(strings.TrimRight(rest[:i], " "), ")") {
			return strings.TrimRight(rest[i+3:], " "), true
		}
		end = i
	}
}

// execPath is the path among the arguments of execve or execveat, "" where it
// is not a string.
func execPath(name, args string) string {
	if name == "execveat" {
		_, after, ok := strings.Cut(args, ", ")
		if !ok {
			return ""
		}
		args = after
	}
	if !strings.HasPrefix(args, `"`) {
		return ""
	}
	end := 1
	for end < len(args) && args[end] != '"' {
		if args[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(args) {
		return ""
	}
	return readable(unescape(args[1:end]))
}

// readable is a path without bytes that a saved observation cannot hold.
func readable(path string) string { return strings.ToValidUTF8(path, "\uFFFD") }

// unescape reads the escapes of C by which strace writes strings: octal ones
// have up to three digits.
func unescape(s string) string {
	const letters, bytes = `abfnrtv`, "\a\b\f\n\r\t\v"
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		at := strings.IndexByte(letters, s[i])
		switch {
		case s[i] >= '0' && s[i] <= '7':
			n := 1
			for n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7' {
				n++
			}
			v, _ := strconv.ParseUint(s[i:i+n], 8, 16)
			out = append(out, byte(v))
			i += n - 1
		case s[i] == 'x' && i+2 < len(s):
			v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return s
			}
			out = append(out, byte(v))
			i += 2
		case at >= 0:
			out = append(out, bytes[at])
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}
