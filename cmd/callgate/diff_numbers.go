package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file tells the numbers of differences by name.

// everything is every number of an ABI.
var everything = []policy.Range{{Low: 0, High: math.MaxUint32}}

// where is the ABI of a difference, or the architecture where none has it.
func where(d policy.Difference) string {
	switch {
	case d.OtherArch:
		return "other architectures"
	case d.ABI == 0:
		return fmt.Sprintf("architecture %#x", d.Arch)
	case d.ABI == seccomp.X32 && !slices.ContainsFunc(d.Numbers, x32):
		return "x86_64 (numbers of no ABI)"
	}
	return d.ABI.String()
}

// x32 reports whether the kernel takes any number of a range for one of x32. What
// else is above those of x86_64 libseccomp takes for one, too.
func x32(r policy.Range) bool {
	bit := seccomp.X32.Base()
	return r.Low&bit != 0 || r.High&bit != 0 || r.High-r.Low >= bit
}

// numbered is a call or a range of numbers without a name, with its first number.
type numbered struct {
	text  string
	first uint32
	named bool
}

// numbers are the calls of a difference: names, and numbers where there are
// none.
func numbers(d policy.Difference) []string {
	var out []string
	for _, n := range numberedCalls(d) {
		out = append(out, n.text)
	}
	return out
}

func numberedCalls(d policy.Difference) []numbered {
	var out []numbered
	for _, r := range d.Numbers {
		out = append(out, rangeText(d.ABI, r)...)
	}
	if d.Truncated {
		out = append(out, numbered{"and more", d.Call.NR, true})
	}
	return out
}

// rangeText is a range of numbers as names, and as numbers where there are no
// names in between. All numbers of an ABI are told as numbers.
func rangeText(abi seccomp.ABI, r policy.Range) []numbered {
	unnamed := func(low, high uint32) numbered { return numbered{numberRange(abi, low, high), low, false} }
	if r == everything[0] {
		return []numbered{unnamed(r.Low, r.High)}
	}
	var out []numbered
	next := uint64(r.Low) // first number that is not told yet
	for nr, name := range syscalls.All(abi) {
		if nr < r.Low || nr > r.High {
			continue
		}
		if uint64(nr) > next {
			out = append(out, unnamed(uint32(next), nr-1))
		}
		out = append(out, numbered{name, nr, true})
		next = uint64(nr) + 1
	}
	if next <= uint64(r.High) {
		out = append(out, unnamed(uint32(next), r.High))
	}
	return out
}

func numberRange(abi seccomp.ABI, low, high uint32) string {
	if low == high {
		return numberOn(abi, low)
	}
	return numberOn(abi, low) + ".." + numberOn(abi, high)
}
