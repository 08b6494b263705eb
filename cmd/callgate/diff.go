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
		Short:   "Show what two policies answer differently, each with a call as witness",
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
		t.printf("%s %s: %v -> %v\n", where(d), strings.Join(numbers(d), ", "), d.A, d.B)
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
		t.printf("every call of %s: %v -> %v\n", strings.Join(places, ", "), c.a, c.b)
		t.printf("    such as %s of %s\n", witnessText(whole[c][0].Call), places[0])
	}
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

// longestRange is the longest range of numbers that is told call by call.
const longestRange = 4096

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

func rangeText(abi seccomp.ABI, r policy.Range) []string {
	if r.High-r.Low >= longestRange {
		return []string{numberRange(abi, r.Low, r.High)}
	}
	var out []string
	gap := r.Low // first number that is not told yet
	for nr := r.Low; ; nr++ {
		name, ok := syscalls.Name(abi, nr)
		if ok && gap < nr {
			out = append(out, numberRange(abi, gap, nr-1))
		}
		if ok {
			out = append(out, name)
			gap = nr + 1
		}
		if nr == r.High {
			if !ok {
				out = append(out, numberRange(abi, gap, nr))
			}
			return out
		}
	}
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
