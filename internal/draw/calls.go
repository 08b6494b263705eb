package draw

import (
	"iter"
	"math/bits"
	"slices"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Which calls take a line is found with examples: every call that has a name on
// an ABI that the program tests for, and numbers and architectures without a
// name, those around the constants of the program among them.

// call is an example.
type call struct {
	abi      seccomp.ABI // zero for those that the program does not tell apart
	arch, nr uint32
	name     string // empty where the number has none
}

// calls are all examples, in groups by ABI and there by number, so that a set
// of them is a set of indexes.
type calls struct {
	list  []call
	abis  []span
	alone map[uint32]bool // numbers that the program compares with for equality
}

// span is the part of the list with the examples of an ABI.
type span struct {
	abi         seccomp.ABI
	first, past int
}

// set is a set of examples.
type set []uint64

func (c calls) none() set { return make(set, (len(c.list)+63)/64) }

func (c calls) all() set {
	s := c.none()
	for n := range c.list {
		s.put(n)
	}
	return s
}

func (s set) put(n int)      { s[n/64] |= 1 << (n % 64) }
func (s set) has(n int) bool { return s[n/64]&(1<<(n%64)) != 0 }

func (s set) add(t set) {
	for n := range s {
		s[n] |= t[n]
	}
}

func (s set) each() iter.Seq[int] {
	return func(yield func(int) bool) {
		for n, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(64*n + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// within reports whether s has any of the examples from first up to past.
func (s set) within(first, past int) bool {
	for n := range s.each() {
		if n >= first {
			return n < past
		}
	}
	return false
}

// universe collects the examples for a program.
func (d *drawing) universe() calls {
	archs, numbers := []uint32{0, 0xffffffff}, []uint32{0xffffffff}
	for _, abi := range seccomp.ABIs() {
		archs = append(archs, abi.Arch())
	}
	for bit := range 32 {
		numbers = append(numbers, 1<<bit, 1<<bit-1)
	}
	c := calls{alone: map[uint32]bool{}}
	tested := map[uint32]bool{}
	for pc, i := range d.program {
		a := d.registers[pc].A
		switch {
		case !i.IsJump() || i.ReadsX():
		case a.Kind == bpf.Field && a.Offset == seccomp.OffsetArch:
			tested[i.K] = true
			archs = append(archs, i.K-1, i.K, i.K+1)
		case a.Kind == bpf.Unknown || a.Kind == bpf.Field && a.Offset == seccomp.OffsetNR:
			c.alone[i.K] = c.alone[i.K] || i.Code == bpf.JumpEQ
			numbers = append(numbers, i.K-1, i.K, i.K+1)
		}
	}
	every := len(tested) > 0
	if !every {
		tested[d.ABI.Arch()] = true
	}
	archs, numbers = distinct(archs), distinct(numbers)
	for _, abi := range seccomp.ABIs() {
		if tested[abi.Arch()] {
			first := len(c.list)
			c.list = append(c.list, examples(abi, numbers)...)
			c.abis = append(c.abis, span{abi, first, len(c.list)})
		}
	}
	if every || len(c.abis) == 0 {
		c.list = append(c.list, c.strangers(archs, numbers)...)
	}
	return c
}

// distinct sorts values and drops repeated ones.
func distinct(values []uint32) []uint32 {
	slices.Sort(values)
	return slices.Compact(values)
}

// dense is how far all numbers of an ABI are examples. No table is as long.
const dense = 1024

// examples are those of an ABI, by number.
func examples(abi seccomp.ABI, numbers []uint32) []call {
	var all []uint32
	for n := range uint32(dense) {
		all = append(all, abi.Base()+n)
	}
	for _, nr := range numbers {
		if of, _ := seccomp.ABIOf(abi.Arch(), nr); of == abi || !abi.Shared() {
			all = append(all, nr)
		}
	}
	var list []call
	for _, nr := range distinct(all) {
		name, _ := syscalls.Name(abi, nr)
		list = append(list, call{abi, abi.Arch(), nr, name})
	}
	return list
}

// strangers are calls of architectures that are none of the program's.
func (c calls) strangers(archs, numbers []uint32) []call {
	var list []call
	add := func(arch uint32, numbers []uint32) {
		for _, nr := range numbers {
			list = append(list, call{arch: arch, nr: nr})
		}
	}
	for _, s := range c.abis {
		archs = slices.DeleteFunc(archs, func(arch uint32) bool { return arch == s.abi.Arch() })
	}
	add(0, numbers) // no ABI has the value 0
	for _, arch := range archs {
		add(arch, []uint32{0, 0x3fffffff, 0x40000000, 0xffffffff})
	}
	return list
}
