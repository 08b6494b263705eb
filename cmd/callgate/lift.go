package main

import (
	"bytes"
	"errors"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

func newLift(t *terminal) *cobra.Command {
	var env envFlags
	var emit, output string
	cmd := &cobra.Command{
		Use:     "lift FILE",
		GroupID: groupFilter,
		Short:   "Turn a filter back into a readable policy, or into a profile",
		Long: `Turn a filter back into what it means: exactly, whatever made it. FILE is a raw
filter or the text of one, "-" for standard input; a profile is taken, too, and
shown as the policy that it is.

  --emit policy    a text that people read, and every command takes as a policy
  --emit profile   an OCI profile, the same on every engine. A profile cannot
                   express every filter: then the error names the calls
                   that it cannot speak of. What runc adds to a filter,
                   ENOSYS for numbers newer than its tables, is such a case.`,
		Example: `  callgate lift web.bpf
  callgate lift web.bpf --emit profile -o web.json
  callgate compile web.json --emit raw | callgate lift -`,
		Args: arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			p, src, err := env.policy(t, args[0])
			if err != nil {
				return err
			}
			if emit == "policy" {
				return t.write(output, []byte(p.String()), false)
			}
			text, err := profileText(p, src, env.arch.abi)
			if err != nil {
				return err
			}
			return t.write(output, text, false)
		},
	}
	env.register(cmd)
	env.registerReading(cmd, false)
	choose(cmd, &emit, "emit", "what to write", "policy", "profile")
	outputFlag(cmd, &output)
	return cmd
}

// profileText writes a policy as a profile for a machine of the given ABI.
func profileText(p *policy.Policy, src *source.Source, native seccomp.ABI) ([]byte, error) {
	resolved, err := profileOf(p, native)
	if err != nil {
		var hint string
		if errors.Is(err, policy.ErrInexpressible) || errors.Is(err, profile.ErrInexpressible) {
			hint = "callgate lift without --emit profile shows all of it"
		}
		return nil, &source.Error{Name: src.Name, Err: err, Advice: hint}
	}
	var b bytes.Buffer
	if err := profile.Write(&b, resolved); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func profileOf(p *policy.Policy, native seccomp.ABI) (profile.Resolved, error) {
	if a, ok := p.Space().Action(p.Root()); ok && a == seccomp.Allow {
		return profile.Resolved{Unconfined: true}, nil
	}
	rules, err := p.Derive()
	if err != nil {
		return profile.Resolved{}, err
	}
	if len(rules.ABIs) == 0 {
		rules.ABIs = []seccomp.ABI{native}
	}
	return profile.FromRules(rules)
}
