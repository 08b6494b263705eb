package decode

import (
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// A group is what one kind of argument may hold: the address families, the
// flags of open. It is written as its fields joined by "|", with what has no
// name as a number. Reading that back gives the same value, for any value:
// every name that is written is a part of the value, and the number is the
// rest.
type group struct {
	name   string
	base   int // of what has no name: 8, 10 or 16
	fields []field
}

// A field is some bits of an argument.
type field struct {
	shape     shape
	mask      uint64
	constants []constant
}

// shape is how a field is to be read.
type shape uint8

const (
	shapeEnum   shape = iota // one of the constants
	shapeFlags               // any of the constants, which are sets of bits
	shapeNumber              // a number without names
)

// A constant is a name and its value on the ABIs whose bit (1<<ABI) is set.
type constant struct {
	name  string
	value uint64
	on    uint32
}

func (c constant) has(abi seccomp.ABI) bool { return c.on&(1<<abi) != 0 }

// lookup is the value of a name. Names are compared as they are written.
func (g *group) lookup(abi seccomp.ABI, name string) (value uint64, ok bool) {
	for _, f := range g.fields {
		for _, c := range f.constants {
			if c.name == name && c.has(abi) {
				return c.value, true
			}
		}
	}
	return 0, false
}

// names are the names that the group has on abi, in the order of its table.
func (g *group) names(abi seccomp.ABI) []string {
	var names []string
	for _, f := range g.fields {
		for _, c := range f.constants {
			if c.has(abi) {
				names = append(names, c.name)
			}
		}
	}
	return names
}

// signed reports whether the group names negative numbers, as AT_FDCWD is.
func (g *group) signed() bool {
	for _, f := range g.fields {
		for _, c := range f.constants {
			if int64(c.value) < 0 {
				return true
			}
		}
	}
	return false
}

// format writes v.
func (g *group) format(abi seccomp.ABI, v uint64) string {
	var parts []string
	rest := v
	for _, f := range g.fields {
		var taken uint64
		parts, taken = f.format(abi, rest, parts)
		rest &^= taken
	}
	if rest != 0 {
		parts = append(parts, number(rest, g.base))
	}
	if len(parts) == 0 {
		return g.zero(abi)
	}
	return strings.Join(parts, "|")
}

// format appends the names that f has for v and returns the bits that they
// stand for.
func (f field) format(abi seccomp.ABI, v uint64, parts []string) ([]string, uint64) {
	switch f.shape {
	case shapeEnum:
		for _, c := range f.constants {
			if c.has(abi) && c.value == v&f.mask {
				return append(parts, c.name), c.value
			}
		}
	case shapeFlags:
		var taken uint64
		for _, c := range f.constants {
			if left := v &^ taken; c.has(abi) && c.value != 0 && left&c.value == c.value {
				parts = append(parts, c.name)
				taken |= c.value
			}
		}
		return parts, taken
	}
	return parts, 0
}

// zero is the name of no flags, as PROT_NONE, or 0.
func (g *group) zero(abi seccomp.ABI) string {
	for _, f := range g.fields {
		for _, c := range f.constants {
			if f.shape == shapeFlags && c.value == 0 && c.has(abi) {
				return c.name
			}
		}
	}
	return "0"
}

// number writes v so that parseNumber reads it back: in base 8 and 16 with the
// prefix of C, in base 10 signed where it is a negative number of 32 bits.
func number(v uint64, base int) string {
	switch {
	case v == 0:
		return "0"
	case base == 8:
		return "0" + strconv.FormatUint(v, 8)
	case base == 16:
		return "0x" + strconv.FormatUint(v, 16)
	case int64(v) < 0 && int64(v) >= -1<<31:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatUint(v, 10)
}

// place is the place of the group with that name in groups. The names that
// this package asks for are in the table, which a test holds.
func place(name string) int {
	return slices.IndexFunc(groups[:], func(g group) bool { return g.name == name })
}

// named is the group with that name.
func named(name string) *group { return &groups[place(name)] }
