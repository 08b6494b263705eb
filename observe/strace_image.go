package observe

import "github.com/callgate/callgate/seccomp"

// This file keeps what an strace log tells, until its end tells whose it was:
// the lines of a child can stand before the one that says who made it, and the
// call that gives away the ABI of a program can be its last.

// image is what runs between two execs, in one process or in children that
// were forked from it.
type image struct {
	path  string // of the exec, "" for an image that began otherwise
	from  *image // where path is "": that of the parent
	calls map[called]*Seen
}

// called is a call as a log names it.
type called struct {
	abi  seccomp.ABI // 0 where the log does not say
	name string      // "" where it has none
	nr   uint32      // where there is no name
}

// origin is the image whose executable i runs. It shortens the way there for
// the next time.
func (i *image) origin() *image {
	o := i
	for o.path == "" && o.from != nil {
		o = o.from
	}
	for i != o {
		i, i.from = i.from, o
	}
	return o
}

// fill puts what was read into a recording.
func (s *strace) fill(out *Recording) {
	names := map[*image]map[string]bool{} // by origin: the calls without an ABI
	for _, i := range s.images {
		o := i.origin()
		if names[o] == nil {
			names[o] = map[string]bool{}
		}
		for c := range i.calls {
			if c.abi == 0 {
				names[o][c.name] = true
			}
		}
	}
	mixed := false
	for _, i := range s.images {
		o := i.origin()
		abi, one := s.abiOf(names[o])
		mixed = mixed || !one
		for c, seen := range i.calls {
			k := Key{Executable: o.path, ABI: c.abi, NR: c.nr}
			if k.ABI == 0 {
				k.ABI = abi
			}
			if c.name != "" {
				k.ABI, k.NR = s.numbered(k.ABI, c.name)
			}
			out.Add(k, out.Calls[k].plus(*seen))
		}
	}
	if mixed {
		out.Limits = append(out.Limits, "an executable made calls through several ABIs, and strace did not write which: trace it with -n")
	}
}

// plus is what was seen in two places of one log.
func (s Seen) plus(o Seen) Seen {
	s.First, s.Last = earliest(s.First, o.First), max(s.Last, o.Last)
	s.Count += o.Count
	s.Denied += o.Denied
	return s
}

// abiOf is the first ABI that has all of some calls, or just the first; ok is
// false where none has all.
func (s *strace) abiOf(names map[string]bool) (abi seccomp.ABI, ok bool) {
	for _, abi := range s.abis {
		all := true
		for name := range names {
			_, has := numberOf(abi, name)
			all = all && has
		}
		if all {
			return abi, true
		}
	}
	return s.abis[0], false
}

// numbered is the number of a call, on the ABI given or else on the first that
// has it.
func (s *strace) numbered(abi seccomp.ABI, name string) (seccomp.ABI, uint32) {
	if nr, ok := numberOf(abi, name); ok {
		return abi, nr
	}
	for _, abi := range s.abis {
		if nr, ok := numberOf(abi, name); ok {
			return abi, nr
		}
	}
	return abi, 0 // cannot be: the line was refused
}
