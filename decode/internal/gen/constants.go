package main

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// A group is what one kind of argument may hold.
type group struct {
	name   string
	base   string // "hex", "oct" or "dec"
	fields []field
}

// A field is some bits of an argument.
type field struct {
	shape     string // "enum", "flags" or "number"
	mask      uint64
	constants []constant
}

// A constant is a name and its value on a set of ABIs, one bit (1<<ABI) each.
// A name with several values stands several times.
type constant struct {
	name  string
	value uint64
	on    uint32
}

const everyABI = 1<<32 - 1

// constantsParser holds what is known while constants.txt is read.
type constantsParser struct {
	families map[string]uint32
	groups   []group
}

func parseConstants(text string) ([]group, error) {
	p := constantsParser{families: map[string]uint32{}}
	if err := eachLine(text, p.line); err != nil {
		return nil, err
	}
	for _, g := range p.groups {
		if err := g.check(); err != nil {
			return nil, err
		}
	}
	return p.groups, nil
}

// eachLine calls f with the words of each line that says something and adds
// the number of the line to its error.
func eachLine(text string, f func(words []string) error) error {
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := f(words); err != nil {
			return fmt.Errorf("%d: %w", n, err)
		}
	}
	return lines.Err()
}

func (p *constantsParser) line(words []string) error {
	switch words[0] {
	case "family":
		return p.family(words[1:])
	case "group":
		return p.group(words[1:])
	case "enum", "flags", "number":
		return p.field(words[0], words[1:])
	}
	return p.constant(words)
}

func (p *constantsParser) family(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("family: want a name and ABIs")
	}
	set, err := p.abis(words[1:])
	p.families[words[0]] = set
	return err
}

// abis is the set of the ABIs and families with the given names.
func (p *constantsParser) abis(names []string) (uint32, error) {
	var set uint32
	for _, name := range names {
		if family, ok := p.families[name]; ok {
			set |= family
			continue
		}
		abi, err := seccomp.ParseABI(name)
		if err != nil {
			return 0, err
		}
		set |= 1 << abi
	}
	return set, nil
}

func (p *constantsParser) group(words []string) error {
	g := group{base: "hex"}
	switch len(words) {
	case 2:
		g.base = words[1]
		fallthrough
	case 1:
		g.name = words[0]
	default:
		return fmt.Errorf("group: want a name and perhaps a base")
	}
	if !slices.Contains([]string{"hex", "oct", "dec"}, g.base) {
		return fmt.Errorf("group %s: unknown base %q", g.name, g.base)
	}
	if slices.ContainsFunc(p.groups, func(o group) bool { return o.name == g.name }) {
		return fmt.Errorf("group %s stands twice", g.name)
	}
	p.groups = append(p.groups, g)
	return nil
}

func (p *constantsParser) field(shape string, words []string) error {
	f := field{shape: shape, mask: 1<<64 - 1}
	if len(words) > 0 {
		mask, err := strconv.ParseUint(words[0], 0, 64)
		if err != nil {
			return err
		}
		f.mask = mask
	}
	g, err := p.last()
	if err != nil {
		return err
	}
	g.fields = append(g.fields, f)
	return nil
}

func (p *constantsParser) last() (*group, error) {
	if len(p.groups) == 0 {
		return nil, fmt.Errorf("this line belongs behind a group")
	}
	return &p.groups[len(p.groups)-1], nil
}

func (p *constantsParser) constant(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("%s: no value", words[0])
	}
	g, err := p.last()
	if err != nil {
		return err
	}
	if len(g.fields) == 0 {
		g.fields = append(g.fields, field{shape: "enum", mask: 1<<64 - 1})
	}
	values, err := p.values(words[0], words[1:])
	f := &g.fields[len(g.fields)-1]
	f.constants = append(f.constants, values...)
	return err
}

// values reads a default value and its exceptions.
func (p *constantsParser) values(name string, words []string) ([]constant, error) {
	rest := uint32(everyABI)
	var values []constant
	for _, word := range words[1:] {
		abis, text, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%s: want ABI,...=VALUE and not %q", name, word)
		}
		set, err := p.abis(strings.Split(abis, ","))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if set&^rest != 0 {
			return nil, fmt.Errorf("%s: %q names an ABI twice", name, word)
		}
		rest &^= set
		if values, err = appendValue(values, name, text, set); err != nil {
			return nil, err
		}
	}
	first, err := appendValue(nil, name, words[0], rest)
	return append(first, values...), err
}

func appendValue(values []constant, name, text string, on uint32) ([]constant, error) {
	if text == "-" {
		return values, nil
	}
	value, err := strconv.ParseUint(text, 0, 64)
	if strings.HasPrefix(text, "-") {
		var signed int64
		signed, err = strconv.ParseInt(text, 0, 64)
		value = uint64(signed)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return append(values, constant{name, value, on}), nil
}

// check refuses a value outside the bits of its field: it could be read and
// never be printed.
func (g group) check() error {
	for _, f := range g.fields {
		for _, c := range f.constants {
			if c.value&^f.mask != 0 {
				return fmt.Errorf(" group %s: %s is outside of mask %#x", g.name, c.name, f.mask)
			}
		}
	}
	return nil
}
