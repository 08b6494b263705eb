package syscalls

import (
	"cmp"
	"iter"
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// space is the number space of one ABI, without its base.
type space struct {
	column      uint8  // of numberTable
	first, past uint16 // the part of orderTable with the ABI's calls
}

// number is the number of a call by id, or -1.
func (s space) number(id int) int32 { return numberTable[s.column][id] }

// order lists the ids of the calls by ascending number.
func (s space) order() []uint16 { return orderTable[s.first:s.past] }

// Call is a system call, which each ABI may have by a number of its own:
// whoever asks about one on several ABIs need search for its name only once.
type Call struct{ id uint16 }

// Find is the named call; ok is false where no ABI has one of that name.
func Find(name string) (c Call, ok bool) {
	id, ok := lookup(name)
	return Call{uint16(id)}, ok
}

// Number is what the function [Number] tells of c.
func (c Call) Number(abi seccomp.ABI) (nr uint32, ok bool) { return numberOf(abi, c.id) }

func numberOf(abi seccomp.ABI, id uint16) (nr uint32, ok bool) {
	if !abi.Valid() {
		return 0, false
	}
	n := spaces[abi].number(int(id))
	if n < 0 {
		return 0, false
	}
	return abi.Base() + uint32(n), true
}

// Number is the number of the named call on abi; ok is false where the name is
// unknown, where abi has no such call, or has it only through a multiplexer
// (see [Through]).
func Number(abi seccomp.ABI, name string) (nr uint32, ok bool) {
	id, ok := lookup(name)
	if !ok {
		return 0, false
	}
	return numberOf(abi, uint16(id))
}

// Name is the name of number nr on abi; ok is false where no call has that
// number. A number outside the number space of abi has no name: on x86_64 none
// of x32's has, on x32 only those with bit 30. It costs a binary search over
// the numbers.
func Name(abi seccomp.ABI, nr uint32) (name string, ok bool) {
	if !abi.Valid() || nr < abi.Base() {
		return "", false
	}
	s := spaces[abi]
	i, ok := slices.BinarySearchFunc(s.order(), nr-abi.Base(), func(id uint16, want uint32) int {
		return cmp.Compare(uint32(s.number(int(id))), want)
	})
	if !ok {
		return "", false
	}
	return nameOf(int(s.order()[i])), true
}

// Known reports whether any ABI has a call of that name.
func Known(name string) bool {
	_, ok := lookup(name)
	return ok
}

// All yields the calls of abi by ascending number, without those that it has
// only through a multiplexer.
func All(abi seccomp.ABI) iter.Seq2[uint32, string] {
	return func(yield func(uint32, string) bool) {
		if !abi.Valid() {
			return
		}
		s, base := spaces[abi], abi.Base()
		for _, id := range s.order() {
			if !yield(base+uint32(s.number(int(id))), nameOf(int(id))) {
				return
			}
		}
	}
}

// Names lists every known name in byte order.
func Names() []string {
	names := make([]string, numNames)
	for id := range names {
		names[id] = nameOf(id)
	}
	return names
}

func nameOf(id int) string { return nameText[nameStart[id]:nameStart[id+1]] }

// lookup is the id of a name: its place among all names in byte order. It
// looks from the slot that the name's hash (FNV-1a) tells to the next free one.
func lookup(name string) (id int, ok bool) {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	for ; ; h++ {
		slot := int(nameSlots[h%uint32(len(nameSlots))])
		switch {
		case slot == 0:
			return 0, false
		case nameOf(slot-1) == name:
			return slot - 1, true
		}
	}
}
