package container

import (
	"slices"
	"strconv"
	"strings"
)

// WithProfile is the command line with another profile in place of its own:
// without any seccomp option that it had, and with one for file before the
// image. The file is best named by an absolute path, or podman takes it
// relative to another folder where it runs elsewhere. Further flags of the verb
// may follow.
//
// It is for docker, podman and nerdctl. For runc and crun it is the command
// line as it was: see [Command.WithBundle].
func (c *Command) WithProfile(file string, more ...string) []string {
	if c.Engine.OCI() {
		return slices.Clone(c.Args)
	}
	return c.rewrite(func(f flag) bool {
		if f.name == "seccomp-policy" {
			return true
		}
		key, _, _ := c.cutSecurity(f.value)
		return f.name == "security-opt" && key == "seccomp"
	}, append([]string{"--security-opt=seccomp=" + file}, more...)...)
}

// WithBundle is the command line of runc or crun with another bundle, whose
// configuration has the usual name. For the other engines it is the command
// line as it was.
func (c *Command) WithBundle(dir string) []string {
	if !c.Engine.OCI() {
		return slices.Clone(c.Args)
	}
	return c.rewrite(func(f flag) bool { return f.name == "bundle" || f.name == "config" }, "--bundle="+dir)
}

// Ending is the command line that ends a container which c has started: through
// the same engine, by its stop signal, and after so many seconds by SIGKILL; for
// runc and crun by SIGKILL at once.
func (c *Command) Ending(id string, seconds int) []string {
	words := []string{"stop", "-t", strconv.Itoa(seconds), id}
	if c.Engine.OCI() {
		words = []string{"kill", id, "KILL"}
	}
	return slices.Concat(c.Args[:c.Program+1], c.Global, words)
}

// rewrite is the command line without the flags that drop names, and with
// others behind the last one. Letters that are joined, as in crun's -db DIR,
// are taken apart where one of them is dropped.
func (c *Command) rewrite(drop func(flag) bool, options ...string) []string {
	args := slices.Clone(c.Args[:c.flagsStart()])
	for i := 0; i < len(c.flags); {
		n := i + 1 // c.flags[i:n] stand in one argument
		for n < len(c.flags) && c.flags[n].at == c.flags[i].at {
			n++
		}
		args = append(args, c.keep(c.flags[i:n], drop)...)
		i = n
	}
	args = append(args, options...)
	return append(args, c.Args[c.insert:]...)
}

// keep is what stays of the flags of one argument.
func (c *Command) keep(flags []flag, drop func(flag) bool) []string {
	last := flags[len(flags)-1]
	if !slices.ContainsFunc(flags, drop) {
		return c.Args[last.at : last.at+last.n]
	}
	var kept []string
	for _, f := range flags {
		if !drop(f) {
			kept = append(kept, "--"+f.name+suffix(f.value))
		}
	}
	return kept
}

// suffix is the value of a flag behind its name. GNU programs take none for a
// switch.
func suffix(value string) string {
	if value == "true" {
		return ""
	}
	return "=" + value
}

// flagsStart is the index in Args of what follows the verb.
func (c *Command) flagsStart() int {
	if len(c.flags) > 0 {
		return c.flags[0].at
	}
	return c.insert
}

// String is the command line as a shell takes it.
func (c *Command) String() string { return ShellWords(c.Args) }

// ShellWords are words in one line, as a POSIX shell takes them.
func ShellWords(words []string) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = shellQuote(word)
	}
	return strings.Join(out, " ")
}

// shellQuote quotes a word that a POSIX shell would not take as it is.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=./:,@%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
