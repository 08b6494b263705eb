package container

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoContainer is matched by the error of ParseCommand for a command line
// that starts no container: another program, or another verb of an engine.
var ErrNoContainer = errors.New("the command starts no container")

// ErrPrivileged is matched by the error of [Command.CheckPrivileged].
var ErrPrivileged = errors.New("the engine installs no seccomp filter in a privileged container")

// Source is where the profile of a container comes from.
type Source uint8

const (
	// Default: the command line does not say. An engine uses its built-in
	// profile, a runtime what the bundle has.
	Default Source = iota
	// Builtin: the engine's built-in profile is asked for (docker from 23.0,
	// nerdctl).
	Builtin
	// Unconfined: no filter is wanted.
	Unconfined
	// File: the profile is in a file.
	File
	// Label: the profile is in a label of the image (podman with
	// --seccomp-policy=image), which counts before a file.
	Label
)

// Command is a command line that starts a container.
type Command struct {
	// Args is the whole command line as it was typed.
	Args []string
	// Engine is one of Docker, Podman, Nerdctl, Runc and Crun, and Program
	// the index in Args of its name, behind sudo and the like.
	Engine  Engine
	Program int
	// Verb is "run" or "create".
	Verb string
	// Global are the flags between the program and the verb, which the same
	// engine needs for other questions about this container.
	Global []string
	// Remote is the place of the engine that --host, --context, --connection,
	// --url or --remote name; "" where the command line does not say. Nothing
	// of a container on another machine is seen here.
	Remote string

	// Detached: the command returns while the container runs.
	Detached bool
	// Interactive: the container reads the terminal (--interactive, --tty).
	Interactive bool
	// Restart is what --restart says: when the engine starts the container
	// again by itself; "" where the command line does not say.
	Restart string
	// Privileged: see [Command.CheckPrivileged].
	Privileged bool
	// NoNewPrivileges is what --security-opt no-new-privileges says. That of a
	// bundle is in its config.json.
	NoNewPrivileges bool
	// Seccomp is where the profile comes from, and SeccompFile the file where
	// that is File, relative to the working folder.
	Seccomp     Source
	SeccompFile string
	// Name is what --name says, or the id of a container of runc or crun; ""
	// where the engine makes up a name.
	Name string
	// CIDFile is the file to which the container's id gets written, of
	// --cidfile; "" for none.
	CIDFile string
	// Runtime is what --runtime says; "" for the engine's default.
	Runtime string
	// Image is the image, or the folder of podman's --rootfs; "" for runc and
	// crun.
	Image string
	// Bundle is the bundle's folder, of runc and crun, "." by default, and
	// Config the name of its configuration, "config.json" by default, which
	// crun's --config changes.
	Bundle, Config string

	flags  []flag // of the verb
	insert int    // index in Args for another flag of the verb
}

// ParseCommand reads the command line of docker, podman, nerdctl, runc or crun
// that runs or creates a container, with what can stand in front (sudo, doas,
// env, nice, nohup, setsid, time, timeout), each with or without a path.
//
// The error matches ErrNoContainer where the command line starts no container.
// Any other error is about one that does, or may: a flag that is unknown here,
// so that the image cannot be told from its value; no image; or a verb whose
// containers were described before (docker start), or run already (docker exec).
func ParseCommand(args []string) (*Command, error) {
	program, err := skipPrefixes(args)
	if err != nil {
		return nil, err
	}
	c := &Command{Args: slices.Clone(args), Program: program, Engine: EngineOf(filepath.Base(args[program]))}
	if c.Engine == Unknown {
		return nil, fmt.Errorf("%s: %w", args[program], ErrNoContainer)
	}
	at, err := c.readGlobal()
	if err != nil {
		return nil, err
	}
	if at, err = c.readVerb(at); err != nil {
		return nil, err
	}
	if c.Engine.OCI() {
		return c, c.readBundle(at)
	}
	return c, c.readImage(at)
}

// skipPrefixes is the index of the first program that only runs others.
func skipPrefixes(args []string) (int, error) {
	at := 0
	for at < len(args) {
		p, ok := prefixes[filepath.Base(args[at])]
		if !ok {
			return at, nil
		}
		_, _, next, err := scan(args[at], args, at+1, p.flags, pflags)
		if err != nil {
			return 0, prefixError(args, err)
		}
		for p.assigns && next < len(args) && (args[next] == "-" || strings.Contains(args[next], "=")) {
			next++ // "-" alone is env's short form of -i
		}
		at = next + p.operands
	}
	return 0, fmt.Errorf("%s: %w", quoted(args), ErrNoContainer)
}

// prefixError is the error for flags of sudo and the like that could not be
// read. It matters only where an engine may follow.
func prefixError(args []string, err error) error {
	for _, arg := range args[1:] {
		if EngineOf(filepath.Base(arg)) != Unknown {
			return fmt.Errorf("%w; begin the command with %s", err, arg)
		}
	}
	return fmt.Errorf("%s: %w", quoted(args), ErrNoContainer)
}

func (c *Command) style() style {
	switch c.Engine {
	case Runc:
		return goFlags
	case Crun:
		return argp
	}
	return pflags
}

// readGlobal reads the flags before the verb, and returns the verb's index.
func (c *Command) readGlobal() (int, error) {
	g := globalFlags[c.Engine]
	first := c.Program + 1
	flags, _, next, err := scan(c.Engine.String(), c.Args, first, g.before.with(g.behind), c.style())
	if err != nil {
		return 0, hint(err)
	}
	c.Global = slices.Clone(c.Args[first:next])
	c.readRemote(flags)
	for _, f := range flags {
		if f.name == "runtime" { // podman's, which can stand here, too
			c.Runtime = f.value
		}
	}
	if filepath.Base(c.Args[c.Program]) == "podman-remote" && c.Remote == "" {
		c.Remote = "podman-remote"
	}
	return next, nil
}

func (c *Command) readRemote(flags []flag) {
	for _, f := range flags {
		switch f.name {
		case "host", "context", "connection", "url":
			c.Remote = f.value
		case "a": // nerdctl's letter for --address, with H
			c.Remote = f.value
		case "remote":
			if isTrue(f.value) && c.Remote == "" {
				c.Remote = "remote"
			}
		}
	}
	// "default" is what docker and podman call the daemon of this machine, and
	// a socket of the file system is on it.
	if c.Remote == "default" || strings.HasPrefix(c.Remote, "unix:") || strings.HasPrefix(c.Remote, "/") {
		c.Remote = ""
	}
}

// readVerb reads "run", "create" or either behind "container", and returns
// the index of what follows.
func (c *Command) readVerb(at int) (int, error) {
	if !c.Engine.OCI() && at < len(c.Args) && c.Args[at] == "container" {
		at++
	}
	if at < len(c.Args) && slices.Contains(indirect[c.Engine], c.Args[at]) {
		return 0, fmt.Errorf("%s %s: it starts a container whose profile is laid down elsewhere; run it by itself and name the container with --container",
			c.Engine, c.Args[at])
	}
	if at < len(c.Args) && c.Args[at] == "exec" {
		return 0, fmt.Errorf("%s exec: it runs a program in a container that runs already; run it by itself and name the container with --container NAME", c.Engine)
	}
	if at >= len(c.Args) || c.Args[at] != "run" && c.Args[at] != "create" {
		return 0, fmt.Errorf("%s: %w", quoted(c.Args[c.Program:min(at+1, len(c.Args))]), ErrNoContainer)
	}
	c.Verb = c.Args[at]
	return at + 1, nil
}

// readImage reads what follows the verb of docker, podman and nerdctl.
func (c *Command) readImage(at int) error {
	table := createFlags.with(globalFlags[c.Engine].behind)
	flags, end, image, err := scan(c.Engine.String()+" "+c.Verb, c.Args, at, table, pflags)
	if err != nil {
		return hint(err)
	}
	if image >= len(c.Args) {
		return fmt.Errorf("%s %s: no image: the arguments end with the flags", c.Engine, c.Verb)
	}
	c.flags, c.insert, c.Image = flags, end, c.Args[image]
	c.Detached = c.Verb == "create"
	for _, f := range flags {
		c.readFlag(f)
	}
	return nil
}

func (c *Command) readFlag(f flag) {
	switch f.name {
	case "detach":
		c.Detached = isTrue(f.value) || c.Verb == "create"
	case "interactive", "tty":
		c.Interactive = c.Interactive || isTrue(f.value)
	case "restart":
		c.Restart = f.value
	case "privileged":
		c.Privileged = isTrue(f.value)
	case "name":
		c.Name = f.value
	case "cidfile":
		c.CIDFile = f.value
	case "runtime":
		c.Runtime = f.value
	case "security-opt":
		c.readSecurity(f.value)
	case "seccomp-policy":
		if f.value == "image" {
			c.Seccomp, c.SeccompFile = Label, ""
		}
	}
}

// readSecurity reads the value of a --security-opt. Of several about one
// thing the last counts, with every engine.
func (c *Command) readSecurity(option string) {
	key, value, given := c.cutSecurity(option)
	switch key {
	case "no-new-privileges":
		c.NoNewPrivileges = !given || isTrue(value)
	case "seccomp":
		if c.Seccomp == Label {
			return
		}
		c.Seccomp, c.SeccompFile = File, value
		if value == "unconfined" {
			c.Seccomp, c.SeccompFile = Unconfined, ""
		} else if value == "builtin" && c.Engine != Podman {
			c.Seccomp, c.SeccompFile = Builtin, ""
		}
	}
}

// cutSecurity splits a security option. Docker and podman take a colon where
// there is no equals sign.
func (c *Command) cutSecurity(option string) (key, value string, given bool) {
	key, value, given = strings.Cut(option, "=")
	if !given && c.Engine != Nerdctl {
		key, value, given = strings.Cut(option, ":")
	}
	return key, value, given
}

// readBundle reads what follows the verb of runc and crun.
func (c *Command) readBundle(at int) error {
	flags, end, id, err := scan(c.Engine.String()+" "+c.Verb, c.Args, at, bundleFlags, c.style())
	if err != nil {
		return hint(err)
	}
	if id >= len(c.Args) {
		return fmt.Errorf("%s %s: no container id: the arguments end with the flags", c.Engine, c.Verb)
	}
	c.flags, c.insert, c.Name = flags, end, c.Args[id]
	c.Bundle, c.Config = ".", "config.json"
	c.Detached = c.Verb == "create"
	for _, f := range flags {
		switch f.name {
		case "bundle":
			c.Bundle = f.value
		case "config":
			c.Config = f.value
		case "detach":
			c.Detached = c.Detached || isTrue(f.value)
		}
	}
	return nil
}

// CheckPrivileged is an error where --privileged was given. Engines install no
// filter in such a container, so that there is neither a profile to replace nor
// a moment at which the workload begins. Some versions make an exception for a
// profile that is named, which the command line does not tell.
func (c *Command) CheckPrivileged() error {
	if !c.Privileged {
		return nil
	}
	return fmt.Errorf("%s %s --privileged: %w", c.Engine, c.Verb, ErrPrivileged)
}

// hint says how to go on where a command line could not be read.
func hint(err error) error {
	return fmt.Errorf("%w; write --flag=value for --flag value, or start the container by yourself and name it with --container", err)
}
