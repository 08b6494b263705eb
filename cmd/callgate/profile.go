package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/observe"
)

func newProfile(t *terminal) *cobra.Command {
	v := &profileVerb{terminal: t}
	cmd := &cobra.Command{
		Use:     "profile FILE...",
		GroupID: groupPolicy,
		Short:   "Make the least profile from saved observations, or from logs",
		Long: `Make the least profile that allows what all the given observations have seen.
The files are those that "callgate record -o FILE.obs" wrote, in any order. With
--from they are logs of strace or of the kernel's audit subsystem instead, which
can also be made into an observation: -o FILE.obs.`,
		Example: `  callgate profile monday.obs tuesday.obs -o web.json
  callgate profile --args --base docker:default web.obs
  strace -f -o web.log ./server
  callgate profile --from strace web.log -o web.json
  callgate profile --from audit /var/log/audit/audit.log -o web.obs`,
		Args: arguments("FILE..."),
		RunE: func(_ *cobra.Command, args []string) error { return v.run(args) },
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&v.outputs, "output", "o", nil, "the `FILE` for the profile (default: stdout), or with the suffix .obs for the observation; may be repeated")
	choose(cmd, &v.from, "from", "what the files are", "obs", "strace", "audit")
	flags.BoolVar(&v.summary, "summary", false, "tell what was observed, and write no profile unless -o names a file")
	v.profile.register(cmd)
	return cmd
}

// profileVerb is one use of the verb profile.
type profileVerb struct {
	terminal *terminal
	profile  profileFlags
	outputs  []string
	from     string
	summary  bool
}

func (v *profileVerb) run(args []string) error {
	if err := v.profile.check(v.terminal); err != nil {
		return err
	}
	var all observe.Observation
	for _, name := range args {
		o, err := v.read(name)
		if err != nil {
			return err
		}
		all.Merge(o)
	}
	if v.summary {
		if err := summarise(v.terminal.out, all, &v.profile); err != nil {
			return err
		}
	}
	outputs := v.outputs
	if len(outputs) == 0 && !v.summary {
		outputs = []string{"-"}
	}
	for _, name := range outputs {
		data, err := v.profile.render(v.terminal, all, isObservation(name))
		if err != nil {
			return err
		}
		if err := v.terminal.write(name, data, false); err != nil {
			return err
		}
	}
	return nil
}

// read reads one file.
func (v *profileVerb) read(name string) (observe.Observation, error) {
	in, err := v.terminal.openInput(name)
	if err != nil {
		return observe.Observation{}, err
	}
	defer in.Close()
	switch v.from {
	case "strace":
		return observe.ReadStrace(name, in, v.profile.env.arch.abi)
	case "audit":
		return observe.ReadAudit(name, in)
	}
	return observe.Read(name, in)
}

// openInput opens a file; "-" is stdin.
func (t *terminal) openInput(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(t.in), nil
	}
	return os.Open(name)
}

// readObservation reads the observation in a file.
func readObservation(name string) (observe.Observation, error) {
	f, err := os.Open(name)
	if err != nil {
		return observe.Observation{}, err
	}
	defer f.Close()
	return observe.Read(name, f)
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
