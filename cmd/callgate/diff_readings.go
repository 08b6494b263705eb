package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/profile"
)

// This file compares two readings of one profile.

// diffArguments checks what diff is given: two policies, or one profile and two
// ways to read it.
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
	case len(engines) == 2, e.writtenAndEnforced(args):
		return nil
	case e.reading.asEnforced && len(args) == 1:
		return usagef("to compare what the profile says with what a runtime does: --as-written", "diff: B is missing")
	case len(engines) == 1 && len(args) == 1:
		return usagef("name a second policy, or two engines, as in --engine docker,containerd", "diff: B is missing")
	}
	return arguments("A B")(cmd, args)
}

// writtenAndEnforced reports whether what a profile says is to be compared with
// what the runtime does.
func (e *envFlags) writtenAndEnforced(args []string) bool {
	return e.reading.asWritten && !e.reading.asEnforced && len(e.engines.list) < 2 && len(args) == 1
}

// reading is a way to read a profile.
type reading struct {
	label  string
	engine profile.Engine
	stack  *enforce.Stack
}

// twoReadings are the ways that are to be compared: those of two engines, or as
// written and as enforced.
func (e *envFlags) twoReadings(name string) ([]reading, error) {
	if len(e.engines.list) > 1 {
		var out []reading
		for _, engine := range e.engines.list {
			stack, err := e.reading.stack(engine)
			if err != nil {
				return nil, err
			}
			out = append(out, reading{engine.String(), engine, stack})
		}
		if a, b := out[0].stack, out[1].stack; a != nil && b != nil && a.Runtime != b.Runtime {
			for i := range out {
				out[i].label += " with " + out[i].stack.Runtime.String()
			}
		}
		return out, nil
	}
	env, err := e.env(name)
	if err != nil {
		return nil, err
	}
	stack := e.reading.enforcing(env.Engine)
	return []reading{{"as written", env.Engine, nil}, {stack.Runtime.String(), env.Engine, &stack}}, nil
}

// readings are two readings of one profile.
func (e *envFlags) readings(t *terminal, name string) (comparison, error) {
	c := comparison{native: e.arch.abi, readings: true}
	two, err := e.twoReadings(name)
	if err != nil {
		return c, err
	}
	named, err := source.Read(name, t.in)
	if err != nil {
		return c, err
	}
	var said profile.Diagnostics
	for i, s := range []*side{&c.a, &c.b} {
		src, err := e.openAs(two[i], named)
		if src != nil {
			said = t.diagnoseOnce(said, src.Diagnostics)
		}
		if err != nil {
			return c, err
		}
		if src.Kind != source.Document {
			return c, usagef("it is a profile that can be read in two ways; to compare two policies, name both", "%s is no profile", src.Name)
		}
		p, err := src.Policy()
		said = t.diagnoseOnce(said, src.Diagnostics)
		if err != nil {
			return c, err
		}
		*s = side{label: two[i].label}
		if s.explainer, err = newExplainer(p, src); err != nil {
			return c, err
		}
	}
	return c, nil
}

// openAs opens a policy in one reading.
func (e *envFlags) openAs(r reading, named source.Named) (*source.Source, error) {
	env, err := e.under(readBy(r.engine, r.stack))
	if err != nil {
		return nil, err
	}
	return named.Source(source.Options{Env: env, Stack: r.stack})
}

// diagnoseOnce tells of what is doubtful and was not said before.
func (t *terminal) diagnoseOnce(said, found profile.Diagnostics) profile.Diagnostics {
	fresh := slices.DeleteFunc(slices.Clone(found), func(d profile.Diagnostic) bool { return slices.Contains(said, d) })
	t.diagnose(fresh)
	return append(said, fresh...)
}
