//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

var errClosed = errors.New("the recorder is closed")

// Snapshot is what was seen so far, or until Close. ID, Target, Runtime, Start
// and End are left to the caller.
//
// Lost counts calls that could not be stored, and threads that could not be
// followed as one each.
func (r *Recorder) Snapshot() (observe.Recording, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.last = r.poll()
	}
	rec := observe.Recording{
		Recorder:   "ebpf",
		Kernel:     r.version,
		Boundary:   r.global(globalStarted) > 0,
		NoNewPrivs: r.global(globalWorkloads) > 0 && r.global(globalPrivsNo) == r.global(globalWorkloads),
		Arguments:  r.opts.Arguments,
		Lost:       r.global(globalLost) + r.global(globalTasksFull) + r.total.missed,
		Limits:     r.limits(),
		Calls:      map[observe.Key]observe.Seen{},
	}
	values := r.values()
	for row, cells := range r.total.rows {
		for i := range cells {
			r.put(&rec, oddKey{row, uint32(i % slots), uint32(i / slots)}, &cells[i], values)
		}
	}
	for _, m := range []map[oddKey]*cellTotal{r.total.odd, r.total.underway} {
		for k, c := range m {
			r.put(&rec, k, c, values)
		}
	}
	return rec, errors.Join(r.last, r.failed)
}

// values are the tuples of each call, with no kindDenied.
func (r *Recorder) values() map[oddKey][][]uint64 {
	all := map[oddKey][][]uint64{}
	for t := range r.total.tuples {
		k := oddKey{t.Row, t.NR, t.Kind}
		n := len(observe.Interesting(r.abi(k), k.NR))
		all[k] = append(all[k], slices.Clone(t.Values[:n]))
	}
	return all
}

// put adds a cell to a recording.
func (r *Recorder) put(rec *observe.Recording, k oddKey, c *cellTotal, values map[oddKey][][]uint64) {
	if c.count == 0 {
		return
	}
	seen := observe.Seen{First: c.first, Last: c.last}
	if k.Kind&kindDenied != 0 {
		seen.Denied = c.count
	} else {
		seen.Count = c.count
	}
	plain := oddKey{k.Row, k.NR, k.Kind &^ kindDenied}
	seen.Values = observe.Values{More: c.more, Tuples: values[plain]}.Union(observe.Values{})
	rec.Add(r.key(k), seen)
}

// key names the call of a cell.
func (r *Recorder) key(k oddKey) observe.Key {
	key := observe.Key{Executable: r.total.names[k.Row], ABI: r.abi(k), NR: k.NR}
	if k.Row == rowRuntime {
		key.Phase = observe.Runtime
	}
	return key
}

func (r *Recorder) abi(k oddKey) seccomp.ABI {
	if k.Kind&kindCompat != 0 {
		return r.compat
	}
	if abi, ok := seccomp.ABIOf(r.native.Arch(), k.NR); ok && abi == r.x32 {
		return abi
	}
	return r.native
}

// limits are the sentences on what this recorder could not tell.
func (r *Recorder) limits() []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if !r.btf {
		if !r.modeExact {
			add("No BTF: a 64-bit program's calls by int 0x80 count as %v calls of the same number.", r.native)
		}
		add("No BTF: whether a container ran with no_new_privs is not known.")
	}
	if !r.dead {
		add("A call for which a filter ended one thread of several (KILL_THREAD), or strict mode did, is not seen.")
	}
	if r.global(globalUnwatched) > 0 {
		add("The workload installed a filter itself: what that stopped in its first moments was not seen.")
	}
	if n := r.global(globalLost); n > 0 {
		add("%d calls were not stored: too many different calls were denied or had numbers that do not exist.", n)
	}
	if n := r.global(globalTasksFull); n > 0 {
		add("%d threads were not followed: their ids were beyond those that were possible at the start.", n)
	}
	if n := r.total.missed; n > 0 {
		add("The kernel left out %d runs of the recorder's programs.", n)
	}
	if n := r.global(globalRowsOut); n > 0 {
		add("%d times a program was executed beyond the first %d different ones: its calls are without the name of an executable.", n, len(r.total.names))
	}
	if r.global(globalValuesFull) > 0 {
		add("There were too many different values of arguments to keep those of every call.")
	}
	for _, name := range r.total.names {
		if len(name) == nameSize-1 {
			add("Names of executables are cut after %d bytes.", nameSize-1)
			break
		}
	}
	return append(list, r.seeds.limits...)
}
