package compile

import (
	"math/bits"
	"slices"

	"github.com/callgate/callgate/policy"
)

// This file finds what the tables of several ABIs have in common.

const (
	x32Base = 1 << 30
	// minMasked is how many ranges of x32 are worth an instruction.
	minMasked = 4
	// minShared is how many bounds in a row are.
	minShared = 3
	// fewCalls is the part of a table's calls that are few.
	fewCalls = 16
)

// maskX32 takes the bit that x32 has in its numbers away from them, so that they
// are those of x86_64, and what follows can be shared.
func (g *graph) maskX32() {
	for n := range g.nodes {
		if x := g.nodes[n]; x.op == opSwitch && x.word == policy.WordNR {
			parts := g.withoutX32(g.parts[x.parts]) // which adds to g.parts
			g.parts[x.parts] = parts
		}
	}
}

func (g *graph) withoutX32(parts []part) []part {
	first, last := 0, len(parts)
	for first < len(parts) && parts[first].low < x32Base {
		first++
	}
	for last > first && parts[last-1].high >= 2*x32Base {
		last--
	}
	if last-first < minMasked {
		return parts
	}
	own := make([]part, last-first)
	group := part{low: parts[first].low, high: parts[last-1].high}
	for i, p := range parts[first:last] {
		group.weight += p.weight
		p.low, p.high = p.low-x32Base, p.high-x32Base
		own[i] = p
	}
	group.to = g.mask(x32Base-1, g.choose(policy.WordNR, own))
	out := append(parts[:first:first], group)
	return append(out, parts[last:]...)
}

// shareRuns makes one switch of the runs of ranges that several tables have in
// common: system calls from 403 on have one number on most ABIs.
func (g *graph) shareRuns(goal Goal) {
	tables := g.numberTables()
	if len(tables) < 2 {
		return
	}
	whole := make([][]part, len(tables)) // as they are before anything is taken out
	for t, at := range tables {
		whole[t] = g.parts[at]
	}
	owners := owners(whole)
	for t, parts := range whole {
		for i := 1; i < len(parts); {
			both, end := owners[t][i], i+1
			for end < len(parts) && owners[t][end] == both {
				end++
			}
			if bits.TrailingZeros64(both) == t && bits.OnesCount64(both) > 1 && end-i >= minShared {
				// Where many calls go before the first bound the run is without it.
				if g.share(tables, both, slices.Clone(parts[i-1:end]), goal) || g.share(tables, both, slices.Clone(parts[i:end]), goal) {
					end++ // a part goes into one switch
				}
			}
			i = end
		}
	}
}

// owners are, for each part of each table but the first, the tables that have its
// lower bound between the same answers, as a set of bits.
func owners(tables [][]part) [][]uint64 {
	owners, next := make([][]uint64, len(tables)), make([]int, len(tables))
	for t, parts := range tables {
		owners[t], next[t] = make([]uint64, len(parts)), 1
	}
	low := func(t int) uint64 {
		if next[t] == len(tables[t]) {
			return 1 << 32
		}
		return uint64(tables[t][next[t]].low)
	}
	var at []int // the tables that have the lowest bound
	for {
		lowest := uint64(1 << 32)
		for t := range tables {
			switch l := low(t); {
			case l < lowest:
				lowest, at = l, append(at[:0], t)
			case l == lowest:
				at = append(at, t)
			}
		}
		if lowest == 1<<32 {
			return owners
		}
		for _, t := range at {
			for _, u := range at {
				if sameAnswers(tables[t][next[t]-1:], tables[u][next[u]-1:]) {
					owners[t][next[t]] |= 1 << u
				}
			}
		}
		for _, t := range at {
			next[t]++
		}
	}
}

// sameAnswers reports whether the first two parts go to the same nodes.
func sameAnswers(a, b []part) bool { return a[0].to == b[0].to && a[1].to == b[1].to }

// numberTables are the switches over numbers, as many as a set of bits has room
// for.
func (g *graph) numberTables() []int32 {
	var tables []int32
	for _, x := range g.nodes {
		if x.op == opSwitch && x.word == policy.WordNR && len(tables) < 64 {
			tables = append(tables, x.parts)
		}
	}
	return tables
}

// share makes one switch of a run of parts, in those of the tables that are its
// owners, if they all have the run without gaps. Speed matters where many calls
// go: there a table has the splits that are best for it.
func (g *graph) share(tables []int32, owners uint64, run []part, goal Goal) bool {
	var at [64]int
	for t, table := range tables {
		if owners>>t&1 == 0 {
			continue
		}
		parts := g.parts[table]
		at[t] = slices.IndexFunc(parts, func(p part) bool { return p.low == run[1].low }) - 1
		for i := range run {
			if at[t] < 0 || at[t]+i == len(parts) || parts[at[t]+i].to != run[i].to || i > 0 && parts[at[t]+i].low != run[i].low {
				return false
			}
		}
		if goal == Speed && weightOf(parts[at[t]:at[t]+len(run)]) > weightOf(parts)/fewCalls {
			return false
		}
	}
	for i := range run {
		run[i].weight = 0
	}
	last := len(run) - 1
	for t, table := range tables {
		if owners>>t&1 == 1 {
			for i, p := range g.parts[table][at[t] : at[t]+len(run)] {
				run[i].weight += p.weight
				run[i].low, run[i].high = min(run[i].low, p.low), max(run[i].high, p.high)
			}
		}
	}
	to := g.choose(policy.WordNR, run)
	for t, table := range tables {
		if owners>>t&1 == 1 {
			parts := g.parts[table]
			taken := parts[at[t] : at[t]+len(run)]
			one := part{low: taken[0].low, high: taken[last].high, to: to, weight: weightOf(taken)}
			g.parts[table] = slices.Replace(slices.Clone(parts), at[t], at[t]+len(run), one)
		}
	}
	return true
}
