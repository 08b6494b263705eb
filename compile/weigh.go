package compile

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Weights are how often calls were made, by ABI and number.
type Weights map[seccomp.ABI]map[uint32]uint64

const (
	// wideWeight is how much more the calls of a 64-bit ABI weigh than those of
	// a 32-bit one, most of which are there for old programs.
	wideWeight = 16
	// unseenShare is the part of the weight that goes to calls alike where
	// others were counted, so that the way to them is not long without bound.
	unseenShare = 256
	// maxSteps bounds the steps that make a call weigh more.
	maxSteps = 8
	// maxCount bounds counts, so that their sum has 64 bits.
	maxCount = 1 << 40
)

// checked is what a call weighs whose arguments are asked about, where nothing is
// counted, in relation to others: the kernel (5.11) always runs the filter for it,
// and hardly ever for others. The more steps there are from the arguments on, the
// shorter is the way to them: as in trees whose longest way is to be short, each
// step doubles the weight. The factor was found by trying.
func checked(steps int) uint64 { return max(1, uint64(13)<<min(steps, maxSteps)/32) }

// weigh says how often calls come to each part of each switch, and whether any
// were counted.
func (g *graph) weigh(weights Weights) (counted bool) {
	var tables []table
	var all calls
	for _, abi := range seccomp.ABIs() {
		if t, ok := g.count(abi, weights[abi]); ok {
			tables = append(tables, t)
			for _, c := range t.calls {
				all.made += c.made
			}
		}
	}
	counted = all.made > 0
	for _, t := range tables {
		all.alike += g.alike(t, counted)
	}
	unseen := uint64(wholeWeight)
	if counted {
		unseen /= unseenShare
	}
	for _, t := range tables {
		for i, c := range t.calls {
			w := int64(unseen * c.alike / all.alike)
			if counted {
				w += scale(c.made, wholeWeight-unseen, all.made)
			}
			t.numbers[i].weight += w
			if t.arch != nil {
				t.arch.weight += w
			}
		}
	}
	g.flow()
	return counted
}

// table is where a graph looks at the architecture of an ABI, if it does, and at
// its numbers, with the calls that come to each part.
type table struct {
	abi     seccomp.ABI
	arch    *part
	numbers []part
	calls   []calls
}

// calls are how many of some calls are known, how often they were made, and what
// they weigh in relation to others where nothing is counted.
type calls struct{ known, made, alike uint64 }

// count counts the calls of an ABI, those that are known and those that were made;
// ok is false where the answer to the known ones does not depend on the number, or
// on more than its range.
func (g *graph) count(abi seccomp.ABI, counts map[uint32]uint64) (t table, ok bool) {
	t.abi = abi
	if t.arch, t.numbers, ok = g.table(abi); !ok {
		return t, false
	}
	t.calls = make([]calls, len(t.numbers))
	for nr, n := range counts {
		t.calls[t.at(nr)].made += min(n, maxCount)
	}
	first, last := -1, 0 // the parts of the lowest number and of the highest
	for nr := range syscalls.All(abi) {
		for t.numbers[last].high < nr {
			last++
		}
		if first < 0 {
			first = last
		}
		t.calls[last].known++
	}
	return t, first >= 0 && first != last // else the policy does not list the ABI
}

// at is the part that a number comes to.
func (t table) at(nr uint32) int {
	i, _ := slices.BinarySearchFunc(t.numbers, nr, func(p part, nr uint32) int { return cmp.Compare(p.high, nr) })
	return i
}

// alike weighs the known calls of a table, in relation to others.
func (g *graph) alike(t table, counted bool) (all uint64) {
	each := uint64(1)
	if !counted && t.abi.WordBits() == 64 {
		each = wideWeight
	}
	for i := range t.calls {
		c := &t.calls[i]
		c.alike = each * c.known
		if to := t.numbers[i].to; !counted && g.nodes[to].op == opLoad {
			c.alike *= checked(g.steps(to))
		}
		all += c.alike
	}
	return all
}

// table is where the architecture of an ABI is looked at, nil where it is not, and
// its numbers; ok is false where these are not told apart by ranges.
func (g *graph) table(abi seccomp.ABI) (arch *part, numbers []part, ok bool) {
	n := g.nodes[g.root]
	if n.op == opLoad && n.word == policy.WordArch && g.nodes[n.yes].op == opSwitch {
		archs := g.partsOf(n.yes)
		arch = &archs[slices.IndexFunc(archs, func(p part) bool { return abi.Arch() <= p.high })]
		n = g.nodes[arch.to]
	}
	if n.op != opLoad || n.word != policy.WordNR || g.nodes[n.yes].op != opSwitch {
		return nil, nil, false
	}
	return arch, g.partsOf(n.yes), true
}

// scale is n of all, as a part of whole.
func scale(n, whole, all uint64) int64 {
	high, low := bits.Mul64(n, whole)
	part, _ := bits.Div64(high, low, all)
	return int64(part)
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
