package compile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file writes graphs as text, and reads them. A node stands before those
// that it leads to, the first is the root:
//
//	n9: load nr, n8
//	n8: switch nr, 0..40 n1, 41 n7, 42..0xffffffff n2
//	n7: if eq 41, n1, n2
//	n6: if ge 41, n1, n2
//	n5: if set 0xff, n1, n2
//	n4: mask 0x3fffffff, n5
//	n1: return ALLOW
//
// What a part weighs stands behind it where it weighs anything, in parts of a
// million: 41 n7 @250000.

// tests are the names of the tests.
var tests = map[op]string{opEqual: "eq", opAtLeast: "ge", opAnyBit: "set"}

func (g *graph) append(b []byte) []byte {
	g.each(func(n id, x node) {
		b = fmt.Appendf(b, "n%d: ", n)
		switch x.op {
		case opReturn:
			b = fmt.Appendf(b, "return %v\n", seccomp.Action(x.k))
		case opLoad:
			b = fmt.Appendf(b, "load %v, n%d\n", x.word, x.yes)
		case opMask:
			b = fmt.Appendf(b, "mask %#x, n%d\n", x.k, x.yes)
		case opSwitch:
			b = fmt.Appendf(b, "switch %v", x.word)
			for _, p := range g.partsOf(n) {
				b = append(b, ", "...)
				b = p.append(b)
			}
			b = append(b, '\n')
		default:
			b = fmt.Appendf(b, "if %s %s, n%d, n%d\n", tests[x.op], number(x.k), x.yes, x.no)
		}
	})
	return b
}

func (p part) append(b []byte) []byte {
	b = append(b, number(p.low)...)
	if p.low != p.high {
		b = fmt.Appendf(b, "..%s", number(p.high))
	}
	b = fmt.Appendf(b, " n%d", p.to)
	if millionths := p.weight * 1e6 / wholeWeight; millionths > 0 {
		b = fmt.Appendf(b, " @%d", millionths)
	}
	return b
}

// number is v as people write it: small ones in decimal.
func number(v uint32) string {
	if v < 0x1000 {
		return strconv.FormatUint(uint64(v), 10)
	}
	return fmt.Sprintf("%#x", v)
}

// parseGraph reads the text of a graph.
func parseGraph(text string) (*graph, error) {
	r := &reader{graph: newGraph(1 << 16), nodes: map[string]id{}}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		name, rest, ok := strings.Cut(strings.TrimSpace(lines[i]), ": ")
		if !ok || r.nodes[name] != 0 {
			return nil, fmt.Errorf("line %d: want a new name, a colon and a node", i+1)
		}
		n, err := r.node(rest)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		r.nodes[name], r.root = n, n
	}
	return r.graph, nil
}

type reader struct {
	*graph
	nodes map[string]id
}

func (r *reader) node(text string) (id, error) {
	fields := strings.Split(text, ", ")
	verb, operand, _ := strings.Cut(fields[0], " ")
	if verb == "switch" {
		return r.choice(operand, fields[1:])
	}
	var to [2]id
	if len(fields) > 3 {
		return 0, fmt.Errorf("%q leads to too many nodes", text)
	}
	for i, name := range fields[1:] {
		if to[i] = r.nodes[name]; to[i] == 0 {
			return 0, fmt.Errorf("there is no %q behind it", name)
		}
	}
	want := map[string]int{"return": 0, "load": 1, "mask": 1, "if": 2}
	if n, ok := want[verb]; !ok || n != len(fields)-1 {
		return 0, fmt.Errorf("want return, load, mask, if or switch, and the nodes that it leads to, not %q", text)
	}
	switch verb {
	case "return":
		a, err := seccomp.ParseAction(operand)
		return r.ret(a), err
	case "load":
		w, err := parseWord(operand)
		return r.load(w, to[0]), err
	case "mask":
		k, err := parseNumber(operand)
		return r.mask(k, to[0]), err
	}
	test, operand, _ := strings.Cut(operand, " ")
	k, err := parseNumber(operand)
	for op, name := range tests {
		if name == test {
			return r.jump(op, k, to[0], to[1]), err
		}
	}
	return 0, fmt.Errorf("want if eq, if ge or if set, not %q", text)
}

func (r *reader) choice(word string, fields []string) (id, error) {
	w, err := parseWord(word)
	if err != nil {
		return 0, err
	}
	var parts []part
	next := uint64(0)
	for _, field := range fields {
		var p part
		words := strings.Fields(field)
		if len(words) == 3 {
			millionths, err := parseNumber(strings.TrimPrefix(words[2], "@"))
			if err != nil {
				return 0, err
			}
			p.weight = (int64(millionths)*wholeWeight + 999999) / 1e6
			words = words[:2]
		}
		if len(words) != 2 || r.nodes[words[1]] == 0 {
			return 0, fmt.Errorf("want a range and a node behind this one, not %q", field)
		}
		low, high, ok := strings.Cut(words[0], "..")
		if !ok {
			high = low
		}
		if p.low, err = parseNumber(low); err == nil {
			p.high, err = parseNumber(high)
		}
		if err != nil {
			return 0, err
		}
		if len(parts) > 0 && uint64(p.low) != next || p.high < p.low {
			return 0, fmt.Errorf("%s: the parts of a switch have no gaps", words[0])
		}
		p.to, next = r.nodes[words[1]], uint64(p.high)+1
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return 0, fmt.Errorf("a switch without parts")
	}
	return r.choose(w, parts), nil
}

func parseWord(s string) (policy.Word, error) {
	for w := policy.WordArch; w <= policy.WordIPLow; w++ {
		if w.String() == s {
			return w, nil
		}
	}
	return 0, fmt.Errorf("want a word of a call, such as nr or a0.low, not %q", s)
}

func parseNumber(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("want a number of 32 bits, not %q", s)
	}
	return uint32(n), nil
}
