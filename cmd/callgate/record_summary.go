package main

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// summarise tells what an observation comes to, as tables.
func summarise(out io.Writer, o observe.Observation, p *profileFlags) error {
	reference, err := profile.Default(defaultProfile)
	if err != nil {
		return err
	}
	s, err := o.Summary(observe.SummaryOptions{StartUp: p.startUp, Reference: reference, Env: p.reference})
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s through %s", count(s.Distinct, "system call"), count(s.Made, "call"), abiNames(s.ABIs))
	if fewer := s.Reference - s.Distinct; fewer > 0 {
		fmt.Fprintf(&b, ", %d fewer than %s allows", fewer, defaultProfile)
	}
	b.WriteString("\n")
	if s.Lost > 0 {
		fmt.Fprintf(&b, "LOST: %d calls could not be stored, so that the profile may lack some\n", s.Lost)
	}
	for _, limit := range s.Limits {
		fmt.Fprintf(&b, "note: %s\n", source.Printable(limit))
	}
	table(&b, "RISKY\tCALLS\tWHY", rows(s.Calls, func(c observe.CallSummary) string {
		if c.Risk == "" || c.Made == 0 || !c.Workload {
			return ""
		}
		return fmt.Sprintf("%s\t%d\t%s", nameOf(c), c.Made, c.Risk)
	}))
	table(&b, "DENIED\tTIMES\tBY", rows(s.Calls, func(c observe.CallSummary) string {
		if c.Denied == 0 {
			return ""
		}
		return fmt.Sprintf("%s\t%d\t%s", nameOf(c), c.Denied, programs(c.Stopped))
	}))
	if names := rows(s.Calls, onlyAtStart); len(names) > 0 {
		fmt.Fprintf(&b, "\nin the first %v only: %s\n", p.startUp, strings.Join(names, ", "))
	}
	if names := rows(s.Calls, onlyRuntime); len(names) > 0 {
		fmt.Fprintf(&b, "\nby the container runtime only: %s\n", strings.Join(names, ", "))
	}
	table(&b, "PROGRAM\tSYSTEM CALLS\tCALLS", executables(s.Executables))
	_, err = io.WriteString(out, b.String())
	return err
}

// rows are the non-empty lines that f has for the calls.
func rows(calls []observe.CallSummary, f func(observe.CallSummary) string) []string {
	var lines []string
	for _, c := range calls {
		if line := f(c); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func onlyAtStart(c observe.CallSummary) string {
	if !c.StartUp || !c.Workload {
		return ""
	}
	return nameOf(c)
}

func onlyRuntime(c observe.CallSummary) string {
	if c.Workload || c.Made == 0 {
		return ""
	}
	return nameOf(c)
}

// executables are lines about programs, the one with the most calls first.
func executables(all []observe.ExecutableSummary) []string {
	slices.SortStableFunc(all, func(a, b observe.ExecutableSummary) int { return cmp.Compare(b.Distinct, a.Distinct) })
	const most = 20
	var lines []string
	for i, e := range all {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		lines = append(lines, fmt.Sprintf("%s\t%d\t%d", programName(observe.Program{Phase: e.Phase, Path: e.Path}), e.Distinct, e.Made))
	}
	return lines
}

// table appends lines of columns below their heads, if there are any.
func table(b *strings.Builder, heads string, lines []string) {
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, heads)
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	w.Flush()
}

func abiNames(abis []seccomp.ABI) string {
	var names []string
	for _, abi := range abis {
		names = append(names, abi.String())
	}
	return strings.Join(names, ", ")
}

// nameOf is the name of a call, or its number where it has none.
func nameOf(c observe.CallSummary) string { return callName(observe.Key{ABI: c.ABI, NR: c.NR}) }

// programs names some programs, by their files.
func programs(all []observe.Program) string {
	var names []string
	for _, p := range all {
		if p.Path != "" {
			p.Path = path.Base(p.Path)
		}
		names = append(names, programName(p))
	}
	names = slices.Compact(names)
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("%d more", len(names)-3))
	}
	return strings.Join(names, ", ")
}

// programName is the name of a program. The workload chooses it: it is quoted
// where it would move the cursor or be taken for what callgate says itself.
func programName(p observe.Program) string {
	switch {
	case p.Phase == observe.Runtime:
		return "(container runtime)"
	case p.Path == "":
		return "(not known)"
	case strings.ContainsAny(p.Path, " ,(\""):
		return strconv.Quote(p.Path)
	}
	return source.Printable(p.Path)
}

// printableWords are the words of a command line, for messages.
func printableWords(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, source.Printable(w))
	}
	return strings.Join(all, " ")
}

// count is a number of things.
func count[N int | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
