package compile

import (
	"slices"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Weights are how often calls were made, by ABI and number.
type Weights map[seccomp.ABI]map[uint32]uint64

const (
	// checkedWeight is how much more than others a call weighs whose arguments
	// are asked about, where nothing is known of how often calls are made: the
	// kernel (5.11) always runs the filter for it, and hardly ever for others.
	checkedWeight = 8
	// wideWeight is how much more the calls of a 64-bit ABI weigh than those of
	// a 32-bit one, most of which are there for old programs.
	wideWeight = 16
	// unseenShare is the part of the weight that goes to calls alike that were
	// never made, so that the way to them is not long without bound.
	unseenShare = 256
)

// weigh says how often calls come to each part of each switch.
func (g *graph) weigh(weights Weights) {
	var tables []table
	var alike, made int64
	for _, abi := range seccomp.ABIs() {
		t, ok := g.table(abi)
		if !ok || t.constant() {
			continue
		}
		t.counts, t.each = weights[abi], 1
		if len(weights) == 0 && abi.WordBits() == 64 {
			t.each = wideWeight
		}
		for nr := range syscalls.All(abi) {
			alike += t.each
			made += int64(min(t.counts[nr], wholeWeight))
		}
		tables = append(tables, t)
	}
	unseen := int64(wholeWeight)
	if made > 0 {
		unseen /= unseenShare
	}
	for _, t := range tables {
		g.spread(t, unseen/alike*t.each, (wholeWeight-unseen)/max(1, made))
	}
	g.flow()
}

// table is where a graph looks at the numbers of an ABI.
type table struct {
	abi     seccomp.ABI
	arch    *part // nil where it does not ask about the architecture
	numbers []part
	counts  map[uint32]uint64
	each    int64 // what a call weighs that was never made, in relation to others
}

// table is that of an ABI; ok is false where the answer does not depend on the
// number, or on more than its range.
func (g *graph) table(abi seccomp.ABI) (t table, ok bool) {
	t.abi = abi
	n := g.nodes[g.root]
	if n.op == opLoad && n.word == policy.WordArch && g.nodes[n.yes].op == opSwitch {
		archs := g.partsOf(n.yes)
		i := slices.IndexFunc(archs, func(p part) bool { return abi.Arch() <= p.high })
		t.arch = &archs[i]
		n = g.nodes[t.arch.to]
	}
	if n.op != opLoad || n.word != policy.WordNR || g.nodes[n.yes].op != opSwitch {
		return t, false
	}
	t.numbers = g.partsOf(n.yes)
	return t, true
}

// constant reports whether all calls of t have one answer: a policy that does
// not list the ABI.
func (t table) constant() bool {
	for nr := range syscalls.All(t.abi) {
		first := slices.IndexFunc(t.numbers, func(p part) bool { return nr <= p.high })
		for nr := range syscalls.All(t.abi) {
			if nr > t.numbers[first].high {
				return false
			}
		}
		break
	}
	return true
}

// spread adds the weights of an ABI's calls to the parts of its table: of each
// call, and for each time that it was made.
func (g *graph) spread(t table, each, made int64) {
	i := 0
	for nr := range syscalls.All(t.abi) {
		for t.numbers[i].high < nr {
			i++
		}
		p := &t.numbers[i]
		w := each + made*int64(min(t.counts[nr], wholeWeight))
		if len(t.counts) == 0 && g.nodes[p.to].op == opLoad {
			w = w << g.steps(p.to) * 13 / 32
		}
		p.weight += w
		if t.arch != nil {
			t.arch.weight += w
		}
	}
}

// flow weighs the parts of the other words, and adds to every part what no way
// may be without.
func (g *graph) flow() {
	flow := make([]int64, len(g.nodes))
	flow[g.root] = wholeWeight
	g.each(func(n id, x node) {
		switch x.op {
		case opReturn:
		case opLoad, opMask:
			flow[x.yes] += flow[n]
		case opSwitch:
			parts := g.partsOf(n)
			for i := range parts {
				if x.word > policy.WordNR {
					parts[i].weight = flow[n] / int64(2*len(parts))
					if parts[i].low == 0 {
						parts[i].weight += flow[n] / 2
					}
				}
				flow[parts[i].to] += parts[i].weight
				parts[i].weight += flow[n]/int64(unseenShare*len(parts)) + 1
			}
		default:
			flow[x.yes] += flow[n] / 2
			flow[x.no] += flow[n] / 2
		}
	})
}

// steps is the number of nodes on the way from n to the answer that a call with
// small arguments gets.
func (g *graph) steps(n id) int {
	x := g.nodes[n]
	switch x.op {
	case opReturn:
		return 1
	case opSwitch:
		return 2 + g.steps(g.partsOf(n)[0].to)
	case opLoad, opMask:
		return 1 + g.steps(x.yes)
	}
	if x.holds(0) {
		return 1 + g.steps(x.yes)
	}
	return 1 + g.steps(x.no)
}
