package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
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

func (c choice) Type() string { return strings.Join(c.words, "|") }

func (c choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.words, ", "))
	}
	*c.value = s
	return nil
}

// choose registers a flag that takes one of the words; the first is its
// default.
func choose(cmd *cobra.Command, value *string, name, help string, words ...string) {
	*value = words[0]
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
