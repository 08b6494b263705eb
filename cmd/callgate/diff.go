package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func newDiff(t *terminal) *cobra.Command {
	var env envFlags
	var format outputFormat
	var subset bool
	cmd := &cobra.Command{
		Use:     "diff A B",
		GroupID: groupPolicy,
		Short:   "Show what two policies answer differently, with witnesses",
		Long: `Show every call that two policies answer differently: the calls, the answer of
A, the answer of B, and one such call as a witness. The answer is exact: where
nothing is shown, no call is answered differently.

With --subset the question is only whether A allows nothing that B stops, or
leaves to somebody else (a listener, a tracer).

The exit status is 0 for equal (or a subset), 1 for different.`,
		Example: `  callgate diff docker:default web.json
  callgate diff --subset new.json old.json || echo "new.json allows more"
  callgate diff web.json web.bpf`,
		Args: arguments("A B"),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] == "-" && args[1] == "-" {
				return usagef("name a file", "only one of the policies can be on stdin")
			}
			a, _, err := env.policy(t, args[0])
			if err != nil {
				return err
			}
			b, _, err := env.policy(t, args[1])
			if err != nil {
				return err
			}
			found, err := compare(a, b, subset)
			if err != nil {
				return err
			}
			if format == formatJSON {
				err = t.json(differencesJSON(found))
			} else {
				t.printDifferences(found)
			}
			if err == nil && len(found) > 0 {
				return no
			}
			return err
		},
	}
	env.register(cmd)
	format.register(cmd)
	cmd.Flags().BoolVar(&subset, "subset", false, "only ask whether A allows nothing that B stops")
	return cmd
}

// compare lists the differences that are asked for: all, or those in which a
// is weaker than b.
func compare(a, b *policy.Policy, subset bool) ([]policy.Difference, error) {
	found, err := policy.Diff(a, b)
	if subset {
		found = slices.DeleteFunc(found, func(d policy.Difference) bool { return !d.Weaker() })
	}
	return found, err
}

// printDifferences prints two lines for each difference. Those that cover a
// whole ABI, of which there can be twenty alike, are gathered at the end.
func (t *terminal) printDifferences(list []policy.Difference) {
	type change struct{ a, b seccomp.Action }
	var changes []change
	whole := map[change][]policy.Difference{}
	for _, d := range list {
		if c := (change{d.A, d.B}); d.Always && slices.Equal(d.Numbers, everything) {
			if whole[c] == nil {
				changes = append(changes, c)
			}
			whole[c] = append(whole[c], d)
			continue
		}
		t.printList(where(d), brief(d), fmt.Sprintf("%v -> %v", d.A, d.B))
		some := ""
		if !d.Always {
			some = "only some, "
		}
		t.printf("    %ssuch as %s\n", some, witnessText(d.Call))
	}
	for _, c := range changes {
		places := make([]string, len(whole[c]))
		for i, d := range whole[c] {
			places[i] = where(d)
		}
		t.printList("every call of", places, fmt.Sprintf("%v -> %v", c.a, c.b))
		t.printf("    such as %s of %s\n", witnessText(whole[c][0].Call), places[0])
	}
}

// lineWidth is how wide lists are written, in columns: a terminal's 80, also in
// pipes, so that the same command prints the same.
const lineWidth = 80

// printList prints "subject list: change" on one line, or, where that is too
// wide, the list folded below the rest.
func (t *terminal) printList(subject string, list []string, change string) {
	line := fmt.Sprintf("%s %s: %s\n", subject, strings.Join(list, ", "), change)
	if len(line) <= lineWidth {
		t.printf("%s", line)
		return
	}
	t.printf("%s: %s\n%s", subject, change, fold(list, "    "))
}

// fold writes a list in lines that begin with an indentation.
func fold(list []string, indent string) string {
	var b strings.Builder
	column := 0
	for i, item := range list {
		if i < len(list)-1 {
			item += ","
		}
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+len(item) > lineWidth:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(item)
		column += len(item)
	}
	b.WriteByte('\n')
	return b.String()
}

// everything is every number of an ABI.
var everything = []policy.Range{{Low: 0, High: math.MaxUint32}}

// where is the ABI of a difference, or the architecture where none has it.
func where(d policy.Difference) string {
	switch {
	case d.OtherArch:
		return "other architectures"
	case d.ABI == 0:
		return fmt.Sprintf("architecture %#x", d.Arch)
	}
	return d.ABI.String()
}

// numbers are the calls of a difference: names, and numbers where there are
// none.
func numbers(d policy.Difference) []string {
	var out []string
	for _, r := range d.Numbers {
		out = append(out, rangeText(d.ABI, r)...)
	}
	if d.Truncated {
		out = append(out, "and more")
	}
	return out
}

// brief are the numbers of a difference for people: the names, and of the
// numbers without one only how many ranges there are where these are many.
func brief(d policy.Difference) []string {
	const most = 3
	var names, nameless []string
	for _, text := range numbers(d) {
		if text[0] < '0' || text[0] > '9' {
			names = append(names, text)
			continue
		}
		nameless = append(nameless, text)
	}
	if len(names) > 0 && len(nameless) > most {
		nameless = []string{fmt.Sprintf("and %d ranges of numbers without a name", len(nameless))}
	}
	return append(names, nameless...)
}

// rangeText is a range of numbers as names, and as numbers where there are no
// names in between. All numbers of an ABI are told as numbers.
func rangeText(abi seccomp.ABI, r policy.Range) []string {
	if r == everything[0] {
		return []string{numberRange(abi, r.Low, r.High)}
	}
	var out []string
	next := uint64(r.Low) // first number that is not told yet
	for nr, name := range syscalls.All(abi) {
		if nr < r.Low || nr > r.High {
			continue
		}
		if uint64(nr) > next {
			out = append(out, numberRange(abi, uint32(next), nr-1))
		}
		out = append(out, name)
		next = uint64(nr) + 1
	}
	if next <= uint64(r.High) {
		out = append(out, numberRange(abi, uint32(next), r.High))
	}
	return out
}

func numberRange(abi seccomp.ABI, low, high uint32) string {
	if low == high {
		return numberOn(abi, low)
	}
	return numberOn(abi, low) + ".." + numberOn(abi, high)
}

// The form of differences for programs.
type (
	differenceJSON struct {
		Arch      string      `json:"arch,omitempty"` // none where no known ABI has the value
		AuditArch uint32      `json:"audit_arch"`
		OtherArch bool        `json:"other_arch,omitempty"` // audit_arch is one example of many
		Calls     []string    `json:"calls"`
		Numbers   [][2]uint32 `json:"numbers"` // ranges
		Truncated bool        `json:"truncated,omitempty"`
		A         answerJSON  `json:"a"`
		B         answerJSON  `json:"b"`
		Always    bool        `json:"always"`
		Witness   callJSON    `json:"witness"`
	}
	answerJSON struct {
		Action string `json:"action"`
		Data   uint16 `json:"data"`
	}
	// callJSON can be given to eval.
	callJSON struct {
		Arch uint32    `json:"arch"`
		NR   uint32    `json:"nr"`
		Args [6]uint64 `json:"args"`
		IP   uint64    `json:"ip"`
	}
)

func differencesJSON(list []policy.Difference) []differenceJSON {
	out := make([]differenceJSON, 0, len(list))
	for _, d := range list {
		j := differenceJSON{
			AuditArch: d.Arch, OtherArch: d.OtherArch, Calls: numbers(d), Truncated: d.Truncated, Always: d.Always,
			A:       answerJSON{d.A.KindName(), d.A.Data()},
			B:       answerJSON{d.B.KindName(), d.B.Data()},
			Witness: callJSON{d.Call.Arch, d.Call.NR, d.Call.Args, d.Call.IP},
		}
		if d.ABI != 0 {
			j.Arch = d.ABI.String()
		}
		for _, r := range d.Numbers {
			j.Numbers = append(j.Numbers, [2]uint32{r.Low, r.High})
		}
		out = append(out, j)
	}
	return out
}
