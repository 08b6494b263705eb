package main

import (
	"fmt"
	"math"

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
	}
	return d.ABI.String()
}

// numbers are the calls of a difference: names, and numbers where there are
// none.
func numbers(d policy.Difference) []string {
	var out []string
	for _, r := range d.Numbers {
		out = append(out, rangeText(d.ABI, r)...)
	}
	if d.Truncated {
		out = append(out, "and more")
	}
	return out
}

// rangeText is a range of numbers as names, and as numbers where there are no
// names in between. All numbers of an ABI are told as numbers.
func rangeText(abi seccomp.ABI, r policy.Range) []string {
	if r == everything[0] {
		return []string{numberRange(abi, r.Low, r.High)}
	}
	var out []string
	next := uint64(r.Low) // first number that is not told yet
	for nr, name := range syscalls.All(abi) {
		if nr < r.Low || nr > r.High {
			continue
		}
		if uint64(nr) > next {
			out = append(out, numberRange(abi, uint32(next), nr-1))
		}
		out = append(out, name)
		next = uint64(nr) + 1
	}
	if next <= uint64(r.High) {
		out = append(out, numberRange(abi, uint32(next), r.High))
	}
	return out
}

func numberRange(abi seccomp.ABI, low, high uint32) string {
	if low == high {
		return numberOn(abi, low)
	}
	return numberOn(abi, low) + ".." + numberOn(abi, high)
}
