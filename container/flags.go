package container

import (
	"fmt"
	"slices"
	"strings"
)

// flagTable says which flags a program knows and which of them take a value.
// Each entry is a long name, or a long name and its letters with commas
// between them, as in "detach,d".
//
// The tables are unions over the versions of an engine: what a version does
// not know, its own error says. Not to know one that takes a value would be
// to take the value for the image, so that an unknown flag is an error.
type flagTable struct {
	switches []string // without a value, or with one after "=" only
	values   []string // with a value, after "=" or as the next argument
}

// style is how a program reads its flags.
type style uint8

const (
	// pflags: github.com/spf13/pflag. Letters can be joined (-itd), and the
	// last one can have its value behind it (-p80:80).
	pflags style = iota
	// goFlags: the package flag, by way of urfave/cli. One dash is as good as
	// two, and letters are not joined.
	goFlags
	// argp: glibc. Like pflags; a long name can be shortened as long as it
	// stays the only one.
	argp
)

// flag is a flag as it stands in a command line.
type flag struct {
	name  string // the long name
	value string // "true" for a switch without one
	at, n int    // where it stands: n arguments (1 or 2) from at
}

// flagError says why the flags of a program could not be read.
type flagError struct{ program, flag, reason string }

func (e *flagError) Error() string {
	return fmt.Sprintf("%s: flag %s %s", e.program, e.flag, e.reason)
}

// scan reads the flags of args from index at up to the first argument that is
// none, whose index is next. end is where further flags could be inserted:
// next, or the "--" before it. Both are len(args) where there are only flags.
func scan(program string, args []string, at int, t flagTable, s style) (flags []flag, end, next int, err error) {
	for at < len(args) {
		arg := args[at]
		if arg == "--" {
			return flags, at, at + 1, nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			return flags, at, at, nil
		}
		var found []flag
		if strings.HasPrefix(arg, "--") || s == goFlags {
			found, err = t.long(program, args, at, s)
		} else {
			found, err = t.letters(program, args, at)
		}
		if err != nil {
			return nil, 0, 0, err
		}
		flags = append(flags, found...)
		at += found[len(found)-1].n
	}
	return flags, at, at, nil
}

// long reads the long flag at args[at].
func (t flagTable) long(program string, args []string, at int, s style) ([]flag, error) {
	typed, value, given := strings.Cut(strings.TrimLeft(args[at], "-"), "=")
	name, takes, ok := t.lookUp(typed, s)
	if !ok {
		return nil, unknownFlag(program, args[at][:strings.Index(args[at], typed)]+typed)
	}
	f := flag{name: name, value: value, at: at, n: 1}
	switch {
	case given:
	case !takes:
		f.value = "true"
	case at+1 < len(args):
		f.value, f.n = args[at+1], 2
	default:
		return nil, &flagError{program, "--" + name, "has no value"}
	}
	return []flag{f}, nil
}

// letters reads the joined letters at args[at].
func (t flagTable) letters(program string, args []string, at int) ([]flag, error) {
	var flags []flag
	for rest := args[at][1:]; rest != ""; {
		letter := rest[:1]
		rest = rest[1:]
		name, takes, ok := t.lookUp(letter, pflags)
		if !ok {
			return nil, unknownFlag(program, "-"+letter+" (in "+args[at]+")")
		}
		f := flag{name: name, value: "true", at: at, n: 1}
		switch {
		case strings.HasPrefix(rest, "="):
			f.value, rest = rest[1:], ""
		case takes && rest != "":
			f.value, rest = rest, ""
		case takes && at+1 < len(args):
			f.value, f.n = args[at+1], 2
		case takes:
			return nil, &flagError{program, "-" + letter, "has no value"}
		}
		flags = append(flags, f)
	}
	return flags, nil
}

func unknownFlag(program, flag string) error {
	return &flagError{program, flag, "is not known, and whether it takes a value decides which argument is the image"}
}

// lookUp finds a flag by a name or letter, and says whether it takes a value.
func (t flagTable) lookUp(typed string, s style) (name string, takes, ok bool) {
	if typed == "" {
		return "", false, false
	}
	for i, list := range [][]string{t.values, t.switches} {
		for _, entry := range list {
			if names := strings.Split(entry, ","); slices.Contains(names, typed) {
				return names[0], i == 0, true
			}
		}
	}
	if s == argp {
		return t.shortened(typed)
	}
	return "", false, false
}

// shortened finds the only long flag that begins with typed.
func (t flagTable) shortened(typed string) (name string, takes, ok bool) {
	for i, list := range [][]string{t.values, t.switches} {
		for _, entry := range list {
			long, _, _ := strings.Cut(entry, ",")
			if !strings.HasPrefix(long, typed) {
				continue
			}
			if ok {
				return "", false, false
			}
			name, takes, ok = long, i == 0, true
		}
	}
	return name, takes, ok
}

// with is t and another table.
func (t flagTable) with(o flagTable) flagTable {
	return flagTable{slices.Concat(t.switches, o.switches), slices.Concat(t.values, o.values)}
}

// isTrue reports whether the value of a switch turns it on, as strconv's
// ParseBool, which all these programs use, reads it.
func isTrue(value string) bool {
	return slices.Contains([]string{"1", "t", "T", "true", "TRUE", "True"}, value)
}
