package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c choice) Type() string { return "WORD" }

func (c choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.words, ", "))
	}
	*c.value = s
	return nil
}

// choose registers a flag that takes one of the words, which its help lists;
// the first is the default.
func choose(cmd *cobra.Command, value *string, name, help string, words ...string) {
	*value = words[0]
	last := len(words) - 1
	help += ": " + strings.Join(words[:last], ", ") + " or " + words[last]
	cmd.Flags().Var(choice{value, words}, name, help)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// outputFormat is the flag --format: for people or for programs.
type outputFormat string

const (
	formatText outputFormat = "text"
	formatJSON outputFormat = "json"
)

func (f *outputFormat) register(cmd *cobra.Command) {
	choose(cmd, (*string)(f), "format", "write for people, or for programs", string(formatText), string(formatJSON))
}

// archFlag is a flag that names an ABI.
type archFlag struct {
	abi seccomp.ABI // 0: not given, and no default
}

func (a *archFlag) String() string {
	if a.abi == 0 {
		return ""
	}
	return a.abi.String()
}

func (a *archFlag) Type() string { return "ABI" }

func (a *archFlag) Set(s string) error {
	abi, err := seccomp.ParseABI(s)
	if err != nil {
		return err
	}
	a.abi = abi
	return nil
}

// register adds the flag --arch, the ABI of the machine. Its default is that
// of the host's programs.
func (a *archFlag) register(cmd *cobra.Command) {
	a.abi, _ = seccomp.NativeABI(runtime.GOARCH)
	a.registerAs(cmd, "arch", "the `ABI` of the machine, as in x86_64, aarch64 or arm")
}

// registerAs adds the flag under another name, without a default.
func (a *archFlag) registerAs(cmd *cobra.Command, name, help string) {
	cmd.Flags().Var(a, name, help)
	_ = cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, abi := range seccomp.ABIs() {
			names = append(names, abi.String())
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// engineFlag is a flag that names the engine that reads a profile, or several.
type engineFlag struct {
	list []profile.Engine // none: not given
}

func (e *engineFlag) String() string {
	names := make([]string, len(e.list))
	for i, engine := range e.list {
		names[i] = engine.String()
	}
	return strings.Join(names, ",")
}

// words are the engines as they are given.
func (e *engineFlag) words() []string { return one(e.String()) }

func (e *engineFlag) Type() string { return "ENGINE" }

func (e *engineFlag) Set(s string) error {
	engine, err := profile.ParseEngine(s)
	e.list = []profile.Engine{engine}
	return err
}

// engineList is an engineFlag that takes more than one, with commas between
// them.
type engineList struct{ *engineFlag }

func (e engineList) Set(s string) error {
	for _, name := range strings.Split(s, ",") {
		engine, err := profile.ParseEngine(name)
		if err != nil {
			return err
		}
		e.list = append(e.list, engine)
	}
	return nil
}

func (e *engineFlag) register(cmd *cobra.Command) {
	cmd.Flags().Var(e, "engine", "the `ENGINE` that reads the profile: docker, podman, cri-o, containerd or oci, or Docker in a version, as in docker-20.10 (default: that of a built-in profile, or docker)")
	_ = cmd.RegisterFlagCompletionFunc("engine", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, engine := range profile.Readings() {
			names = append(names, engine.String())
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// outputFlag registers -o, the file that is written.
func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "write to `FILE` (default: standard output)")
	_ = cmd.MarkFlagFilename("output")
}
