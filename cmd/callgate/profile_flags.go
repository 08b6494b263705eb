package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// profileFlags are the flags that say what profile to make of an observation.
type profileFlags struct {
	env        envFlags
	arguments  bool
	runtime    string
	noNewPrivs string
	denied     string
	action     string
	errno      string
	base       string
	startUp    time.Duration
	options    observe.ProfileOptions // by check
	reference  profile.Env
}

func (p *profileFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&p.arguments, "args", false, "narrow calls to the values of arguments that were seen")
	choose(cmd, &p.runtime, "runtime", "the container runtime whose own calls are allowed; auto: as recorded, or runc and crun", "auto", "runc", "crun", "none")
	choose(cmd, &p.noNewPrivs, "no-new-privileges", "whether the profile is only for containers with that option; auto: as recorded, or no", "auto", "yes", "no")
	flags.Lookup("no-new-privileges").NoOptDefVal = "yes"
	choose(cmd, &p.denied, "denied", "what becomes of calls that a filter stopped; auto: allow where the command line names a profile", "auto", "allow", "leave")
	flags.StringVar(&p.action, "default-action", "", "the `ACTION` for calls that were not seen, as in KILL_PROCESS or LOG (default: EPERM for known ones, ENOSYS for newer ones)")
	flags.StringVar(&p.errno, "deny-errno", "", "the `ERRNO` for known calls that were not seen (default: EPERM)")
	flags.StringVar(&p.base, "base", "", "change this `PROFILE` as little as it takes, as in docker:default")
	flags.DurationVar(&p.startUp, "start-up", 5*time.Second, "the `TIME` that the workload takes to start, for the summary")
	p.env.register(cmd)
}

// check reads the flags.
func (p *profileFlags) check(t *terminal) error {
	o := observe.ProfileOptions{Runtime: p.runtime, Arguments: p.arguments, AllowDenied: p.denied == "allow"}
	if p.runtime == "auto" {
		o.Runtime = ""
	}
	if p.noNewPrivs != "auto" {
		yes := p.noNewPrivs == "yes"
		o.NoNewPrivs = &yes
	}
	if p.action != "" {
		a, err := seccomp.ParseAction(strings.TrimPrefix(p.action, "SCMP_ACT_"))
		if err != nil {
			return usagef("want "+observe.DefaultActions, "--default-action %q is no action", p.action)
		}
		o.DefaultAction = &a
	}
	if p.errno != "" {
		e, err := seccomp.ParseErrno(p.errno)
		if err != nil {
			return usage(fmt.Errorf("--deny-errno: %w", err), "")
		}
		if e == 0 || e > 4094 {
			return usagef("want a name such as EPERM, or 1 to 4094", "--deny-errno %s is no error", p.errno)
		}
		o.DenyErrno = e
	}
	if err := o.Check(); err != nil {
		return usage(err, "")
	}
	env, err := p.env.env(p.base)
	if err != nil {
		return err
	}
	o.BaseEnv, p.reference = env, env
	if p.base != "" {
		if o.Base, err = p.readBase(t, env); err != nil {
			return err
		}
	}
	p.options = o
	return nil
}

// readBase reads the profile that is to be changed.
func (p *profileFlags) readBase(t *terminal, env profile.Env) (*profile.Profile, error) {
	if profile.HasDefault(p.base) {
		base, err := profile.Default(p.base)
		if err != nil {
			return nil, &source.Error{Name: p.base, Err: err}
		}
		return base, nil
	}
	data, err := source.ReadFile(p.base, t.in)
	if err != nil {
		return nil, err
	}
	base, diagnostics, err := profile.Parse(source.Printable(p.base), data, env.Engine)
	t.diagnose(diagnostics)
	return base, err
}

// render is what a file with the observation, or with its profile, holds.
func (p *profileFlags) render(t *terminal, o observe.Observation, asObservation bool) ([]byte, error) {
	var b bytes.Buffer
	if asObservation {
		err := o.Write(&b)
		return b.Bytes(), err
	}
	draft, err := o.Profile(p.options)
	if err != nil {
		return nil, err
	}
	for _, note := range draft.Notes {
		t.say("%s", note)
	}
	t.changes(draft.Changes)
	err = draft.Profile.Write(&b)
	return b.Bytes(), err
}

// changes tells of the differences to a base.
func (t *terminal) changes(changes []observe.Change) {
	for _, c := range changes {
		switch {
		case c.Syscall == "":
			t.say("the base does not list %v, which was used", c.ABI)
		case c.Runtime:
			t.say("allowed: %s, for the container runtime; the base answers %v", c.Syscall, c.Before)
		default:
			t.say("allowed: %s; the base answers %v", c.Syscall, c.Before)
		}
	}
}
