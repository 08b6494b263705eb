package main

import (
	"math"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// envFlags are the flags that say where a profile is to stand: what engine
// reads it, for which machine and with which capabilities. The defaults are a
// plain "docker run" on this machine.
type envFlags struct {
	arch    archFlag
	engines engineFlag
	capAdd  []string
	capDrop []string
	kernel  string
	reading readingFlags
	several bool // of the policies one at least is to be a profile, where flags ask for a reading
}

func (e *envFlags) register(cmd *cobra.Command) {
	e.arch.register(cmd)
	e.engines.register(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&e.capAdd, "cap-add", nil, "a capability `CAP` that the container has in addition, as in docker run")
	flags.StringSliceVar(&e.capDrop, "cap-drop", nil, "a capability `CAP` that the container does not have, as in docker run")
	flags.StringVar(&e.kernel, "kernel", "", "the kernel `VERSION`, as in 5.15 (default: the running one)")
}

// given are the flags that say where a profile stands, as they were given, but for
// --arch, which is the machine's where it is of use.
func (e *envFlags) given() []string {
	var words []string
	for _, f := range []struct {
		name   string
		values []string
	}{{"--engine", e.engines.words()}, {"--cap-add", e.capAdd}, {"--cap-drop", e.capDrop}, {"--kernel", one(e.kernel)}} {
		for _, v := range f.values {
			words = append(words, f.name, v)
		}
	}
	return words
}

// one is a list of a word, empty where that is.
func one(word string) []string {
	if word == "" {
		return nil
	}
	return []string{word}
}

// env is the environment that the flags describe for the policy of that name:
// the engine is the one that is given, that of a built-in profile, or Docker.
func (e *envFlags) env(name string) (profile.Env, error) {
	return e.under(e.engine(name))
}

// engine is the engine of env.
func (e *envFlags) engine(name string) profile.Engine {
	if len(e.engines.list) > 0 {
		return e.engines.list[0]
	}
	if own, err := profile.DefaultEngine(name); err == nil {
		return own
	}
	return profile.Docker
}

// under is the environment that the flags describe, under an engine.
func (e *envFlags) under(engine profile.Engine) (profile.Env, error) {
	if e.arch.abi == 0 {
		return profile.Env{}, usagef("name one with --arch", "this machine has no ABI of Linux")
	}
	version, err := e.version()
	if err != nil {
		return profile.Env{}, usage(err, "")
	}
	env := profile.DockerEnv(e.arch.abi, version)
	env.Engine = engine
	if env.Caps, err = engine.Caps().Adjust(e.capAdd, e.capDrop); err != nil {
		return profile.Env{}, usage(err, "")
	}
	return env, nil
}

// version is the kernel that the flags name, or the running one. Where no
// Linux runs it is newer than any condition of a profile asks for.
func (e *envFlags) version() (seccomp.Version, error) {
	if e.kernel != "" {
		return seccomp.ParseVersion(e.kernel)
	}
	v, err := kernel.Running()
	if err != nil {
		return seccomp.Version{Major: math.MaxInt32}, nil
	}
	return v, nil
}

// open resolves the name of a policy. Of a profile that is refused it tells what
// else is doubtful, so that all can be mended at once.
func (e *envFlags) open(t *terminal, name string) (*source.Source, error) {
	env, err := e.env(name)
	if err != nil {
		return nil, err
	}
	stack, err := e.reading.stack(env.Engine)
	if err != nil {
		return nil, err
	}
	env.Engine = readBy(env.Engine, stack)
	src, err := source.Open(name, source.Options{Env: env, Stack: stack, Stdin: t.in})
	if err != nil && src != nil {
		t.diagnose(src.Diagnostics)
	}
	if err == nil && !e.several {
		err = e.reading.apply(src)
	}
	return src, err
}

// policy resolves the name of a policy and tells of what is doubtful in it.
func (e *envFlags) policy(t *terminal, name string) (*policy.Policy, *source.Source, error) {
	src, err := e.open(t, name)
	if err != nil {
		return nil, nil, err
	}
	p, err := src.Policy()
	t.diagnose(src.Diagnostics)
	return p, src, err
}
