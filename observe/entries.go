package observe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/syscalls"
)

// This file arranges what must be allowed into the entries of a profile: the
// workload's calls by purpose, then those that are the runtime's alone.

// entries are the entries of a profile that allow all that is needed.
func (n *needs) entries(opts ProfileOptions) []profile.Rule {
	byPurpose := map[string][]*need{}
	var recorded, facts, occasional []*need
	for _, c := range n.sorted() {
		switch {
		case c.workload:
			p := syscalls.Purpose(c.name)
			byPurpose[p] = append(byPurpose[p], c)
		case c.runtime:
			recorded = append(recorded, c)
		case len(c.facts) > 0:
			facts = append(facts, c)
		default:
			occasional = append(occasional, c)
		}
	}
	var out []profile.Rule
	for _, p := range syscalls.Purposes() {
		out = append(out, allow(p+": "+syscalls.PurposeText(p), byPurpose[p], opts)...)
	}
	condition := ""
	if n.noNewPrivs {
		condition = "; containers need no-new-privileges to start with these alone"
	}
	out = append(out, allow(n.runtimeComment("recorded"+condition, func(c *need) []string {
		if c.runtime {
			return []string{""}
		}
		return nil
	}), recorded, opts)...)
	out = append(out, allow(n.runtimeComment("not recorded, from facts"+condition, func(c *need) []string { return c.facts }), facts, opts)...)
	return append(out, allow(n.runtimeComment("only now and then, from facts", func(c *need) []string { return c.occasional }), occasional, opts)...)
}

// runtimeComment says of the runtime's calls of one kind how they are known,
// which runtimes make them, and which of them the workload makes too.
func (n *needs) runtimeComment(how string, made func(*need) []string) string {
	var runtimes, shared []string
	for _, c := range n.sorted() {
		by := made(c)
		runtimes = append(runtimes, by...)
		if len(by) > 0 && c.workload {
			shared = append(shared, c.name)
		}
	}
	slices.Sort(runtimes)
	runtimes = slices.DeleteFunc(slices.Compact(runtimes), func(s string) bool { return s == "" })
	who := "the container runtime"
	if len(runtimes) > 0 {
		who += " (" + strings.Join(runtimes, ", ") + ")"
	}
	comment := fmt.Sprintf("runtime: calls of %s between the filter and the workload, %s", who, how)
	if len(shared) > 0 {
		comment += "; of those above also " + strings.Join(shared, " ")
	}
	return comment
}

// allow are entries for calls of one kind: one for those that are allowed with
// all values, then one for each way in which the others are.
func allow(comment string, calls []*need, opts ProfileOptions) []profile.Rule {
	var whole []string
	why := map[string][]string{} // the calls, by the reason why all values are allowed
	var out []profile.Rule
	for _, c := range calls {
		if opts.Arguments && c.any == "" && len(c.values) > 0 {
			out = append(out, c.narrowed()...)
			continue
		}
		whole = append(whole, c.name)
		if opts.Arguments && c.any != "" && c.any != whyNone {
			why[c.any] = append(why[c.any], c.name)
		}
	}
	if len(whole) == 0 {
		if len(out) > 0 {
			out[0].Comment.Value = comment + "; " + out[0].Comment.Value
		}
		return out
	}
	lead := "; not narrowed: "
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		comment += fmt.Sprintf("%s%s (%s)", lead, strings.Join(why[reason], ", "), reason)
		lead = "; "
	}
	r := profile.Rule{Comment: profile.Text{Value: comment}, Names: texts(whole), Action: profile.Text{Value: "SCMP_ACT_ALLOW"}}
	return append([]profile.Rule{r}, out...)
}

// narrowed are entries that allow a call with the values that were seen.
func (c *need) narrowed() []profile.Rule {
	var out []profile.Rule
	for _, when := range simplify(c.values) {
		out = append(out, profile.Rule{
			Names:  texts([]string{c.name}),
			Action: profile.Text{Value: "SCMP_ACT_ALLOW"},
			Args:   argsOf(when),
		})
	}
	out[0].Comment.Value = c.name + ": the values that were seen"
	return out
}
