// Package observe holds what a workload did: which system calls it made, by
// which of its programs, before or after its container runtime had started it,
// and which of them a filter stopped.
//
// An [Observation] is a set of recordings, and a [Recording] a set of calls
// with counts. Merging is union: in any order and any number of times, with
// the same bytes as the result, so that observations of many runs and machines
// can be gathered without care. [Read] and [Observation.Write] keep them as
// JSON lines.
//
// Recorders are in the packages below this one.
package observe

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// Phase says on whose behalf a call was made.
type Phase uint8

const (
	// Workload is what the recording is about.
	Workload Phase = iota
	// Runtime is the container runtime, from the moment at which it had
	// installed the container's filter to the execve of the workload, with
	// that. A profile must allow these calls, or the container does not start.
	Runtime
)

// String is "workload" or "runtime".
func (p Phase) String() string {
	if p == Runtime {
		return "runtime"
	}
	return "workload"
}

// Key names a call, and who made it.
type Key struct {
	Phase Phase
	// Executable is the path that was given to the exec which made the
	// process what it is; "" where that is not known.
	Executable string
	ABI        seccomp.ABI
	// NR is the number as a filter sees it, on x32 with bit 30.
	NR uint32
}

func (k Key) compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Phase, o.Phase),
		cmp.Compare(k.Executable, o.Executable),
		cmp.Compare(k.ABI, o.ABI),
		cmp.Compare(k.NR, o.NR),
	)
}

// Seen is how a call was seen.
type Seen struct {
	// Count is how often it was made and no filter stopped it.
	Count uint64
	// Denied is how often a filter stopped it.
	Denied uint64
	// First and Last are when, in nanoseconds since the Unix epoch and to the
	// resolution of the recorder, a second at the worst; 0 where the recorder
	// does not know.
	First, Last int64
	// Values are those of the arguments that [Interesting] names. They are
	// empty in a recording without Arguments.
	Values Values
}

// join is the least Seen that is no less than both: of two snapshots of one
// recording the later, in whatever order they come.
func (s Seen) join(o Seen) Seen {
	return Seen{
		Count:  max(s.Count, o.Count),
		Denied: max(s.Denied, o.Denied),
		First:  earliest(s.First, o.First),
		Last:   max(s.Last, o.Last),
		Values: s.Values.Union(o.Values),
	}
}

// sum adds counts, up to the largest that there can be.
func sum(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint64
}

// earliest is the lower of two times of which 0 means none.
func earliest(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// MaxValues is how many tuples of argument values are kept of one call.
const MaxValues = 64

// Values are the tuples of argument values that were seen of a call.
type Values struct {
	// Tuples are sorted and differ from each other. They all have the length
	// of what [Interesting] returns.
	Tuples [][]uint64
	// More says that there were more than MaxValues, none of which is listed.
	More bool
}

// Union has the tuples of both, or none where that are too many.
func (v Values) Union(o Values) Values {
	if v.More || o.More {
		return Values{More: true}
	}
	all := slices.Concat(v.Tuples, o.Tuples)
	slices.SortFunc(all, slices.Compare)
	all = slices.CompactFunc(all, slices.Equal)
	if len(all) > MaxValues {
		return Values{More: true}
	}
	return Values{Tuples: all}
}

// Recording is what one recorder saw of one run of a workload.
type Recording struct {
	// ID tells recordings apart: 32 hexadecimal digits, drawn at random.
	ID string
	// Recorder is "ebpf", "notify", "ptrace", "strace" or "audit".
	Recorder string
	// Target is the command line as it was typed, or what was attached to.
	Target []string
	// Start and End are in nanoseconds since the Unix epoch; 0 is not known.
	Start, End int64
	// Kernel is the version under which the workload ran; zero is not known.
	Kernel seccomp.Version
	// Runtime is what started the container, as in "runc"; "" where none did
	// or it is not known.
	Runtime string
	// Boundary says that the installation of the container's filter was
	// seen, so that the calls of [Runtime] are complete where the workload
	// [Recording.Began].
	Boundary bool
	// NoNewPrivs says that the workload ran with no_new_privs.
	NoNewPrivs bool
	// Arguments says that the values of arguments were recorded.
	Arguments bool
	// Lost is how many calls are known to be missing: 0 means that none is.
	Lost uint64
	// Limits are sentences on what this recorder could not tell apart.
	Limits []string
	// Calls are what was seen.
	Calls map[Key]Seen
}

// Keys are the calls in their order: by phase, executable, ABI and number.
func (r Recording) Keys() []Key {
	return slices.SortedFunc(maps.Keys(r.Calls), Key.compare)
}

// Began reports whether the workload was seen to make, or to try, a call. A
// container whose program was never executed has calls of [Runtime] alone, and
// not all of those: a profile of them starts nothing.
func (r Recording) Began() bool {
	for k := range r.Calls {
		if k.Phase == Workload {
			return true
		}
	}
	return false
}

// Add merges s into what was seen of a call.
func (r *Recording) Add(k Key, s Seen) {
	if r.Calls == nil {
		r.Calls = map[Key]Seen{}
	}
	r.Calls[k] = r.Calls[k].join(s)
}

// join merges two states of the same recording.
func (r Recording) join(o Recording) Recording {
	calls := maps.Clone(r.Calls)
	limits := slices.Concat(r.Limits, o.Limits)
	slices.Sort(limits)
	j := Recording{
		ID:         r.ID,
		Recorder:   max(r.Recorder, o.Recorder),
		Target:     r.Target,
		Start:      earliest(r.Start, o.Start),
		End:        max(r.End, o.End),
		Kernel:     r.Kernel,
		Runtime:    max(r.Runtime, o.Runtime),
		Boundary:   r.Boundary || o.Boundary,
		NoNewPrivs: r.NoNewPrivs || o.NoNewPrivs,
		Arguments:  r.Arguments || o.Arguments,
		Lost:       max(r.Lost, o.Lost),
		Limits:     slices.Compact(limits),
		Calls:      calls,
	}
	if slices.Compare(o.Target, j.Target) > 0 {
		j.Target = o.Target
	}
	if o.Kernel.Compare(j.Kernel) > 0 {
		j.Kernel = o.Kernel
	}
	for k, s := range o.Calls {
		j.Add(k, s)
	}
	return j
}

// Observation is what is known of a workload: a set of recordings, in the
// order of their IDs. The zero value is empty.
type Observation struct {
	Recordings []Recording
}

// Merge adds the recordings of others. One that is there already becomes the
// union of both, so that nothing counts twice. The others are not changed.
func (o *Observation) Merge(others ...Observation) {
	byID := map[string]Recording{}
	for _, other := range append([]Observation{*o}, others...) {
		for _, r := range other.Recordings {
			if old, ok := byID[r.ID]; ok {
				r = old.join(r)
			}
			byID[r.ID] = r
		}
	}
	o.Recordings = slices.SortedFunc(maps.Values(byID), func(a, b Recording) int {
		return strings.Compare(a.ID, b.ID)
	})
}
