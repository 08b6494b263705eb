package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file writes what explain finds.

// printExplanation prints what happens to one call:
//
//	socket(AF_VSOCK, _, _), number 41 of x86_64: ERRNO(EPERM)
//	  web.json:2:20 (default)
func (t *terminal) printExplanation(x explanation) error {
	if err := t.printOutcomes(x); err != nil {
		return err
	}
	for _, p := range x.passed {
		t.printf("  not %s: %s\n", reasonOf(*p.Rule), p.Why)
	}
	_, certain := x.certain()
	for _, m := range x.misread {
		t.printf("  the profile says %v to %s, %s\n", m.written.action, witnessText(m.call), m.written.reason())
		if !certain {
			t.printf("  the runtime answers %v, %s\n", m.enforced.action, m.enforced.reason())
		}
	}
	if x.since != (seccomp.Version{}) {
		t.printf("  Linux %v has no such call for programs of %v, which came with %v: where it is allowed it fails with ENOSYS\n", x.kernel, x.asked.abi, x.since)
	}
	return nil
}

// reasonOf is a rule with its place.
func reasonOf(r policy.Rule) string {
	return outcome{by: "rule", origin: r.Origin, rule: r.String()}.reason()
}

// printOutcomes prints what may happen, and what decides.
func (t *terminal) printOutcomes(x explanation) error {
	verdict := "depends on what is not known"
	if action, ok := x.certain(); ok {
		verdict = action.String()
	}
	t.printf("%v, number %s of %v: %s\n", x.asked, numberOn(x.asked.abi, x.asked.data.NR), x.asked.abi, verdict)
	switch {
	case x.text != "":
		t.printf("%s", indent(x.text))
		return nil
	case len(x.outcomes) == 1:
		t.printf("  %s\n", x.outcomes[0].reason())
		t.quote(x.outcomes...)
		return nil
	}
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	for _, o := range x.outcomes {
		fmt.Fprintf(w, "  %v\t%s\t%s\n", o.action, o.place(), x.when(o))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	t.quote(x.outcomes...)
	return nil
}

// quote prints the lines that decide where the user has no file to look into.
func (t *terminal) quote(outcomes ...outcome) {
	for _, o := range outcomes {
		if o.line != "" {
			t.printf("  %4d | %s\n", o.origin.Line, o.line)
		}
	}
}

// printExplanations prints one line for each outcome of each call.
func (t *terminal) printExplanations(list []explanation) error {
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CALL\tVERDICT\tBY")
	for _, x := range list {
		switch o := x.outcomes[0]; {
		case len(x.outcomes) == 1:
			fmt.Fprintf(w, "%s\t%v\t%s\n", x.asked.name, o.action, o.place())
		case x.text != "":
			fmt.Fprintf(w, "%s\tdepends\tsee: callgate explain POLICY %s\n", x.asked.name, x.asked.name)
		default:
			for _, o := range x.outcomes {
				fmt.Fprintf(w, "%s\t%v\t%s, %s\n", x.asked.name, o.action, o.place(), x.whenInTable(o))
			}
		}
	}
	return w.Flush()
}

// when writes the conditions of an outcome.
func (x explanation) when(o outcome) string {
	if len(o.when) == 0 {
		return "otherwise"
	}
	parts := make([]string, len(o.when))
	for i, c := range o.when {
		parts[i] = conditionText(x.asked.abi, x.asked.name, c)
	}
	return "if " + strings.Join(parts, " && ")
}

// tableColumn is how long a condition may be in bytes in the table of all
// calls. The names of eight flags are longer.
const tableColumn = 60

// whenInTable is when without the names of values where it is too long.
func (x explanation) whenInTable(o outcome) string {
	if text := x.when(o); len(text) <= tableColumn {
		return text
	}
	return "if " + strings.Join(conditions(o.when), " && ")
}

// reason says what decides, and where it stands.
func (o outcome) reason() string {
	text := o.place()
	if o.rule != "" {
		text += ": " + o.rule
	}
	if o.note != "" && o.rule != "" {
		text += " (" + o.note + ")"
	}
	return text
}

// place is where what decides stands, or what it is.
func (o outcome) place() string {
	switch at := o.origin.String(); {
	case at == "":
		return o.by
	case o.by == "rule":
		return at
	default:
		return at + " (" + o.by + ")"
	}
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// The form of explanations for programs.
type (
	explanationJSON struct {
		Syscall  string        `json:"syscall,omitempty"`
		Arch     string        `json:"arch"`
		NR       uint32        `json:"nr"`
		Args     []*uint64     `json:"args,omitempty"` // null: not known
		Outcomes []outcomeJSON `json:"outcomes"`
		Text     string        `json:"text,omitempty"`
		// Rules that match and do not decide, and what the profile says where
		// the runtime does otherwise.
		Passed  []passedJSON  `json:"passed,omitempty"`
		Misread []misreadJSON `json:"misread,omitempty"`
		// The kernel that brought the call, where that of --kernel is older.
		Since string `json:"since,omitempty"`
	}
	passedJSON struct {
		Origin string `json:"origin,omitempty"`
		Rule   string `json:"rule"`
		Why    string `json:"why"`
	}
	misreadJSON struct {
		Witness  callJSON    `json:"witness"`
		Enforced outcomeJSON `json:"enforced"`
		Written  outcomeJSON `json:"written"`
	}
	outcomeJSON struct {
		Action string   `json:"action"`
		Data   uint16   `json:"data"`
		When   []string `json:"when,omitempty"`
		By     string   `json:"by"`
		Origin string   `json:"origin,omitempty"`
		Rule   string   `json:"rule,omitempty"`
		Note   string   `json:"note,omitempty"`
	}
)

func (o outcome) json() outcomeJSON {
	return outcomeJSON{
		Action: o.action.KindName(), Data: o.action.Data(), When: conditions(o.when),
		By: o.by, Origin: o.origin.String(), Rule: o.rule, Note: o.note,
	}
}

func jsonOfCall(d seccomp.Data) callJSON { return callJSON{d.Arch, d.NR, d.Args, d.IP} }

func explanationsJSON(list []explanation) []explanationJSON {
	out := make([]explanationJSON, 0, len(list))
	for _, x := range list {
		j := explanationJSON{Syscall: x.asked.name, Arch: x.asked.abi.String(), NR: x.asked.data.NR, Text: x.text}
		if x.asked.known != 0 {
			j.Args = make([]*uint64, len(x.asked.data.Args))
			for i := range j.Args {
				if x.asked.known>>i&1 == 1 {
					j.Args[i] = &x.asked.data.Args[i]
				}
			}
		}
		for _, o := range x.outcomes {
			j.Outcomes = append(j.Outcomes, o.json())
		}
		for _, p := range x.passed {
			j.Passed = append(j.Passed, passedJSON{p.Rule.Origin.String(), p.Rule.String(), p.Why})
		}
		for _, m := range x.misread {
			j.Misread = append(j.Misread, misreadJSON{jsonOfCall(m.call), m.enforced.json(), m.written.json()})
		}
		if x.since != (seccomp.Version{}) {
			j.Since = x.since.String()
		}
		out = append(out, j)
	}
	return out
}

func conditions(when []policy.Condition) []string {
	out := make([]string, len(when))
	for i, c := range when {
		out[i] = c.String()
	}
	return out
}
