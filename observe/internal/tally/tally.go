// Package tally is what the recorders have in common that are asked about each
// call before it is made: a [Tally] counts calls by executable, [Tasks] tells
// by which executable a thread makes its calls, and a [Book] gathers the
// changes of a tally, which may be another process's, into an
// observe.Recording.
package tally

import (
	"slices"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// Tally counts calls. It is not for use by several goroutines at once. To count
// a call that is there already allocates nothing and takes some 50 ns.
type Tally struct {
	// Arguments has the values of arguments kept, where observe.Interesting
	// names any. It is set before the first call.
	Arguments bool
	// Lost counts the calls of no known ABI, which no recording can hold.
	Lost uint64

	rows    map[string]*Row
	changed []*Row
}

// Row is the calls of one executable.
type Row struct {
	executable string
	calls      map[number]*Call
	tally      *Tally
	changed    bool
}

// number is a call as the kernel names it.
type number struct{ arch, nr uint32 }

// Call is what was seen of one call.
type Call struct {
	ABI           seccomp.ABI
	NR            uint32
	Count, Denied uint64
	Values        observe.Values
	// Denial is the first call that was denied.
	Denial seccomp.Data

	interesting []int
}

// Change is the whole of what is known of an executable, of which something has
// changed.
type Change struct {
	Executable string
	Calls      []Call
}

// Row returns that of an executable.
func (t *Tally) Row(executable string) *Row {
	r := t.rows[executable]
	if r == nil {
		if t.rows == nil {
			t.rows = map[string]*Row{}
		}
		r = &Row{executable: executable, calls: map[number]*Call{}, tally: t}
		t.rows[executable] = r
	}
	return r
}

// Made counts a call that is made.
func (r *Row) Made(d *seccomp.Data) {
	if c := r.call(d); c != nil {
		c.Count++
	}
}

// Unmade takes back the last Made, of a call that was not made after all.
func (r *Row) Unmade(d *seccomp.Data) {
	if c := r.call(d); c != nil && c.Count > 0 {
		c.Count--
	}
}

// Denied counts a call that a filter stops.
func (r *Row) Denied(d *seccomp.Data) {
	c := r.call(d)
	if c == nil {
		return
	}
	if c.Denied == 0 {
		c.Denial = *d
	}
	c.Denied++
}

// call finds, or makes, what is known of a call; nil where it has no ABI.
func (r *Row) call(d *seccomp.Data) *Call {
	c := r.calls[number{d.Arch, d.NR}]
	if c == nil {
		abi, ok := d.ABI()
		if !ok {
			r.tally.Lost++
			return nil
		}
		c = &Call{ABI: abi, NR: d.NR}
		if r.tally.Arguments {
			c.interesting = observe.Interesting(abi, d.NR)
		}
		r.calls[number{d.Arch, d.NR}] = c
	}
	if !r.changed {
		r.changed = true
		r.tally.changed = append(r.tally.changed, r)
	}
	if c.interesting != nil && !c.Values.More {
		c.keep(d)
	}
	return c
}

// keep adds the values of the interesting arguments.
func (c *Call) keep(d *seccomp.Data) {
	var values [3]uint64 // Interesting names no more
	tuple := values[:len(c.interesting)]
	for i, arg := range c.interesting {
		tuple[i] = d.Args[arg]
	}
	at, found := slices.BinarySearchFunc(c.Values.Tuples, tuple, slices.Compare)
	switch {
	case found:
	case len(c.Values.Tuples) == observe.MaxValues:
		c.Values = observe.Values{More: true}
	default:
		c.Values.Tuples = slices.Insert(c.Values.Tuples, at, slices.Clone(tuple))
	}
}

// Changes returns what has changed since the last time.
func (t *Tally) Changes() []Change {
	changes := make([]Change, 0, len(t.changed))
	for _, r := range t.changed {
		c := Change{r.executable, make([]Call, 0, len(r.calls))}
		for _, call := range r.calls {
			copied := *call
			copied.Values.Tuples = slices.Clone(call.Values.Tuples)
			c.Calls = append(c.Calls, copied)
		}
		changes = append(changes, c)
		r.changed = false
	}
	t.changed = t.changed[:0]
	return changes
}
