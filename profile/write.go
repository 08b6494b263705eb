package profile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// ErrInexpressible is matched by the errors of [FromRules].
var ErrInexpressible = errors.New("an OCI profile cannot express it")

// Write writes r as a document that every engine reads alike: an OCI object,
// indented, with a newline at the end. The same r gives the same bytes. The
// document of an unconfined r is {}.
func Write(w io.Writer, r Resolved) error {
	var doc any = r
	if r.Unconfined {
		doc = struct{}{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// FromRules is the profile that states the given rules: [Resolved.Rules] of
// it, on a machine with one of their ABIs, make the same policy. Rules with
// the same action and conditions share an entry; entries and names are
// sorted, so that equal rules give equal profiles in whatever order they come.
//
// The error matches [ErrInexpressible], and names every rule to which it
// applies, where a profile has no words for the rules: data behind TRAP, an
// action other than KILL_THREAD for unlisted ABIs, numbers without a name,
// and rules that treat a call in one way on one ABI and otherwise on another.
//
// Runtimes take several conditions on one argument for alternatives. Rules
// that have them are written as they are, and [Parse] warns of them.
func FromRules(rules policy.Rules) (Resolved, error) {
	w := &writer{rules: rules, sequence: map[topic]map[seccomp.ABI][]int{}}
	out := Resolved{}
	out.DefaultAction, out.DefaultErrnoRet = w.action("the default action", rules.Default)
	if a := rules.Unlisted.Canonical(); a != seccomp.KillThread {
		w.fail("%v for unlisted ABIs (runtimes kill the thread)", a)
	}
	for _, abi := range sortedABIs(rules.ABIs) {
		out.Architectures = append(out.Architectures, abi.OCI())
	}
	if len(rules.ABIs) > 0 {
		out.Native = rules.ABIs[0]
	}
	out.Syscalls = w.entries()
	if len(w.errs) > 0 {
		return Resolved{}, errors.Join(w.errs...)
	}
	return out, nil
}

func sortedABIs(abis []seccomp.ABI) []seccomp.ABI {
	return slices.Compact(slices.Sorted(slices.Values(abis)))
}

type writer struct {
	rules policy.Rules
	errs  []error
	// sequence holds, for each topic and ABI, the statements made on it in
	// their order.
	sequence map[topic]map[seccomp.ABI][]int
}

// topic is what statements are about whose order among each other counts:
// one call, or all that go through one multiplexer, and one kind of action.
type topic struct {
	name string
	kind seccomp.Action
}

func (w *writer) fail(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrInexpressible))
}

// action is an action in the words of a profile.
func (w *writer) action(what string, a seccomp.Action) (string, *uint64) {
	a = a.Canonical()
	name := "SCMP_ACT_" + a.KindName()
	data := uint64(a.Data())
	switch a.Kind() {
	case seccomp.Err, seccomp.Trace:
		return name, &data
	case seccomp.Trap:
		if data != 0 {
			w.fail("%s: %v", what, a)
		}
	}
	return name, nil
}

// statement is what rules say of one call: an entry of a profile but for its
// other names.
type statement struct {
	name   string
	rule   policy.Rule // the first that says it
	abis   []seccomp.ABI
	action seccomp.Action
	when   []policy.Condition
	topic  topic
	// epoch counts how often, in the rules before, the data of this kind of
	// action changed for this topic. Where two rules of one kind match, the
	// data of the first counts: sorting by epoch keeps them in order.
	epoch int
}

// entries are the statements of the rules, those that differ in nothing but
// the name joined.
func (w *writer) entries() []ResolvedRule {
	all := w.statements()
	slices.SortStableFunc(all, func(a, b statement) int {
		return cmp.Or(a.compareEntry(b), strings.Compare(a.name, b.name))
	})
	var out []ResolvedRule
	for i, s := range all {
		if i > 0 && s.compareEntry(all[i-1]) == 0 {
			last := &out[len(out)-1]
			if !slices.Contains(last.Names, s.name) {
				last.Names = append(last.Names, s.name)
			}
			continue
		}
		action, errnoRet := w.action(s.name, s.action)
		out = append(out, ResolvedRule{Names: []string{s.name}, Action: action, ErrnoRet: errnoRet, Args: argsOf(s.when)})
	}
	return out
}

// compareEntry orders statements by all but the name: strictest first, then
// in an order that keeps what they mean.
func (s statement) compareEntry(o statement) int {
	return cmp.Or(
		cmp.Compare(int32(s.action.Kind()), int32(o.action.Kind())),
		cmp.Compare(s.epoch, o.epoch),
		cmp.Compare(s.action, o.action),
		slices.CompareFunc(s.when, o.when, compareConditions),
	)
}

func compareConditions(a, b policy.Condition) int {
	return cmp.Or(cmp.Compare(a.Arg, b.Arg), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Mask, b.Mask))
}

// statements are what the rules say of each call on all ABIs, in the order in
// which they say it first. A rule for some ABIs counts once others say the
// same for the rest.
func (w *writer) statements() []statement {
	var all []statement
	known := map[string]int{} // by name, action and conditions: index into all
	for _, r := range w.rules.Rules {
		s := statement{name: w.name(r), rule: r, action: r.Action.Canonical(), when: canonicalConditions(r.When)}
		if s.name == "" {
			continue
		}
		s.topic = topic{w.entrance(s.name), s.action.Kind()}
		key := fmt.Sprint(s.name, s.action, s.when)
		at, ok := known[key]
		if !ok {
			at = len(all)
			known[key] = at
			all = append(all, s)
		}
		for _, abi := range w.abis(r) {
			w.said(&all[at], at, abi)
		}
	}
	for i := range all {
		w.complete(&all[i])
	}
	w.order(all)
	return all
}

// said notes that statement number at is made for an ABI.
func (w *writer) said(s *statement, at int, abi seccomp.ABI) {
	if slices.Contains(s.abis, abi) {
		return
	}
	s.abis = append(s.abis, abi)
	if !hasCall(abi, s.name) {
		return
	}
	if w.sequence[s.topic] == nil {
		w.sequence[s.topic] = map[seccomp.ABI][]int{}
	}
	w.sequence[s.topic][abi] = append(w.sequence[s.topic][abi], at)
}

// complete reports a statement that is not made for each ABI of the policy
// that has the call.
func (w *writer) complete(s *statement) {
	for _, abi := range w.rules.ABIs {
		if !slices.Contains(s.abis, abi) && hasCall(abi, s.name) {
			w.fail("rule %v: it does not stand for %v, which has the call", s.rule, abi)
		}
	}
}

// entrance is the name of the multiplexer through which one of the policy's
// ABIs makes a call, or the call's own name.
func (w *writer) entrance(name string) string {
	for _, abi := range w.rules.ABIs {
		if m, ok := syscalls.Through(abi, name); ok {
			return m.By
		}
	}
	return name
}

func hasCall(abi seccomp.ABI, name string) bool {
	_, direct := syscalls.Number(abi, name)
	_, mux := syscalls.Through(abi, name)
	return direct || mux
}

// order numbers the epochs, and reports statements that come in one order for
// one ABI and in another for another, where the order counts.
func (w *writer) order(all []statement) {
	last := map[topic]*statement{}
	for i := range all {
		s := &all[i]
		before := last[s.topic]
		last[s.topic] = s
		if before == nil {
			continue
		}
		s.epoch = before.epoch
		if before.action == s.action {
			continue
		}
		s.epoch++
		for _, sequence := range w.sequence[s.topic] {
			if !slices.IsSorted(sequence) {
				w.fail("rule %v: rules of its kind stand in one order for one ABI and in another for another", s.rule)
				break
			}
		}
	}
}

// canonicalConditions are conditions in the order of their arguments, each
// once.
func canonicalConditions(when []policy.Condition) []policy.Condition {
	var out []policy.Condition
	for _, c := range when {
		switch {
		case c.Op != policy.MaskedEQ:
			c.Mask = 0
		case c.Value < 1<<31:
			// A larger value can be a negative number of 32 bits, which has
			// to stay recognizable as one.
			c.Value &= c.Mask
		}
		out = append(out, c)
	}
	slices.SortFunc(out, compareConditions)
	return slices.Compact(out)
}

// abis are those of the policy for which a rule stands.
func (w *writer) abis(r policy.Rule) []seccomp.ABI {
	if len(r.ABIs) == 0 {
		return w.rules.ABIs
	}
	return r.ABIs
}

// name is the name of a rule's call, empty where there is none.
func (w *writer) name(r policy.Rule) string {
	if r.Syscall != "" {
		return r.Syscall
	}
	found := ""
	for _, abi := range w.abis(r) {
		name, ok := syscalls.Name(abi, r.Number)
		if _, mux := syscalls.Through(abi, name); !ok || mux || found != "" && name != found {
			w.fail("rule %v: number %d is not one call on all its ABIs, by that number alone", r, r.Number)
			return ""
		}
		found = name
	}
	return found
}

func argsOf(when []policy.Condition) []ResolvedArg {
	var out []ResolvedArg
	for _, c := range when {
		a := ResolvedArg{Index: uint64(c.Arg), Value: c.Value, Op: opName(c.Op)}
		if c.Op == policy.MaskedEQ {
			a.Value, a.ValueTwo = c.Mask, c.Value
		}
		out = append(out, a)
	}
	return out
}

func opName(op policy.Op) string {
	for name, o := range opNames {
		if o == op {
			return name
		}
	}
	return op.String()
}
