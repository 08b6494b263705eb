package main

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func newSyscalls(t *terminal) *cobra.Command {
	var arch archFlag
	var format outputFormat
	var risky bool
	cmd := &cobra.Command{
		Use:     "syscalls [NAME|NUMBER|PATTERN]",
		GroupID: groupFacts,
		Short:   "Look up system calls: names, numbers, arguments, age, risks",
		Long: `Look up system calls. A name is shown with its number on every ABI, a number
is that of the ABI of --arch, and a pattern (*, ?, [a-z]) or nothing lists the
calls of that ABI. With --risky only those count that are worth a second look
where a profile allows them, whatever their arguments. The exit status is 1
where there is none.`,
		Example: `  callgate syscalls openat
  callgate syscalls 257
  callgate syscalls 'clone*' --arch aarch64
  callgate syscalls --risky
  callgate syscalls --format json | jq -r '.[].name'`,
		Args: arguments("[NAME|NUMBER|PATTERN]"),
		RunE: func(_ *cobra.Command, args []string) error {
			if arch.abi == 0 {
				return usagef("name one with --arch", "this machine has no ABI of Linux")
			}
			what := ""
			if len(args) > 0 {
				what = args[0]
			}
			names, err := lookup(what, arch.abi)
			if err == nil && risky {
				names, err = onlyRisky(names, what)
			}
			switch {
			case err != nil:
				return err
			case format == formatJSON:
				return t.json(describe(names))
			case syscalls.Known(what):
				t.printCall(what)
				return nil
			case risky:
				return t.printRisks(names, arch.abi)
			}
			return t.printCalls(names, arch.abi)
		},
	}
	arch.register(cmd)
	cmd.Flags().BoolVar(&risky, "risky", false, "only those worth a second look, and why")
	format.register(cmd)
	return cmd
}

// lookup returns the names of the calls that the user asks for.
func lookup(what string, abi seccomp.ABI) ([]string, error) {
	if syscalls.Known(what) {
		return []string{what}, nil
	}
	if nr, err := strconv.ParseUint(what, 0, 32); err == nil {
		name, ok := syscalls.Name(abi, uint32(nr))
		if !ok {
			return nil, &failure{status: statusNo, err: fmt.Errorf("no system call of %v has the number %s", abi, what), hint: numberHint(abi)}
		}
		return []string{name}, nil
	}
	if what == "" {
		what = "*"
	}
	var names []string
	for _, name := range syscalls.All(abi) {
		match, err := path.Match(what, name)
		if err != nil {
			return nil, usagef("quote special characters with \\", "the pattern %q cannot be read", what)
		}
		if match {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, noCall(what, abi)
	}
	return names, nil
}

// onlyRisky returns those of the calls that the user asks for which are worth a
// second look.
func onlyRisky(names []string, what string) ([]string, error) {
	names = slices.DeleteFunc(names, func(name string) bool {
		_, risky := syscalls.Risk(name)
		return !risky
	})
	if len(names) == 0 {
		return nil, &failure{status: statusNo, err: fmt.Errorf("no system call that matches %q is worth a second look", what)}
	}
	return names, nil
}

// numberHint is what may be wrong with a number that nothing has.
func numberHint(abi seccomp.ABI) string {
	if abi == seccomp.X86_64 || abi == seccomp.X32 {
		return "numbers from 0x40000000 on are those of --arch x32, and only those"
	}
	return ""
}

// noCall says that nothing matches.
func noCall(what string, abi seccomp.ABI) error {
	err := &failure{status: statusNo, err: fmt.Errorf("no system call of %v matches %q", abi, what)}
	if near, ok := syscalls.Nearest(what); ok {
		err.hint = "did you mean " + near + "?"
	}
	return err
}

// call is what programs get to know of a system call.
type call struct {
	Name    string            `json:"name"`
	Since   string            `json:"since,omitempty"`
	Purpose string            `json:"purpose"`
	Risk    *danger           `json:"risk,omitempty"`
	Args    []argument        `json:"args,omitempty"`
	Numbers map[string]uint32 `json:"numbers"`
	Through map[string]gate   `json:"through,omitempty"`
}

// danger is why a call is worth a second look.
type danger struct {
	Class string `json:"class"`
	Why   string `json:"why"`
}

type argument struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Kind string `json:"kind"`
}

// gate is a multiplexer with the call's number there.
type gate struct {
	By     string `json:"by"`
	Number uint32 `json:"number"`
	Call   uint32 `json:"call"`
}

func describe(names []string) []call {
	calls := make([]call, 0, len(names))
	for _, name := range names {
		c := call{Name: name, Purpose: syscalls.Purpose(name), Numbers: map[string]uint32{}, Through: map[string]gate{}}
		if v, ok := syscalls.Since(name); ok {
			c.Since = v.String()
		}
		if why, ok := syscalls.Risk(name); ok {
			c.Risk = &danger{syscalls.RiskClass(name), why}
		}
		for _, a := range syscalls.Args(name) {
			c.Args = append(c.Args, argument{a.Name, a.Type, a.Kind.String()})
		}
		for _, abi := range seccomp.ABIs() {
			if nr, ok := syscalls.Number(abi, name); ok {
				c.Numbers[abi.String()] = nr
			}
			if m, ok := syscalls.Through(abi, name); ok {
				c.Through[abi.String()] = gate{m.By, m.Number, m.Call}
			}
		}
		calls = append(calls, c)
	}
	return calls
}

// printCall prints all that is known of one call.
func (t *terminal) printCall(name string) {
	t.printf("%s(%s)\n", name, signature(name))
	if v, ok := syscalls.Since(name); ok {
		t.printf("since Linux %v\n", v)
	}
	purpose := syscalls.Purpose(name)
	t.printf("purpose: %s (%s)\n", purpose, syscalls.PurposeText(purpose))
	if why, ok := syscalls.Risk(name); ok {
		t.printf("risk: %s (%s)\n", syscalls.RiskClass(name), why)
	}
	t.printf("\n%-12s %-11s %s\n", "ABI", "NUMBER", "ALSO THROUGH")
	for _, abi := range seccomp.ABIs() {
		nr, direct := syscalls.Number(abi, name)
		m, through := syscalls.Through(abi, name)
		switch {
		case direct && through:
			t.printf("%-12v %-11s %s\n", abi, numberOn(abi, nr), gateText(m))
		case direct:
			t.printf("%-12v %s\n", abi, numberOn(abi, nr))
		case through:
			t.printf("%-12v %-11s %s\n", abi, "-", gateText(m))
		}
	}
}

func gateText(m syscalls.Multiplexed) string {
	return fmt.Sprintf("%s(%d, ...), number %d", m.By, m.Call, m.Number)
}

// numberOn writes x32's numbers, which are 2^30 and something, as people do.
func numberOn(abi seccomp.ABI, nr uint32) string {
	if abi == seccomp.X32 {
		return fmt.Sprintf("%#x", nr)
	}
	return strconv.FormatUint(uint64(nr), 10)
}

// printCalls prints a table of the calls of one ABI.
func (t *terminal) printCalls(names []string, abi seccomp.ABI) error {
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tSINCE\tCALL")
	for _, name := range names {
		nr, _ := syscalls.Number(abi, name)
		since := "-"
		if v, ok := syscalls.SinceOn(abi, name); ok {
			since = v.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s(%s)\n", numberOn(abi, nr), since, name, signature(name))
	}
	return w.Flush()
}

// printRisks prints a table of why calls of one ABI are worth a second look.
func (t *terminal) printRisks(names []string, abi seccomp.ABI) error {
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tCALL\tCLASS\tWHY")
	for _, name := range names {
		nr, _ := syscalls.Number(abi, name)
		why, _ := syscalls.Risk(name)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", numberOn(abi, nr), name, syscalls.RiskClass(name), why)
	}
	return w.Flush()
}

// signature is the arguments of a call in C; "?" where they are unknown.
func signature(name string) string {
	args := syscalls.Args(name)
	if args == nil {
		return "?"
	}
	params := make([]string, len(args))
	for i, a := range args {
		params[i] = a.Type + " " + a.Name
		if strings.HasSuffix(a.Type, "*") {
			params[i] = a.Type + a.Name
		}
	}
	return strings.Join(params, ", ")
}
