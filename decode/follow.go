package decode

import (
	"fmt"
	"strconv"
	"strings"
)

// follow writes what the address in argument i leads to; ok is false where
// nothing can be read there.
func (c call) follow(i int, a argument) (text string, ok bool) {
	addr := c.unsigned(i)
	switch a.kind {
	case kindString:
		return c.stringAt(addr)
	case kindBuffer:
		return c.buffer(addr, c.length(a))
	case kindStrings:
		return c.strings(addr)
	case kindCount:
		return c.count(addr)
	case kindSockaddr:
		return c.sockaddr(addr, c.length(a))
	case kindVector:
		return c.vector(addr, c.length(a))
	case kindTimespec, kindTimeval:
		return c.timespec(addr, a.kind)
	case kindLimits:
		return c.limits(addr)
	case kindProgram:
		return c.program(addr)
	case kindOpenHow:
		return c.openHow(addr)
	case kindCloneArgs:
		return c.cloneArgs(addr)
	case kindSocketcall:
		return c.socketcall(addr)
	}
	return "", false
}

// length is the value of the argument that has the length of a, 0 for a
// negative one, with which the kernel reads nothing.
func (c call) length(a argument) uint64 {
	i := a.length
	if i < 0 || i >= len(c.values) || c.parameters[i].Kind.Signed() && int64(c.values[i]) < 0 {
		return 0
	}
	return c.unsigned(i)
}

func (c call) stringAt(addr uint64) (string, bool) {
	b, whole, ok := c.text(addr)
	if !ok {
		return "", false
	}
	return quote(b, whole), true
}

func (c call) buffer(addr, size uint64) (string, bool) {
	b := c.read(addr, int(min(size, maxData)))
	if len(b) == 0 {
		return "", false
	}
	return quote(b, uint64(len(b)) == size), true
}

// strings writes the strings of an argument list.
func (c call) strings(addr uint64) (string, bool) {
	pointers := c.words(addr, maxStrings+1)
	if len(pointers) == 0 {
		return "", false
	}
	var texts []string
	for _, p := range pointers {
		if p == 0 {
			return list(texts, true), true
		}
		if len(texts) == maxStrings {
			break
		}
		text, ok := c.stringAt(p)
		if !ok {
			text = address(p)
		}
		texts = append(texts, text)
	}
	return list(texts, false), true
}

// count writes an address and how many strings its array has.
func (c call) count(addr uint64) (string, bool) {
	for n := 0; n < maxCounted; {
		pointers := c.words(addr+uint64(n*c.wordSize()), maxStrings)
		for _, p := range pointers {
			if p == 0 {
				return fmt.Sprintf("%s /* %d vars */", address(addr), n), true
			}
			n++
		}
		if len(pointers) < maxStrings {
			break
		}
	}
	return "", false
}

// vector writes the buffers of an array of struct iovec.
func (c call) vector(addr, n uint64) (string, bool) {
	words := c.words(addr, 2*int(min(n, maxVectors)))
	var texts []string
	for ; len(words) >= 2; words = words[2:] {
		base, ok := c.buffer(words[0], words[1])
		if !ok {
			base = address(words[0])
		}
		texts = append(texts, fmt.Sprintf("{iov_base=%s, iov_len=%d}", base, words[1]))
	}
	if len(texts) == 0 {
		return "", false
	}
	return list(texts, uint64(len(texts)) == n), true
}

func list(texts []string, whole bool) string {
	if !whole {
		texts = append(texts, "...")
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// socketcall writes the arguments of the call that argument 0 names, which
// lie in memory as longs.
func (c call) socketcall(addr uint64) (string, bool) {
	name, ok := strings.CutPrefix(named("socketcall").format(c.abi, c.values[0]), "SYS_")
	if !ok {
		return "", false
	}
	name = strings.ToLower(name)
	ps, ok := parametersOf(c.abi, name)
	if !ok {
		return "", false
	}
	inner := call{c.space, name, ps, c.words(addr, len(ps))}
	if len(inner.values) < len(ps) {
		return "", false
	}
	for i, p := range ps {
		inner.values[i] = extend(inner.values[i], p.Kind.Bits(c.abi), p.Kind.Signed())
	}
	return list(inner.arguments(), true), true
}

// decimal writes an unsigned number.
func decimal(v uint64) string { return strconv.FormatUint(v, 10) }
