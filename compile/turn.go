package compile

import (
	"maps"
	"slices"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// This file asks the rules for a call one after the other. A diagram knows, at each
// bit, which of the masks before it hold so far: where they neither exclude nor imply
// each other, these are as many cases as the masks have subsets.

// fewMasks is a number of rules with masks up to which a call's diagram is taken.
const fewMasks = 2

// turn is what the rules for a call ask, in their turn: the first case whose
// conditions hold is the answer, and the last has none.
type turn struct {
	abi   seccomp.ABI
	cases []policy.Candidate
}

// turns are the diagrams over arguments that more than a few rules with masks have
// made, with what these rules ask; none where nothing is to be good at.
func turns(p *policy.Policy, goal Goal) map[policy.Node]turn {
	rules, ok := p.Rules()
	if !ok || goal == Unchanged {
		return nil
	}
	var withMasks []policy.Rule
	for _, r := range rules.Rules {
		if masked(r.When) {
			withMasks = append(withMasks, r)
		}
	}
	if len(withMasks) <= fewMasks {
		return nil
	}
	out := map[policy.Node]turn{}
	for _, abi := range rules.ABIs {
		masks := map[uint32]int{} // how many rules with masks, by number
		for _, r := range withMasks {
			for _, nr := range numbersOf(r, abi) {
				masks[nr]++
			}
		}
		for _, nr := range slices.Sorted(maps.Keys(masks)) {
			d := seccomp.Data{Arch: abi.Arch(), NR: nr}
			if owner, _ := d.ABI(); owner != abi {
				continue // a number beyond those of abi
			}
			args := p.Space().Fix(p.Space().Fix(p.Root(), policy.WordArch, d.Arch), policy.WordNR, d.NR)
			if _, ok := out[args]; ok || masks[nr] <= fewMasks || p.Space().Terminal(args) {
				continue
			}
			if cases, err := p.Consider(d, 0); err == nil {
				out[args] = turn{abi, cases}
			}
		}
	}
	return out
}

// inTurn is the way to the answer of n that asks rules in turn; ok is false where
// none are known for n, or that takes no fewer nodes than to tell apart what n does.
func (c *selector) inTurn(n policy.Node) (way id, ok bool) {
	t, ok := c.turns[n]
	if !ok {
		return 0, false
	}
	inTurn := newSelector(c.s, bpf.MaxInstructions)
	inTurn.turn(t)
	atOnce := newSelector(c.s, inTurn.used)
	atOnce.node(n)
	if inTurn.full() || !atOnce.full() || c.s.Full() {
		return 0, false
	}
	return c.turn(t), true
}

// turn is the way through the cases of t. Those of one action that follow each other
// have no order: what they ask without a mask is asked at once.
func (c *selector) turn(t turn) id {
	last := len(t.cases) - 1
	next := c.ret(t.cases[last].Action)
	for end := last; end > 0 && !c.full(); {
		start, action := end, t.cases[end-1].Action
		for start > 0 && t.cases[start-1].Action == action {
			start--
		}
		plain := policy.False
		for _, x := range t.cases[start:end] {
			if c.full() {
				break
			}
			if set := c.s.Where(t.abi, x.When); !masked(x.When) {
				plain = c.s.Or(plain, set)
			} else {
				next = c.where(set, c.ret(action), next)
			}
		}
		next = c.where(plain, c.ret(action), next)
		end = start
	}
	return next
}

// where is the way to yes for the calls in a set, and to no for others.
func (c *selector) where(set policy.Node, yes, no id) id {
	if yes == no {
		return yes
	}
	ways, tests := c.ways, c.tests
	c.ways = map[policy.Node]id{policy.True: yes, policy.False: no}
	c.tests = map[policy.Node]id{}
	way := c.node(set)
	c.ways, c.tests = ways, tests
	return way
}

// masked reports whether conditions have a mask.
func masked(when []policy.Condition) bool {
	return slices.ContainsFunc(when, func(c policy.Condition) bool { return c.Op == policy.MaskedEQ })
}
