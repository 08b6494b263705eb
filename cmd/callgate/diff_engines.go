package main

import (
	"bytes"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/profile"
)

// This file compares two readings of one profile.

// diffArguments checks what diff is given: two policies, or two engines and
// one profile.
func diffArguments(cmd *cobra.Command, e *envFlags, args []string) error {
	const hint = "want: callgate diff --engine docker,containerd web.json"
	engines := e.engines.list
	switch {
	case len(engines) > 2:
		return usagef(hint, "diff: %d engines: two readings can be compared", len(engines))
	case len(engines) == 2 && engines[0] == engines[1]:
		return usagef(hint, "diff: %v twice reads a profile twice alike", engines[0])
	case len(engines) == 2 && len(args) != 1:
		return usagef(hint, "diff: two engines read one profile, and not %d", len(args))
	case len(engines) == 2:
		return nil
	case len(engines) == 1 && len(args) == 1:
		return usagef("name a second policy, or two engines, as in --engine docker,containerd", "diff: B is missing")
	}
	return arguments("A B")(cmd, args)
}

// readings are what two engines make of one profile.
func (e *envFlags) readings(t *terminal, name string) (comparison, error) {
	c := comparison{native: e.arch.abi, readings: true}
	var in []byte
	if name == "-" {
		var err error
		if in, err = source.ReadFile(name, t.in); err != nil {
			return c, err
		}
	}
	var said profile.Diagnostics
	for i, s := range []*side{&c.a, &c.b} {
		engine := e.engines.list[i]
		src, err := e.openUnder(engine, name, bytes.NewReader(in))
		if src != nil {
			said = t.diagnoseOnce(said, src.Diagnostics)
		}
		if err != nil {
			return c, err
		}
		if src.Kind != source.Document {
			return c, usagef("two engines read a profile differently; to compare two policies, name both", "%s is no profile", src.Name)
		}
		p, err := src.Policy()
		said = t.diagnoseOnce(said, src.Diagnostics)
		if err != nil {
			return c, err
		}
		*s = side{engine.String(), explainer{p, src}}
	}
	return c, nil
}

// openUnder opens a policy as one engine reads it.
func (e *envFlags) openUnder(engine profile.Engine, name string, in io.Reader) (*source.Source, error) {
	env, err := e.under(engine)
	if err != nil {
		return nil, err
	}
	return source.Open(name, source.Options{Env: env, Stdin: in})
}

// diagnoseOnce tells of what is doubtful and was not said before.
func (t *terminal) diagnoseOnce(said, found profile.Diagnostics) profile.Diagnostics {
	fresh := slices.DeleteFunc(slices.Clone(found), func(d profile.Diagnostic) bool { return slices.Contains(said, d) })
	t.diagnose(fresh)
	return append(said, fresh...)
}
