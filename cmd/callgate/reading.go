package main

import (
	"github.com/spf13/cobra"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/profile"
)

// readingFlags are the flags that say how a profile is read: as it is written,
// or as a container runtime enforces it.
type readingFlags struct {
	enforced   bool // what the verb does without a flag
	asWritten  bool
	asEnforced bool
	runtime    runtimeFlag
	libseccomp libseccompFlag
}

// registerReading adds the flags. Which reading holds without them is the
// verb's matter: one that tells of containers tells what the runtime does.
//
// The verbs that answer have them, and run. record and profile do not: what they
// make of a --base is its text with a few calls more, in any reading, and their
// --runtime says whose own calls these are.
func (e *envFlags) registerReading(cmd *cobra.Command, enforced bool) {
	r := &e.reading
	r.enforced = enforced
	other := ""
	if !enforced {
		other = ", with --as-enforced"
	}
	flags := cmd.Flags()
	flags.Var(&r.runtime, "runtime", "the container `RUNTIME` that enforces a profile"+other+": runc or crun, or runc in a version, as in runc-1.1 (default: the engine's)")
	flags.Var(&r.libseccomp, "libseccomp", "the `VERSION` of libseccomp that the runtime uses: 2.5.4 (Debian's, with calls up to Linux 6.7) or 2.6.1 (default 2.6.1)")
	flags.BoolVar(&r.asEnforced, "as-enforced", false, "read profiles as a container runtime enforces them"+byDefault(enforced, "; --runtime and --libseccomp say so, too"))
	flags.BoolVar(&r.asWritten, "as-written", false, "read profiles as they are written"+byDefault(!enforced, ""))
	_ = cmd.RegisterFlagCompletionFunc("runtime", cobra.FixedCompletions(runtimeNames(), cobra.ShellCompDirectiveNoFileComp))
}

func byDefault(yes bool, otherwise string) string {
	if yes {
		return " (the default)"
	}
	return otherwise
}

func runtimeNames() []string {
	var names []string
	for _, r := range enforce.Runtimes() {
		names = append(names, r.String())
	}
	return names
}

// stack is what enforces the profiles that an engine reads, nil where they are
// read as they are written.
func (r *readingFlags) stack(engine profile.Engine) (*enforce.Stack, error) {
	named := r.runtime.given || r.libseccomp.given
	switch {
	case r.asWritten && r.asEnforced:
		return nil, usagef("want one of them", "--as-written and --as-enforced are two readings")
	case r.asWritten && named:
		return nil, usagef("leave one out", "--as-written does not depend on a runtime")
	case r.asWritten, !r.enforced && !r.asEnforced && !named:
		return nil, nil
	}
	s := r.enforcing(engine)
	return &s, nil
}

// apply is an error where flags ask for a reading and none of the policies is a
// profile.
func (r *readingFlags) apply(sources ...*source.Source) error {
	if !r.asWritten && !r.asEnforced && !r.runtime.given && !r.libseccomp.given {
		return nil
	}
	for _, s := range sources {
		if s.Kind == source.Document || s.Kind == source.Unconfined {
			return nil
		}
	}
	return usagef("leave out --runtime, --libseccomp, --as-written and --as-enforced", "%s is no profile, which alone is read in several ways", sources[0].Name)
}

// readBy is an engine as it reads for the runtime of a stack: a document that no
// engine writes anew is crun's to read.
func readBy(engine profile.Engine, stack *enforce.Stack) profile.Engine {
	if engine == profile.OCI && stack != nil && stack.Runtime == enforce.Crun {
		return profile.OCICrun
	}
	return engine
}

// enforcing is the stack that the flags name, or that of an engine.
func (r *readingFlags) enforcing(engine profile.Engine) enforce.Stack {
	s := enforce.Stack{Runtime: r.runtime.value, Libseccomp: r.libseccomp.value}
	if !r.runtime.given && (engine == profile.Podman || engine == profile.CRIO) {
		s.Runtime = enforce.Crun
	}
	return s
}

// differs reports whether a runtime enforces something else than a profile says,
// apart from runc's ENOSYS for numbers beyond the profile's highest, which makes
// nothing weaker.
func differs(src *source.Source, stack enforce.Stack) (bool, error) {
	written, err := src.Written()
	if err != nil {
		return false, err
	}
	f, err := src.Enforced(stack)
	if err != nil {
		return false, err
	}
	same, err := f.Says(written)
	return !same, err
}

// runtimeFlag is a flag that names a container runtime.
type runtimeFlag struct {
	value enforce.Runtime
	given bool
}

func (r *runtimeFlag) String() string {
	if !r.given {
		return ""
	}
	return r.value.String()
}

func (r *runtimeFlag) Type() string { return "RUNTIME" }

func (r *runtimeFlag) Set(s string) (err error) {
	r.given = true
	r.value, err = enforce.ParseRuntime(s)
	return err
}

// libseccompFlag is a flag that names a version of libseccomp.
type libseccompFlag struct {
	value libseccomp.Version
	given bool
}

func (l *libseccompFlag) String() string {
	if !l.given {
		return ""
	}
	return l.value.String()
}

func (l *libseccompFlag) Type() string { return "VERSION" }

func (l *libseccompFlag) Set(s string) (err error) {
	l.given = true
	l.value, err = libseccomp.Parse(s)
	return err
}
