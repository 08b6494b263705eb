package profile

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// The profiles that are built into engines, each a file in a compact form:
//
//	# a comment
//	default errno 1
//	arch X86_64: X86 X32
//	allow: accept accept4
//	    access
//	allow if kernel 4.8: ptrace
//	allow unless cap SYS_ADMIN unless arch s390 s390x when a0 & 0x7e020000 == 0: clone
//	errno 38 unless cap SYS_ADMIN: clone3
//
// "default" is defaultAction, each "arch" an entry of archMap, every other
// line a rule: its action (SCMP_ACT_ left out, in lower case, errnoRet behind
// it), the conditions of includes (if) and excludes (unless), its conditions
// on arguments (when, and), and behind the colon the names, which go on in
// indented lines. A further profile is a further file; no code knows them.
//
//go:embed defaults
var defaultFiles embed.FS

// ErrNoDefault is matched by the error of [Default] for an unknown name.
var ErrNoDefault = errors.New("no such built-in profile")

// Default is a profile that is built into an engine: docker:default is
// Docker's newest. Positions in it are those of the compact form in which
// this package keeps it, which [DefaultLine] shows.
func Default(name string) (*Profile, error) {
	text, err := defaultText(name)
	if err != nil {
		return nil, err
	}
	return parseCompact(name, text)
}

func defaultText(name string) (string, error) {
	known := Defaults()
	if !slices.Contains(known, name) {
		return "", fmt.Errorf("%s: %w: want one of %s", quote(name), ErrNoDefault, strings.Join(known, ", "))
	}
	text, err := fs.ReadFile(defaultFiles, "defaults/"+strings.ReplaceAll(name, ":", "/")+".txt")
	return string(text), err
}

// DefaultLine is what stands at a position in the profile that is built in
// under that name, as in
//
//	allow unless cap SYS_ADMIN unless arch s390 s390x when a0 & 0x7e020000 == 0x0: clone
//
// Of a rule with names on several lines it is the head and the name at the
// position, with "..." for the others. It is "" where there is nothing.
func DefaultLine(name string, at Pos) string {
	text, err := defaultText(name)
	lines := strings.Split(text, "\n")
	if err != nil || at.Line < 1 || int(at.Line) > len(lines) {
		return ""
	}
	head := int(at.Line) - 1
	line := lines[head]
	for head > 0 && strings.HasPrefix(lines[head], " ") {
		head--
	}
	if head+1 == len(lines) || !strings.HasPrefix(lines[head+1], " ") {
		return line // with all of its names
	}
	keywords, _, _ := strings.Cut(lines[head], ":")
	if at.Column < 1 || int(at.Column) > len(line) {
		return keywords + ": ..."
	}
	word, _, _ := strings.Cut(line[at.Column-1:], " ")
	return keywords + ": ... " + word + " ..."
}

// Defaults are the names that [Default] knows, sorted.
func Defaults() []string {
	files, err := fs.Glob(defaultFiles, "defaults/*/*.txt")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, f := range files {
		f = strings.TrimSuffix(strings.TrimPrefix(f, "defaults/"), ".txt")
		files[i] = strings.ReplaceAll(f, "/", ":")
	}
	slices.Sort(files)
	return files
}

// compact reads the compact form.
type compact struct {
	profile *Profile
	line    int32
}

func parseCompact(name, text string) (*Profile, error) {
	c := &compact{profile: &Profile{File: name, At: Pos{1, 1}}}
	for line := range strings.Lines(text) {
		c.line++
		if err := c.read(strings.TrimRight(line, "\n")); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, c.line, err)
		}
	}
	return c.profile, nil
}

func (c *compact) read(line string) error {
	rules := c.profile.Syscalls
	if line == "" || line[0] == '#' {
		return nil
	}
	if line[0] == ' ' {
		if len(rules) == 0 {
			return errors.New("names before the first rule")
		}
		last := &rules[len(rules)-1]
		last.Names = append(last.Names, c.words(line, 0)...)
		return nil
	}
	head, names, _ := strings.Cut(line, ":")
	words := c.words(head, 0)
	rest := c.words(names, len(head)+1)
	switch words[0].Value {
	case "default":
		return c.action(words[1:], &c.profile.DefaultAction, &c.profile.DefaultErrnoRet)
	case "arch":
		return c.archMap(words[1:], rest)
	}
	return c.rule(words, rest)
}

// words are the words of a part of the line that starts at byte from.
func (c *compact) words(part string, from int) []Text {
	out := make([]Text, 0, 1+strings.Count(part, " "))
	for i := 0; i < len(part); i++ {
		if part[i] == ' ' {
			continue
		}
		n := strings.IndexByte(part[i:], ' ')
		if n < 0 {
			n = len(part) - i
		}
		out = append(out, Text{part[i : i+n], Pos{c.line, int32(from + i + 1)}})
		i += n
	}
	return out
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
