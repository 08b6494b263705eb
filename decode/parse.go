package decode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// ArgError is a text that [ParseArg] cannot read as an argument.
type ArgError struct {
	Syscall string
	Index   int    // of the argument, from 0
	Text    string // the part of the text that is wrong
	Reason  string
	Nearest string   // the name that is most like Text, "" where none is
	Names   []string // the names that the argument takes, none for a number
}

// Error says what is wrong with which argument, and what the argument takes.
func (e *ArgError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s argument %d: %s", e.Syscall, e.Index, e.Reason)
	if e.Nearest != "" {
		fmt.Fprintf(&b, " (did you mean %s?)", e.Nearest)
	}
	const shown = 8
	switch n := len(e.Names); {
	case n == 0:
		b.WriteString("; it takes a number")
	case n <= shown:
		fmt.Fprintf(&b, "; it takes a number or %s", strings.Join(e.Names, ", "))
	default:
		fmt.Fprintf(&b, "; it takes a number or one of %d names such as %s", n, strings.Join(e.Names[:shown], ", "))
	}
	return b.String()
}

// ParseArg reads argument index (0 to 5) of a system call as people write it:
// one or more of the names that the argument takes, or numbers, joined by "|".
// Numbers are decimal, hexadecimal (0x10), octal (0755 or 0o755) or negative.
// Names and values are those of x86_64, which most ABIs share; [ParseArgOn]
// reads for another one.
//
// The result is the whole register. A negative number, or a name that means
// one (AT_FDCWD), is sign-extended to 64 bits, although a program usually
// leaves the upper half of the register zero for an int: a filter that tests
// an int should test its low 32 bits.
//
// A name of another argument is refused, except where the argument takes no
// names at all: there any known name is read that means one number only and
// is not of another argument of the same call.
// The error is an [*ArgError].
func ParseArg(syscall string, index int, text string) (uint64, error) {
	return ParseArgOn(seccomp.X86_64, syscall, index, text)
}

// ParseArgOn is [ParseArg] with the names and numbers of an ABI. The index is
// that of the register, which on some ABIs is not that of the argument: s390x
// has the flags of clone in register 1.
func ParseArgOn(abi seccomp.ABI, syscall string, index int, text string) (uint64, error) {
	r := reader{abi: abi, syscall: syscall, index: index, groups: groupsFor(abi, syscall, index)}
	if index < 0 || index >= maxArgs {
		return 0, r.fail(text, fmt.Sprintf("there is no argument %d: want 0 to %d", index, maxArgs-1), "")
	}
	var value uint64
	for part := range strings.SplitSeq(text, "|") {
		v, err := r.term(strings.TrimSpace(part))
		if err != nil {
			return 0, err
		}
		value |= v
	}
	return value, nil
}

// maxArgs is how many arguments a system call has at most.
const maxArgs = 6

// Names are the names that argument index of a call takes on an ABI, none for
// an argument that is a plain number. What depends on another argument, as the
// options of setsockopt do on the level, is there for every value of it.
func Names(abi seccomp.ABI, syscall string, index int) []string {
	var names []string
	for _, g := range groupsFor(abi, syscall, index) {
		for _, name := range g.names(abi) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// groupsFor are the groups that argument index of a call may be of, the one
// that does not depend on other arguments first.
func groupsFor(abi seccomp.ABI, syscall string, index int) []*group {
	var found []*group
	add := func(a argument) {
		if a.kind == kindGroup && !slices.Contains(found, &groups[a.group]) {
			found = append(found, &groups[a.group])
		}
	}
	ps, _ := parametersOf(abi, syscall)
	i := atRegister(ps, index)
	if i < 0 {
		return nil
	}
	add(meaning(rowFor(abi, syscall, nil), ps, i))
	for _, r := range rowsOf(syscall) {
		if r.on&(1<<abi) != 0 && len(r.when) > 0 {
			add(meaning(&r, ps, i))
		}
	}
	return found
}

// A reader reads the terms of one argument.
type reader struct {
	abi     seccomp.ABI
	syscall string
	index   int
	groups  []*group
}

func (r reader) term(text string) (uint64, error) {
	if v, ok := parseNumber(text); ok {
		return v, nil
	}
	switch {
	case text == "":
		return 0, r.fail(text, "a name or number is missing", "")
	case text[0] >= '0' && text[0] <= '9', text[0] == '-':
		return 0, r.fail(text, fmt.Sprintf("%q is no number of 64 bits", text), "")
	case len(r.groups) == 0:
		return r.anywhere(text)
	}
	for _, g := range r.groups {
		if v, ok := g.lookup(r.abi, text); ok {
			return v, nil
		}
	}
	return 0, r.unknown(text)
}

// anywhere reads a name for an argument that takes none.
func (r reader) anywhere(name string) (uint64, error) {
	if name == "NULL" {
		return 0, nil
	}
	if i, ok := r.elsewhere(name); ok {
		return 0, r.fail(name, fmt.Sprintf("%s is a name of argument %d", name, i), "")
	}
	var value uint64
	known := false
	for i := range groups {
		v, ok := groups[i].lookup(r.abi, name)
		if ok && known && v != value {
			return 0, r.fail(name, fmt.Sprintf("%s means several numbers", name), "")
		}
		if ok {
			value, known = v, true
		}
	}
	if !known {
		return 0, r.fail(name, fmt.Sprintf("unknown name %q", name), "")
	}
	return value, nil
}

// elsewhere is another argument of the call that takes the name.
func (r reader) elsewhere(name string) (index int, ok bool) {
	for i := range maxArgs {
		for _, g := range groupsFor(r.abi, r.syscall, i) {
			if _, ok := g.lookup(r.abi, name); ok && i != r.index {
				return i, true
			}
		}
	}
	return 0, false
}

// unknown is the error for a name that none of the argument's groups has.
func (r reader) unknown(name string) error {
	for i := range groups {
		if _, ok := groups[i].lookup(r.abi, name); ok {
			return r.fail(name, fmt.Sprintf("%s is of another kind (%s)", name, groups[i].title()), "")
		}
	}
	reason := fmt.Sprintf("unknown name %q", name)
	if r.abi != seccomp.X86_64 && r.known(name) {
		reason = fmt.Sprintf("%v has no %s", r.abi, name)
	}
	return r.fail(name, reason, nearest(name, Names(r.abi, r.syscall, r.index)))
}

// known reports whether any ABI has the name.
func (r reader) known(name string) bool {
	for _, abi := range seccomp.ABIs() {
		for _, g := range r.groups {
			if _, ok := g.lookup(abi, name); ok {
				return true
			}
		}
	}
	return false
}

func (r reader) fail(text, reason, nearest string) error {
	return &ArgError{
		Syscall: r.syscall, Index: r.index, Text: text, Reason: reason,
		Nearest: nearest, Names: Names(r.abi, r.syscall, r.index),
	}
}

// title is the name of the group as words.
func (g *group) title() string { return strings.ReplaceAll(g.name, "-", " ") }

// parseNumber reads what number writes, and Go's 0o755.
func parseNumber(text string) (uint64, bool) {
	if strings.Contains(text, "_") { // Go's digit separators are not ours
		return 0, false
	}
	if strings.HasPrefix(text, "-") {
		v, err := strconv.ParseInt(text, 0, 64)
		return uint64(v), err == nil
	}
	v, err := strconv.ParseUint(text, 0, 64)
	return v, err == nil
}
