package observe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// SummaryOptions say what to compare an observation with.
type SummaryOptions struct {
	// StartUp is how long the start of a workload takes: calls that were made
	// in that time of each recording, and not later, are marked. 0 marks none.
	StartUp time.Duration
	// Reference is a profile to compare with, as it is read in Env, whose ABI
	// does not count; nil compares with none.
	Reference *profile.Profile
	Env       profile.Env
}

// Summary is what an observation comes to.
type Summary struct {
	Recordings int
	// Distinct is the number of different names of calls that were made;
	// Reference how many names the reference allows on the same ABIs, if only
	// with some arguments.
	Distinct, Reference int
	// Made and Denied count single calls, Lost those that are missing.
	Made, Denied, Lost uint64
	ABIs               []seccomp.ABI
	// Calls are ordered by ABI and number, Executables by path and phase.
	Calls       []CallSummary
	Executables []ExecutableSummary
	// Limits are those of the recordings, each once, sorted.
	Limits []string
}

// CallSummary is what was seen of one call, in all recordings.
type CallSummary struct {
	ABI  seccomp.ABI
	NR   uint32
	Name string // "" where the number has none
	// Made is how often, Denied how often a filter stopped it.
	Made, Denied uint64
	// First and Last are in nanoseconds since the Unix epoch, 0 where no
	// recorder knew.
	First, Last int64
	// Workload and Runtime are the phases in which it was seen.
	Workload, Runtime bool
	// StartUp says that it was made at the start of the workload only; false
	// where the times are not known.
	StartUp bool
	// Beyond says that the reference never allows it.
	Beyond bool
	// Risk is why it is worth a second look, "" for most: [syscalls.Risk].
	Risk string
	// Executables are the paths of those that made it, sorted; "" is one that
	// is not known.
	Executables []string
	// Stopped are those whose calls a filter stopped, in the same order.
	Stopped []Program
}

// Program is who makes calls: an executable in a phase.
type Program struct {
	Phase Phase
	Path  string // "" where it is not known, and of the runtime
}

func (p Program) compare(o Program) int {
	return cmp.Or(strings.Compare(p.Path, o.Path), cmp.Compare(p.Phase, o.Phase))
}

// ExecutableSummary is what one program did in one phase, in all recordings.
type ExecutableSummary struct {
	Phase Phase
	Path  string // "" where it is not known
	// Distinct is the number of different names, or numbers without one.
	Distinct     int
	Made, Denied uint64
}

// Summary sums the observation up. The error is that of a reference which
// cannot be resolved.
func (o Observation) Summary(opts SummaryOptions) (Summary, error) {
	s := summing{opts: opts, calls: map[Key]*CallSummary{}, executables: map[Key]*ExecutableSummary{}, names: map[Key]map[string]bool{}}
	s.Recordings = len(o.Recordings)
	for _, r := range o.Recordings {
		s.Lost = sum(s.Lost, r.Lost)
		s.Limits = append(s.Limits, r.Limits...)
		for _, k := range r.Keys() {
			s.add(r, k, r.Calls[k])
		}
	}
	slices.Sort(s.Limits)
	s.Limits = slices.Compact(s.Limits)
	s.order()
	return s.Summary, s.compare()
}

// summing is a summary in the making.
type summing struct {
	Summary
	opts        SummaryOptions
	calls       map[Key]*CallSummary       // by ABI and number alone
	executables map[Key]*ExecutableSummary // by phase and executable alone
	names       map[Key]map[string]bool    // so as well; those made
}

// add adds a call of a recording.
func (s *summing) add(r Recording, k Key, seen Seen) {
	id := Key{ABI: k.ABI, NR: k.NR}
	c := s.calls[id]
	if c == nil {
		name, _ := syscalls.Name(k.ABI, k.NR)
		risk, _ := syscalls.Risk(name)
		c = &CallSummary{ABI: k.ABI, NR: k.NR, Name: name, Risk: risk, StartUp: true}
		s.calls[id] = c
	}
	c.Made = sum(c.Made, seen.Count)
	c.Denied = sum(c.Denied, seen.Denied)
	c.First, c.Last = earliest(c.First, seen.First), max(c.Last, seen.Last)
	c.Workload = c.Workload || k.Phase == Workload
	c.Runtime = c.Runtime || k.Phase == Runtime
	c.StartUp = c.StartUp && s.atStart(r, seen)
	if !slices.Contains(c.Executables, k.Executable) {
		c.Executables = append(c.Executables, k.Executable)
	}
	by := Program{k.Phase, k.Executable}
	if seen.Denied > 0 && !slices.Contains(c.Stopped, by) {
		c.Stopped = append(c.Stopped, by)
	}
	program := Key{Phase: k.Phase, Executable: k.Executable}
	e := s.executables[program]
	if e == nil {
		e = &ExecutableSummary{Phase: k.Phase, Path: k.Executable}
		s.executables[program] = e
		s.names[program] = map[string]bool{}
	}
	e.Made = sum(e.Made, seen.Count)
	e.Denied = sum(e.Denied, seen.Denied)
	s.names[program][cmp.Or(c.Name, fmt.Sprint(k.ABI, k.NR))] = true
	s.Made = sum(s.Made, seen.Count)
	s.Denied = sum(s.Denied, seen.Denied)
}

// atStart reports whether a call was made at the start of a recording only, of
// a recording that went on.
func (s *summing) atStart(r Recording, seen Seen) bool {
	until := r.Start + int64(s.opts.StartUp)
	return s.opts.StartUp > 0 && r.Start > 0 && seen.Last > 0 && seen.Last <= until && r.End > until
}

// order puts all that was added into its order.
func (s *summing) order() {
	made := map[string]bool{}
	for _, id := range slices.SortedFunc(maps.Keys(s.calls), Key.compare) {
		c := s.calls[id]
		slices.Sort(c.Executables)
		slices.SortFunc(c.Stopped, Program.compare)
		s.Calls = append(s.Calls, *c)
		if c.Made > 0 && c.Name != "" {
			made[c.Name] = true
		}
		if !slices.Contains(s.ABIs, c.ABI) {
			s.ABIs = append(s.ABIs, c.ABI)
		}
	}
	s.Distinct = len(made)
	for program, e := range s.executables {
		e.Distinct = len(s.names[program])
		s.Executables = append(s.Executables, *e)
	}
	slices.SortFunc(s.Executables, func(a, b ExecutableSummary) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Phase, b.Phase))
	})
}

// compare compares with the reference.
func (s *summing) compare() error {
	if s.opts.Reference == nil || len(s.ABIs) == 0 {
		return nil
	}
	allowed := map[string]bool{}
	for _, abi := range s.ABIs {
		p, err := reference(s.opts, abi)
		if err != nil {
			return err
		}
		for nr, name := range syscalls.All(abi) {
			if may(p, abi, nr) {
				allowed[name] = true
			}
		}
		for i := range s.Calls {
			if c := &s.Calls[i]; c.ABI == abi {
				c.Beyond = !may(p, abi, c.NR)
			}
		}
	}
	s.Reference = len(allowed)
	return nil
}

// reference is the policy of the reference on a machine that has an ABI; nil
// where it is none.
func reference(opts SummaryOptions, abi seccomp.ABI) (*policy.Policy, error) {
	env := opts.Env
	env.ABI = native(abi)
	r, err := opts.Reference.Resolve(env)
	if err != nil || r.Unconfined {
		return nil, err
	}
	rules, _, err := r.Rules()
	if err != nil {
		return nil, err
	}
	return policy.Build(rules)
}

// may reports whether a policy allows a call, if only with some arguments.
func may(p *policy.Policy, abi seccomp.ABI, nr uint32) bool {
	if p == nil {
		return true
	}
	answers, err := p.Consider(seccomp.Data{Arch: abi.Arch(), NR: nr}, 0)
	return err == nil && slices.ContainsFunc(answers, func(c policy.Candidate) bool { return c.Action.Allows() })
}
