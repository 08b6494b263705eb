package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// change is what becomes of calls from one policy to the other.
type change struct {
	a, b seccomp.Action
	when string // the condition under which, in words; "" where there is none
	some bool   // under conditions for which there are no words
	why  string // which rules decide, where that is of interest
}

// String is the change without its conditions.
func (c change) String() string { return fmt.Sprintf("%v -> %v", c.a, c.b) }

// order is where a change stands: what is no longer allowed first, then what
// is newly so.
func (c change) order() int {
	switch d := (policy.Difference{A: c.a, B: c.b}); {
	case d.Weaker():
		return 0
	case policy.Difference{A: c.b, B: c.a}.Weaker():
		return 1
	}
	return 2
}

// item is one call that changes, or all numbers without a name that do, on the
// ABIs where it changes so.
type item struct {
	change
	name   string // "" for numbers without one
	ranges []string
	places []string
	call   seccomp.Data
}

type itemKey struct {
	name string
	change
}

// entry are the items that change alike in the same places.
type entry struct {
	change
	place string // "" for everywhere
	calls []string
	// ranges are the numbers without a name; several says that they are of
	// several ABIs, where they mean different things.
	ranges  []string
	several bool
	call    seccomp.Data
}

// whole is a change of whole ABIs.
type whole struct {
	change
	places []string
	call   seccomp.Data
	at     string // the place of the call
}

// unlisted are ABIs that one of the policies does not list: their calls have
// one answer there, and whatever they have on the other side.
type unlisted struct {
	whole
	a, b []seccomp.Action
}

// gatherer gathers differences.
type gatherer struct {
	comparison
	items    map[itemKey]*item
	order    []*item
	whole    []*whole
	unlisted []*unlisted
	apart    []seccomp.ABI // those of whole and unlisted
}

func (g *gatherer) add(d policy.Difference) {
	switch sideA, sideB := g.a.unlists(d.Call), g.b.unlists(d.Call); {
	case d.Always && slices.Equal(d.Numbers, everything):
		g.addWhole(d)
	case sideA != sideB:
		g.addUnlisted(d, sideA)
	default:
		g.addItems(d)
	}
}

// unlists reports whether the policy has rules, but not for the ABI of a call.
func (s side) unlists(call seccomp.Data) bool {
	if s.filter != nil {
		return s.filter.Decide(call).Reason == enforce.ByUnlisted
	}
	d, err := s.policy.Decide(call)
	return err == nil && d.Reason == policy.ByUnlisted
}

func (g *gatherer) addWhole(d policy.Difference) {
	g.apart = append(g.apart, d.ABI)
	ch := change{a: d.A, b: d.B}
	i := slices.IndexFunc(g.whole, func(w *whole) bool { return w.change == ch })
	if i < 0 {
		i = len(g.whole)
		g.whole = append(g.whole, &whole{change: ch, call: d.Call, at: where(d)})
	}
	g.whole[i].places = append(g.whole[i].places, where(d))
}

// addUnlisted adds a difference of an ABI that one side does not list. ABIs
// whose differences are between the same answers become one.
func (g *gatherer) addUnlisted(d policy.Difference, byA bool) {
	place := where(d)
	i := slices.IndexFunc(g.unlisted, func(u *unlisted) bool {
		return byA == g.a.unlists(u.call) && (u.places[0] == place || slices.Contains(u.a, d.A) && slices.Contains(u.b, d.B))
	})
	if i < 0 {
		i = len(g.unlisted)
		g.unlisted = append(g.unlisted, &unlisted{whole: whole{change: change{a: d.A, b: d.B}, call: d.Call, at: place}})
	}
	u := g.unlisted[i]
	if was, is := u.change, (change{a: d.A, b: d.B}); !was.a.Allows() && !was.b.Allows() && (d.A.Allows() || d.B.Allows()) {
		u.change, u.call, u.at = is, d.Call, place // what is no longer allowed is the better example
	}
	for _, add := range []struct {
		to  *[]seccomp.Action
		one seccomp.Action
	}{{&u.a, d.A}, {&u.b, d.B}} {
		if !slices.Contains(*add.to, add.one) {
			*add.to = append(*add.to, add.one)
		}
	}
	if !slices.Contains(u.places, place) {
		u.places = append(u.places, place)
		g.apart = append(g.apart, d.ABI)
	}
}

// addItems adds the calls of a difference.
func (g *gatherer) addItems(d policy.Difference) {
	ch := change{a: d.A, b: d.B}
	for _, n := range numberedCalls(d) {
		call, name, text := d.Call, n.text, n.text
		if call.NR = n.first; !n.named {
			name = ""
		}
		if ch.why = g.why(call, d); !d.Always {
			ch.when = g.condition(d, call, name)
			ch.some = ch.when == ""
		}
		key := itemKey{name, ch}
		it := g.items[key]
		if it == nil {
			it = &item{change: ch, name: name, call: call}
			g.items[key] = it
			g.order = append(g.order, it)
		}
		if name == "" {
			it.ranges = append(it.ranges, text)
		}
		if place := where(d); !slices.Contains(it.places, place) {
			it.places = append(it.places, place)
		}
	}
}

// why tells the rules apart that decide about a call, if they are shown.
func (g *gatherer) why(call seccomp.Data, d policy.Difference) string {
	if !g.readings {
		return ""
	}
	a, b := g.a.reason(call, d.A), g.b.reason(call, d.B)
	return fmt.Sprint(a.by, a.origin.Rule, b.by, b.origin.Rule)
}

// entries are the items as entries, in the order in which they are told.
func (g *gatherer) entries() []*entry {
	type key struct {
		change
		place string
	}
	byKey := map[key]*entry{}
	var out []*entry
	scope := g.scope()
	for _, it := range g.order {
		k := key{it.change, it.place(scope)}
		e := byKey[k]
		if e == nil {
			e = &entry{change: it.change, place: k.place, call: it.call}
			byKey[k] = e
			out = append(out, e)
		}
		if it.name != "" {
			e.calls = append(e.calls, it.name)
			continue
		}
		e.ranges, e.several = append(e.ranges, it.ranges...), len(it.places) > 1
	}
	slices.SortStableFunc(out, func(a, b *entry) int { return cmp.Compare(a.change.order(), b.change.order()) })
	return out
}

// place is where an item changes: "" for all ABIs of the scope that have it,
// where these are several.
func (it *item) place(scope []seccomp.ABI) string {
	for _, abi := range scope {
		_, has := syscalls.Number(abi, it.name)
		if len(scope) == 1 || (has || it.name == "") && !slices.Contains(it.places, abi.String()) {
			return strings.Join(it.places, ", ")
		}
	}
	return ""
}

// scope are the ABIs that either policy does not stop altogether, without those
// that are told apart.
func (g *gatherer) scope() []seccomp.ABI {
	var out []seccomp.ABI
	for _, abi := range seccomp.ABIs() {
		if !slices.Contains(g.apart, abi) && (g.a.serves(abi) || g.b.serves(abi)) {
			out = append(out, abi)
		}
	}
	return out
}

// serves reports whether a call of the ABI is answered by anything else than
// death.
func (s side) serves(abi seccomp.ABI) bool {
	for nr := range syscalls.All(abi) {
		switch s.policy.Eval(seccomp.Data{Arch: abi.Arch(), NR: nr}).Kind() {
		case seccomp.KillThread, seccomp.KillProcess:
		default:
			return true
		}
	}
	return false
}

// list are the calls of an entry: the names, and of the numbers without one
// only how many ranges there are where these are many.
func (e *entry) list() []string {
	const most = 3
	list, and := slices.Clone(e.calls), ""
	if len(list) > 0 {
		and = "and "
	}
	switch {
	case len(e.ranges) == 0:
	case e.several:
		list = append(list, and+"numbers without a name")
	case len(list) > 0 && len(e.ranges) > most:
		list = append(list, fmt.Sprintf("and %d ranges of numbers without a name", len(e.ranges)))
	default:
		list = append(list, e.ranges...)
	}
	return list
}
