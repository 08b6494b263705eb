package observe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// need is a call that a profile must allow, and for whom.
type need struct {
	name string
	// abis are those on which it was seen, of facts the native ones.
	abis []seccomp.ABI
	// workload and runtime say in which phase it was seen.
	workload, runtime bool
	// facts are the runtimes that are known to make it, occasional those that
	// do so now and then, of calls that were not seen in phase [Runtime].
	facts, occasional []string
	// values are the tuples that were seen, as conditions; any says why all
	// values must be allowed, "" where the listed suffice.
	values [][]policy.Condition
	any    string
}

// needs is all that a profile must allow.
type needs struct {
	calls map[string]*need
	// abis are those through which calls were made, in [needs.machine] the
	// native ones besides.
	abis []seccomp.ABI
	// denied are the calls that filters stopped, numbered those without name.
	denied   map[string]bool
	numbered map[Key]uint64
	lost     uint64
	// noNewPrivs says that no_new_privs is a condition.
	noNewPrivs bool
}

// needs gathers what was seen.
func (o Observation) needs(opts ProfileOptions) *needs {
	n := &needs{calls: map[string]*need{}, denied: map[string]bool{}, numbered: map[Key]uint64{}}
	for _, r := range o.Recordings {
		n.lost = sum(n.lost, r.Lost)
		for k, s := range r.Calls {
			if k.Phase == Workload || opts.concerns(r) {
				n.see(r, k, s, opts)
			}
		}
	}
	return n
}

// concerns reports whether the runtime of a recording is one under which the
// profile must work.
func (o ProfileOptions) concerns(r Recording) bool {
	return o.Runtime == "" || o.Runtime == r.Runtime || o.Runtime != "none" && r.Runtime == ""
}

// see adds one call of a recording.
func (n *needs) see(r Recording, k Key, s Seen, opts ProfileOptions) {
	name, known := syscalls.Name(k.ABI, k.NR)
	made := s.Count > 0 || opts.AllowDenied && s.Denied > 0
	switch {
	case !made && s.Denied > 0 && known:
		n.denied[name] = true
	case made && !known:
		id := Key{ABI: k.ABI, NR: k.NR}
		n.numbered[id] = sum(n.numbered[id], sum(s.Count, s.Denied))
	}
	if !made || !known {
		return
	}
	if !slices.Contains(n.abis, k.ABI) {
		n.abis = append(n.abis, k.ABI)
	}
	c := n.call(name, k.ABI)
	c.workload = c.workload || k.Phase == Workload
	c.runtime = c.runtime || k.Phase == Runtime
	c.seeValues(r, k, s)
}

// call is the need of a name on some ABIs, a new one where there is none.
func (n *needs) call(name string, abis ...seccomp.ABI) *need {
	c := n.calls[name]
	if c == nil {
		c = &need{name: name}
		n.calls[name] = c
	}
	for _, abi := range abis {
		if !slices.Contains(c.abis, abi) {
			c.abis = append(c.abis, abi)
		}
	}
	slices.Sort(c.abis)
	return c
}

// seeValues adds the values with which a call was seen.
func (c *need) seeValues(r Recording, k Key, s Seen) {
	switch {
	case Interesting(k.ABI, k.NR) == nil:
		c.widen(whyNone)
	case s.Values.More:
		c.widen(fmt.Sprintf("more than %d values", MaxValues))
	case !r.Arguments || len(s.Values.Tuples) == 0:
		c.widen("values not recorded")
	}
	for _, t := range s.Values.Tuples {
		c.values = append(c.values, conditions(k.ABI, k.NR, t))
	}
}

// whyNone is the reason of calls that cannot be narrowed, which goes without
// saying.
const whyNone = "no argument to narrow it by"

// widen allows the call with all values, for a reason; of several the last in
// byte order is kept, so that the order of recordings does not show.
func (c *need) widen(why string) { c.any = max(c.any, why) }

// addFacts adds what the runtimes call behind their filter as far as it was
// not recorded, and what they call only now and then in any case.
func (n *needs) addFacts(o Observation, opts ProfileOptions) {
	if opts.Runtime == "none" {
		return
	}
	recorded, runtimes := o.boundaries(opts)
	for _, runtime := range runtimes {
		with, without := false, false // no_new_privs
		for _, r := range recorded {
			if r.Runtime == runtime || r.Runtime == "" {
				with = with || r.NoNewPrivs
				without = without || !r.NoNewPrivs
			}
		}
		n.addRuntime(runtime, with, without, opts)
	}
}

// boundaries are the recordings that are complete for a runtime (from the
// filter to the workload's first call), and the runtimes for which the profile
// is made.
func (o Observation) boundaries(opts ProfileOptions) (recorded []Recording, runtimes []string) {
	for _, r := range o.Recordings {
		if !r.Boundary || !r.Began() || !opts.concerns(r) {
			continue
		}
		recorded = append(recorded, r)
		if known := []string{"runc", "crun"}; slices.Contains(known, r.Runtime) {
			runtimes = append(runtimes, r.Runtime)
		} else {
			runtimes = append(runtimes, known...)
		}
	}
	switch {
	case opts.Runtime != "":
		runtimes = []string{opts.Runtime}
	case len(recorded) == 0:
		runtimes = []string{"crun", "runc"}
	}
	slices.Sort(runtimes)
	return recorded, slices.Compact(runtimes)
}

// addRuntime adds what one runtime calls, of which containers with, and
// without, no_new_privs were recorded. Without, a runtime makes all the calls
// that it makes with, and more.
func (n *needs) addRuntime(runtime string, with, without bool, opts ProfileOptions) {
	demanded := !with // must the profile work without no_new_privs?
	if opts.NoNewPrivs != nil {
		demanded = !*opts.NoNewPrivs
	}
	covered := without || with && !demanded
	n.noNewPrivs = n.noNewPrivs || !demanded && !without
	for _, noNewPrivs := range []bool{true, false} {
		if !noNewPrivs && !demanded && !without {
			continue
		}
		calls, _ := RuntimeCalls(runtime, noNewPrivs)
		for _, f := range calls {
			needed := f.How == Occasional || !covered
			if needed && !(f.Optional && opts.refusesGently()) {
				n.addFact(runtime, f)
			}
		}
	}
}

// refusesGently reports whether a runtime that is refused a call is told so in
// a way that lets it do without, where it can: by EPERM or ENOSYS.
func (o ProfileOptions) refusesGently() bool {
	gentle := []seccomp.Action{seccomp.ReturnErrno(seccomp.EPERM), seccomp.ReturnErrno(seccomp.ENOSYS), seccomp.Log}
	return slices.Contains(gentle, o.refusal()) && slices.Contains(gentle, o.fallback())
}

// addFact adds one call of a runtime, with what values it may make it.
func (n *needs) addFact(runtime string, f RuntimeCall) {
	for _, abi := range n.abis {
		if native(abi) != abi {
			continue
		}
		for _, name := range f.On(abi) {
			c := n.call(name, abi)
			list := &c.facts
			if f.How == Occasional {
				list = &c.occasional
			}
			if !slices.Contains(*list, runtime) {
				*list = append(*list, runtime)
			}
			if nr, _ := syscalls.Number(abi, name); Interesting(abi, nr) == nil {
				c.widen(whyNone)
			} else {
				c.widen("the runtime's values are not known")
			}
		}
	}
}

// sorted are the calls in the order of their names.
func (n *needs) sorted() []*need {
	return slices.SortedFunc(maps.Values(n.calls), func(a, b *need) int { return strings.Compare(a.name, b.name) })
}

// notes are the sentences on what was seen and is not in the profile.
func (n *needs) notes() []string {
	var out, denied []string
	if n.lost > 0 {
		out = append(out, fmt.Sprintf("%d calls are known to be missing in the recordings: the profile may lack what they were.", n.lost))
	}
	for name := range n.denied {
		if n.calls[name] == nil {
			denied = append(denied, name)
		}
	}
	if len(denied) > 0 {
		slices.Sort(denied)
		out = append(out, fmt.Sprintf("A filter stopped these while recording, and the profile does not allow them either: %s.", strings.Join(denied, ", ")))
	}
	for _, k := range slices.SortedFunc(maps.Keys(n.numbered), Key.compare) {
		out = append(out, fmt.Sprintf("Number %#x of %v was called %d times; it has no name that is known, and so no profile can allow it.", k.NR, k.ABI, n.numbered[k]))
	}
	return out
}
