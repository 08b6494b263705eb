// Callgate is the seccomp workbench for containers: it says what a seccomp
// profile means, proves that the filter it compiles is that meaning and nothing
// else, and runs a command under it.
//
// Usage:
//
//	callgate VERB [flags] ARGS
//
// "callgate help" lists the verbs, "callgate help VERB" explains one. The exit
// status is 0 for yes, 1 where the answer is no, 2 for input that cannot be
// used, 3 where this machine cannot do it. A verb that runs a command ends with
// the command's own status, and with 125, 126 and 127 where docker run does.
package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/observe/notify"
)

func main() {
	if status, ok := notify.Helper(os.Args); ok { // a recorder has started this program
		os.Exit(status)
	}
	os.Exit(run(os.Args[1:], newTerminal()))
}

// run executes one command line and returns the exit status.
func run(args []string, t *terminal) int {
	root := newRoot(t)
	root.SetArgs(args)
	return t.finish(root.Execute())
}

func newRoot(t *terminal) *cobra.Command {
	cobra.EnableCommandSorting = false // the order of commands says what comes first
	root := &cobra.Command{
		Use:           "callgate VERB [flags] ARGS",
		Short:         "The seccomp workbench for containers",
		Long:          about,
		Args:          noVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),

		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetOut(t.out)
	root.SetErr(t.talk)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		hint := "see: " + cmd.CommandPath() + " --help"
		if negative(err) {
			hint = "negative numbers go behind --, as in: callgate " + cmd.Name() + " ... -- lseek 3 -1"
		}
		return usage(err, hint)
	})
	root.SetUsageTemplate(usageTemplate)
	root.AddGroup(groups()...)
	root.AddCommand(commands(t)...)
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Args = func(_ *cobra.Command, args []string) error { return topic(root, args) }
		}
	}
	return root
}

// negative reports whether cobra's error is that it took a negative number for
// a flag.
func negative(err error) bool {
	_, flag, ok := strings.Cut(err.Error(), "unknown shorthand flag: '")
	return ok && flag != "" && '0' <= flag[0] && flag[0] <= '9'
}

// commands are the verbs, in the order of the help text.
func commands(t *terminal) []*cobra.Command {
	return []*cobra.Command{
		newRun(t),
		newRecord(t),
		newProfile(t),
		newExplain(t),
		newDiff(t),
		newEval(t),
		newCompile(t),
		newDisasm(t),
		newAsm(t),
		newLift(t),
		newSyscalls(t),
		newDoctor(t),
		newVersion(t),
	}
}

// noVerb rejects what stands where a verb should, and guesses the verb.
func noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see: callgate help"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean: callgate " + strings.Join(near, ", callgate ")
	}
	return usagef(hint, "unknown verb %q", args[0])
}

// topic checks the arguments of help, which are those of a verb.
func topic(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	switch {
	case err == nil && cmd != root && len(rest) > 0:
		return usagef("see: callgate help "+cmd.Name(), "help: unexpected argument %q", rest[0])
	case err == nil && (len(args) == 0 || cmd != root):
		return nil
	}
	return noVerb(root, args)
}

// arguments checks the number of a command's arguments, which names says by
// example as in "FILE" or "A B"; one that ends in "..." may be repeated and one
// in brackets be left out.
func arguments(names string) cobra.PositionalArgs {
	low, high := 0, 0
	for _, name := range strings.Fields(names) {
		high++
		if !strings.HasPrefix(name, "[") {
			low++
		}
		if strings.Contains(name, "...") {
			high = 1 << 20
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		hint := "want: " + cmd.UseLine()
		switch {
		case len(args) < low:
			return usagef(hint, "%s: %s is missing", cmd.Name(), strings.Fields(names)[len(args)])
		case len(args) > high:
			return usagef(hint, "%s: unexpected argument %q", cmd.Name(), args[high])
		}
		return nil
	}
}
