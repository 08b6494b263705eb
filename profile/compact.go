package profile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file reads the compact form in which default profiles are kept, with
// their whole history in one file:
//
//	# a comment
//	default@-23.0 errno
//	default@23.0 errno 1
//	arch X86_64: X86 X32
//	allow: accept accept4 cachestat@23.0.10-24.0,25.0.3
//	    access
//	allow if kernel 4.8: ptrace
//	allow unless cap SYS_ADMIN unless arch s390 s390x when a0 & 0x7e020000 == 0: clone
//	errno@20.10.10 38 unless cap SYS_ADMIN: clone3
//
// "default" is defaultAction, each "arch" an entry of archMap, every other
// line a rule: its action (SCMP_ACT_ left out, in lower case, errnoRet behind
// it), the conditions of includes (if) and excludes (unless), its conditions
// on arguments (when, and), and behind the colon the names, which go on in
// indented lines.
//
// Behind "@" stands when a name was there, or, at the first word of a line,
// the whole entry: from 23.0.10 up to 24.0, and from 25.0.3 on. "default" is
// what no release has yet. The name of an engine instead says that only its
// profile has it, where two share a file. Lines and names are in the order of
// the originals, which libseccomp can tell.

// compact reads the compact form as of one release.
type compact struct {
	profile *Profile
	of      edition
	line    int32
	skip    bool // inside an entry that is not there
}

// edition is the profile of one release of an engine.
type edition struct {
	engine  string
	release release
}

// has reports whether what is marked so is part of the edition.
func (e edition) has(mark string) (bool, error) {
	if _, engine := aliases[mark]; engine {
		return mark == e.engine, nil
	}
	when, ok := parseSpans(mark)
	if !ok {
		return false, fmt.Errorf("%q is neither a release nor an engine", mark)
	}
	return when.has(e.release), nil
}

// line is a line without the words that are not part of the edition.
func (e edition) line(line string) string {
	words := slices.DeleteFunc(strings.Split(line, " "), func(word string) bool {
		_, mark, marked := strings.Cut(strings.TrimSuffix(word, ":"), "@")
		there, err := e.has(mark)
		return marked && err == nil && !there
	})
	return strings.Join(words, " ")
}

func parseCompact(name, text string, of edition) (*Profile, error) {
	c := &compact{profile: &Profile{File: name, At: Pos{1, 1}}, of: of}
	for line := range strings.Lines(text) {
		c.line++
		if err := c.read(strings.TrimRight(line, "\n")); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, c.line, err)
		}
	}
	return c.profile, nil
}

func (c *compact) read(line string) error {
	switch {
	case line == "" || line[0] == '#':
		return nil
	case line[0] == ' ':
		return c.names(line)
	}
	head, names, _ := strings.Cut(line, ":")
	words, err := c.words(head, 0)
	c.skip = err == nil && (len(words) == 0 || words[0].At.Column != 1)
	if err != nil || c.skip {
		return err
	}
	rest, err := c.words(names, len(head)+1)
	if err != nil {
		return err
	}
	switch words[0].Value {
	case "default":
		return c.action(words[1:], &c.profile.DefaultAction, &c.profile.DefaultErrnoRet)
	case "arch":
		return c.archMap(words[1:], rest)
	}
	return c.rule(words, rest)
}

// names reads further names of the entry before.
func (c *compact) names(line string) error {
	if c.skip {
		return nil
	}
	names, err := c.words(line, 0)
	if err != nil {
		return err
	}
	rules := c.profile.Syscalls
	if len(rules) == 0 {
		return errors.New("names before the first rule")
	}
	last := &rules[len(rules)-1]
	last.Names = append(last.Names, names...)
	return nil
}

// words are the words of a part of the line that starts at byte from, without
// those that are not there, and without marks.
func (c *compact) words(part string, from int) ([]Text, error) {
	out := make([]Text, 0, 1+strings.Count(part, " "))
	for i := 0; i < len(part); i++ {
		if part[i] == ' ' {
			continue
		}
		n := strings.IndexByte(part[i:], ' ')
		if n < 0 {
			n = len(part) - i
		}
		word, mark, marked := strings.Cut(part[i:i+n], "@")
		there := true
		if marked {
			var err error
			if there, err = c.of.has(mark); err != nil {
				return nil, err
			}
		}
		if there {
			out = append(out, Text{word, Pos{c.line, int32(from + i + 1)}})
		}
		i += n
	}
	return out, nil
}

// action reads an action and its errno.
func (c *compact) action(words []Text, action *Text, errnoRet **Number) error {
	if len(words) == 0 || len(words) > 2 {
		return errors.New("want an action")
	}
	*action = Text{"SCMP_ACT_" + strings.ToUpper(words[0].Value), words[0].At}
	if len(words) == 1 {
		return nil
	}
	*errnoRet = new(Number)
	return c.number(words[1], *errnoRet)
}

func (c *compact) number(word Text, into *Number) error {
	v, err := strconv.ParseUint(word.Value, 0, 64)
	*into = Number{v, word.At}
	return err
}

func (c *compact) archMap(arch, subs []Text) error {
	if len(arch) != 1 {
		return errors.New("want one architecture")
	}
	m := ArchMap{At: arch[0].At, Architecture: arch[0], SubArchitectures: subs}
	prefix(&m.Architecture, "SCMP_ARCH_")
	for i := range subs {
		prefix(&subs[i], "SCMP_ARCH_")
	}
	c.profile.ArchMap = append(c.profile.ArchMap, m)
	return nil
}

func prefix(t *Text, p string) { t.Value = p + t.Value }

// rule reads the head of a rule: words up to the first keyword are its
// action, those behind each keyword a condition.
func (c *compact) rule(words, names []Text) error {
	r := Rule{At: words[0].At, Names: names}
	n := nextKeyword(words)
	if err := c.action(words[:n], &r.Action, &r.ErrnoRet); err != nil {
		return err
	}
	for words = words[n:]; len(words) > 0; words = words[n:] {
		n = 1 + nextKeyword(words[1:])
		if err := c.condition(&r, words[0].Value, words[1:n]); err != nil {
			return err
		}
	}
	c.profile.Syscalls = append(c.profile.Syscalls, r)
	return nil
}

func nextKeyword(words []Text) int {
	for i, w := range words {
		switch w.Value {
		case "if", "unless", "when", "and":
			return i
		}
	}
	return len(words)
}

func (c *compact) condition(r *Rule, keyword string, words []Text) error {
	switch keyword {
	case "if":
		return c.filter(&r.Includes, words)
	case "unless":
		return c.filter(&r.Excludes, words)
	}
	return c.arg(r, words)
}

func (c *compact) filter(into **Filter, words []Text) error {
	if len(words) < 2 {
		return errors.New("want cap, arch or kernel and a value")
	}
	if *into == nil {
		*into = &Filter{At: words[0].At}
	}
	f, list := *into, words[1:]
	switch words[0].Value {
	case "cap":
		for i := range list {
			prefix(&list[i], "CAP_")
		}
		f.Caps = list
	case "arch":
		f.Arches = list
	case "kernel":
		v, ok := parseMinKernel(list[0].Value)
		if !ok {
			return fmt.Errorf("%q is no kernel version", list[0].Value)
		}
		f.MinKernel = &MinKernel{list[0], v}
	default:
		return fmt.Errorf("unknown condition %q", words[0].Value)
	}
	return nil
}

// arg reads a0 == 1, or a0 & mask == value.
func (c *compact) arg(r *Rule, words []Text) error {
	if len(words) != 3 && (len(words) != 5 || words[1].Value != "&" || words[3].Value != "==") {
		return errors.New("want a condition as in a0 == 1 or a0 & 7 == 1")
	}
	a := Arg{At: words[0].At}
	index := Text{strings.TrimPrefix(words[0].Value, "a"), words[0].At}
	if err := c.number(index, &a.Index); err != nil {
		return err
	}
	if err := c.number(words[2], &a.Value); err != nil {
		return err
	}
	if len(words) == 5 {
		if err := c.number(words[4], &a.ValueTwo); err != nil {
			return err
		}
	}
	for name, op := range opNames {
		if op.String() == words[1].Value {
			a.Op = Text{name, words[1].At}
		}
	}
	if a.Op.Value == "" {
		return fmt.Errorf("unknown operator %q", words[1].Value)
	}
	r.Args = append(r.Args, a)
	return nil
}
