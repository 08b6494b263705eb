package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/syscalls"
)

// registerDump adds the flag --dump, which has no default.
func (v *compileVerb) registerDump(cmd *cobra.Command) {
	var names []string
	for _, p := range compile.Passes() {
		names = append(names, p.Name)
	}
	cmd.Flags().Var(choice{&v.dump, names}, "dump", "print what there is behind a `PASS`: "+strings.Join(names, ", ")+"; with place, the rules that each instruction comes from")
	_ = cmd.RegisterFlagCompletionFunc("dump", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

func (v *compileVerb) listing() bpf.Listing {
	return bpf.Listing{Syscall: syscalls.Name, ABI: v.env.arch.abi}
}

// printDump prints what was behind a pass.
func (v *compileVerb) printDump(text []byte) error {
	if text == nil {
		return usagef("see them with: callgate compile --stats --optimize "+v.optimize+" POLICY", "--optimize %s has no pass %s", v.optimize, v.dump)
	}
	return v.terminal.write("", text, false)
}

// originColumn is where the origins of instructions stand, if there is room.
const originColumn = 60

// printPlaced prints a listing with the origin of each instruction. A policy that
// was not made from rules has none.
func (v *compileVerb) printPlaced(p *policy.Policy, program bpf.Program, listing []byte) error {
	origins, err := compile.OriginsOf(p, program, v.env.arch.abi.ByteOrder())
	if errors.Is(err, policy.ErrNoRules) {
		return v.printDump(listing)
	}
	if err != nil {
		return err
	}
	pc := 0
	for line := range strings.Lines(string(listing)) {
		line = strings.TrimRight(line, "\n")
		if from := origins.At(pc); len(from) > 0 {
			line += strings.Repeat(" ", max(0, originColumn-utf8.RuneCountInString(line))) + " ; " + originText(from)
		}
		v.terminal.printf("%s\n", line)
		pc++
	}
	return nil
}

// originText is as in "web.json:12:5 mkdir, and 12 more".
func originText(rules []*policy.Rule) string {
	first := rules[0]
	text := first.Syscall
	if text == "" {
		text = fmt.Sprintf("number %d", first.Number)
	}
	if at := first.Origin.String(); at != "" {
		text = at + " " + text
	}
	if more := len(rules) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}
