package tally

import (
	"maps"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// Book is all that the changes of a tally have told. The zero value is empty.
type Book struct {
	calls   map[observe.Key]observe.Seen
	denials map[observe.Key]seccomp.Data
}

// Add enters changes, in the order in which the tally told of them. What is new
// in them was seen at the time now, in nanoseconds since the Unix epoch, or
// since the changes before.
func (b *Book) Add(changes []Change, now int64) {
	if b.calls == nil {
		b.calls = map[observe.Key]observe.Seen{}
		b.denials = map[observe.Key]seccomp.Data{}
	}
	for _, change := range changes {
		for _, c := range change.Calls {
			b.add(observe.Key{Executable: change.Executable, ABI: c.ABI, NR: c.NR}, c, now)
		}
	}
}

func (b *Book) add(k observe.Key, c Call, now int64) {
	old := b.calls[k]
	if c.Count == old.Count && c.Denied == old.Denied {
		return
	}
	seen := observe.Seen{Count: c.Count, Denied: c.Denied, First: old.First, Last: now, Values: c.Values}
	if old.First == 0 {
		seen.First = now
	}
	b.calls[k] = seen
	if c.Denied > 0 {
		b.denials[k] = c.Denial
	}
}

// Calls are those of a recording. The caller may keep and change the map.
func (b *Book) Calls() map[observe.Key]observe.Seen { return maps.Clone(b.calls) }

// Denials has for each call that was denied the first one.
func (b *Book) Denials() map[observe.Key]seccomp.Data { return maps.Clone(b.denials) }
