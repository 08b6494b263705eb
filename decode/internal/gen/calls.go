package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// A row says what the arguments of some calls hold.
type row struct {
	call string
	on   uint32
	when []condition // all must hold
	args []argument
}

// A condition is "argument arg is one of these", or has all their bits.
type condition struct {
	arg    int
	masked bool
	names  []string
	values []uint64
}

// An argument is a kind, a group or an end, with the argument that has its
// length.
type argument struct {
	kind   string
	group  int
	length int
}

// kinds are the words of calls.txt and the Go constants of package decode.
var kinds = map[string]string{
	"-": "kindTyped", ".": "kindEnd", "fd": "kindFD", "int": "kindInt",
	"hex": "kindHex", "mode": "kindMode", "dev": "kindDevice", "id": "kindID",
	"str": "kindString", "buf": "kindBuffer", "argv": "kindStrings",
	"envp": "kindCount", "addr": "kindSockaddr", "iov": "kindVector",
	"timespec": "kindTimespec", "timeval": "kindTimeval",
	"limits": "kindLimits", "prog": "kindProgram", "open_how": "kindOpenHow",
	"clone_args": "kindCloneArgs", "ptr": "kindAddress",
	"sockargs": "kindSocketcall",
}

// families are the families of ABIs that calls.txt uses.
var families = map[string]uint32{"S390": 1<<seccomp.S390 | 1<<seccomp.S390X}

func parseCalls(text string, groups []group) ([]row, error) {
	var rows []row
	err := eachLine(text, func(words []string) error {
		more, err := parseRow(strings.Join(words, " "), groups)
		rows = append(rows, more...)
		return err
	})
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.call, b.call) })
	return rows, err
}

func parseRow(line string, groups []group) ([]row, error) {
	head, tail, ok := strings.Cut(line, ":")
	if !ok {
		return nil, fmt.Errorf("no colon")
	}
	// A colon inside of a kind (buf:2) comes later than the first.
	words := strings.Fields(head)
	r := row{on: everyABI}
	var err error
	for _, kind := range strings.Fields(tail) {
		a, err := parseArgument(kind, groups)
		if err != nil {
			return nil, err
		}
		r.args = append(r.args, a)
	}
	for _, word := range words[1:] {
		if abis, ok := strings.CutPrefix(word, "@"); ok {
			r.on, err = parseABIs(abis)
		} else {
			var c condition
			c, err = parseCondition(word, r.args, groups)
			r.when = append(r.when, c)
		}
		if err != nil {
			return nil, err
		}
	}
	var rows []row
	for call := range strings.SplitSeq(words[0], ",") {
		r.call = call
		rows = append(rows, r)
	}
	return rows, nil
}

func parseABIs(list string) (uint32, error) {
	p := constantsParser{families: families}
	return p.abis(strings.Split(list, ","))
}

func parseArgument(word string, groups []group) (argument, error) {
	a := argument{group: -1, length: -1}
	name, length, hasLength := strings.Cut(word, ":")
	if hasLength {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > 5 {
			return a, fmt.Errorf("%s: no argument %s", word, length)
		}
		a.length = n
	}
	if kind, ok := kinds[name]; ok {
		a.kind = kind
		return a, nil
	}
	a.kind = "kindGroup"
	a.group = slices.IndexFunc(groups, func(g group) bool { return g.name == name })
	if a.group < 0 {
		return a, fmt.Errorf("no kind or group %q", name)
	}
	return a, nil
}

func parseCondition(word string, args []argument, groups []group) (condition, error) {
	index, list, ok := strings.Cut(word, "=")
	if !ok {
		index, list, ok = strings.Cut(word, "&")
	}
	c := condition{masked: !strings.Contains(word, "=")}
	arg, err := strconv.Atoi(index)
	if !ok || err != nil || arg < 0 || arg >= len(args) {
		return c, fmt.Errorf("condition %q: want N=VALUE,... or N&FLAG,... with an argument of this row", word)
	}
	c.arg = arg
	for text := range strings.SplitSeq(list, ",") {
		if value, err := strconv.ParseUint(text, 0, 64); err == nil {
			c.values = append(c.values, value)
			continue
		}
		if args[arg].group < 0 || !groups[args[arg].group].has(text) {
			return c, fmt.Errorf("condition %q: argument %d takes no %s", word, arg, text)
		}
		c.names = append(c.names, text)
	}
	return c, nil
}

func (g group) has(name string) bool {
	for _, f := range g.fields {
		if slices.ContainsFunc(f.constants, func(c constant) bool { return c.name == name }) {
			return true
		}
	}
	return false
}
