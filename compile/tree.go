package compile

import (
	"cmp"
	"math"
	"slices"
)

// This file turns a switch into a tree of comparisons. What a tree costs is how
// many tests a call meets on the average, and each test in it once more, at the
// price of one instruction.
//
// Of all trees that split the ranges at a bound, and tell single values between
// two ranges with one target by a chain of equalities at the end, the cheapest
// is found by dynamic programming. Where time matters, a split is looked for only
// about those of the two runs of ranges that are shorter by one (Knuth, "Optimum
// Binary Search Trees", 1971), which is exact for trees without chains, and
// hardly ever misses the optimum with them.

const (
	// wholeWeight is the weight of all calls together. It is whole numbers so
	// that every machine makes the same tree.
	wholeWeight = 1 << 32
	// costShift makes costs of weights: with it those of the largest switch fit.
	costShift = 12
	// maxChain bounds how many equalities stand behind each other.
	maxChain = 6
	// fewParts is a number of ranges for which the smallest tree is taken where
	// nothing is counted: no way through it is long.
	fewParts = 12
	// maxExact bounds the ranges for which the cheapest tree is looked for, and
	// maxLight those to which hardly a call goes.
	maxExact = 192
	maxLight = 48
	// usualParts is as many as usual policies have in a switch that is planned
	// whole.
	usualParts = 64
	// lightWeight is what hardly a call is.
	lightWeight = wholeWeight / 8
)

// cost is what a tree costs. It has 32 bits so that the plan of a large switch
// fits into the cache of a processor.
type cost int32

const maxCost = math.MaxInt32

func costOf(weight int64) cost { return cost(weight >> costShift) }

// planner makes trees.
type planner struct {
	*graph
	price cost // of one instruction
	exact int  // the ranges for which the cheapest tree is looked for
	near  int  // how far from those of shorter runs a split is looked for
	n     int  // the parts of the present plan, and of each row below
	costs []cost
	root  []int16 // where to split; the best split even where a chain is cheaper
	ends  []bool  // whether a chain is cheaper
	sums  []cost  // of the parts before each
	chains
}

// aim sets what the trees of a switch are to be good at.
func (t *planner) aim(parts []part, o Options) {
	t.exact, t.price, t.near = maxExact, costOf(wholeWeight/1024), 1
	switch {
	case o.Optimize == Unchanged:
		t.exact = 1
	case o.Optimize == Size || len(parts) <= fewParts && len(o.Weights) == 0:
		t.price, t.near = costOf(4*wholeWeight), maxExact
	case weightOf(parts) < lightWeight:
		t.exact, t.near = maxLight, 0
	}
}

// tree is the cheapest way to the parts of a switch.
func (t *planner) tree(parts []part) id {
	if len(parts) == 1 {
		return parts[0].to
	}
	if len(parts) > t.exact {
		at := middle(parts)
		return t.jump(opAtLeast, parts[at].low, t.tree(parts[at:]), t.tree(parts[:at]))
	}
	all := t.plan(parts)
	if heavy := heaviest(parts); heavy >= 0 {
		rest := without(parts, heavy)
		if t.plan(rest)+t.price+costOf(weightOf(parts)) < all {
			return t.jump(opEqual, parts[heavy].low, parts[heavy].to, t.tree(rest))
		}
		t.plan(parts)
	}
	return t.build(parts, 0, len(parts)-1)
}

func weightOf(parts []part) (all int64) {
	for _, p := range parts {
		all += p.weight
	}
	return all
}

// heaviest is a single value to which more than half of the calls go; -1 is
// none. Asking about it first may be better than any split.
func heaviest(parts []part) int {
	half := weightOf(parts) / 2
	return slices.IndexFunc(parts, func(p part) bool { return p.low == p.high && p.weight > half })
}

// without are the parts less one, whose value goes with a neighbour.
func without(parts []part, i int) []part {
	out := slices.Clone(parts[:i])
	rest := parts[i+1:]
	if i > 0 && len(rest) > 0 && out[i-1].to == rest[0].to {
		out[i-1].high = rest[0].high
		out[i-1].weight += rest[0].weight
		rest = rest[1:]
	}
	out = append(out, rest...)
	if i > 0 {
		out[i-1].high = max(out[i-1].high, parts[i].high)
	} else {
		out[0].low = parts[0].low
	}
	return out
}

// middle is the split that halves the weights best, where every part weighs as
// much as the average one more.
func middle(parts []part) int {
	all := weightOf(parts)
	each := all/int64(len(parts)) + 1
	all += each * int64(len(parts))
	var below int64
	for i, p := range parts {
		if i > 0 && 2*below+p.weight+each > all {
			return i
		}
		below += p.weight + each
	}
	return len(parts) - 1
}

// plan finds the cheapest trees for all runs of parts, and is the cost of the one
// for all of them.
func (t *planner) plan(parts []part) cost {
	n := len(parts)
	t.n = n
	t.grow(n)
	t.sums = append(t.sums[:0], 0)
	for i, p := range parts {
		t.sums = append(t.sums, t.sums[i]+costOf(p.weight))
		t.costs[i*n+i], t.root[i*n+i] = 0, int16(i)
	}
	for i := n - 2; i >= 0; i-- {
		chains := &t.chains
		chains.start(parts[i:])
		row, root, ends := t.costs[i*n:][:n], t.root[i*n:][:n], t.ends[i*n:][:n]
		for j := i + 1; j < n; j++ {
			from := max(int(root[j-1])-t.near, i+1)
			to := min(max(int(t.root[(i+1)*n+j])+t.near, from), j)
			best, split := cost(maxCost), from
			for k, below := from, t.costs[from*n+j:]; ; k, below = k+1, below[n:] {
				if c := row[k-1] + below[0]; c < best {
					best, split = c, k
				}
				if k == to {
					break
				}
			}
			best += t.price + t.sums[j+1] - t.sums[i]
			chained := false
			if chains.at[0].ok || chains.at[1].ok {
				c, ok := chains.next(t.price)
				if chained = ok && c <= best; chained {
					best = c
				}
			}
			ends[j] = chained
			row[j], root[j] = best, int16(split)
		}
	}
	return t.costs[n-1]
}

// grow makes room for plans of n parts, and of somewhat larger ones.
func (t *planner) grow(n int) {
	if len(t.costs) < n*n {
		if n += 8; n > fewParts+8 {
			n = max(n, usualParts)
		}
		t.costs, t.root, t.ends = make([]cost, n*n), make([]int16, n*n), make([]bool, n*n)
	}
}

// build makes the tree that was planned for parts i to j.
func (t *planner) build(parts []part, i, j int) id {
	if i == j {
		return parts[i].to
	}
	if !t.ends[i*t.n+j] {
		at := int(t.root[i*t.n+j])
		no := t.build(parts, i, at-1)
		return t.jump(opAtLeast, parts[at].low, t.build(parts, at, j), no)
	}
	base, singles := t.chainOf(parts[i : j+1])
	r := parts[i+base].to
	for _, s := range slices.Backward(singles) {
		r = t.jump(opEqual, s.low, s.to, r)
	}
	return r
}

// chainOf are the single values of parts that a chain tells from the rest, which
// is what goes where the part at base goes: the heaviest first.
func (t *planner) chainOf(parts []part) (base int, singles []part) {
	t.chains.start(parts)
	for range len(parts) - 1 {
		t.chains.next(0)
	}
	if !t.chains.at[0].ok {
		base = 1
	}
	for i, p := range parts {
		if i%2 != base {
			singles = append(singles, p)
		}
	}
	slices.SortStableFunc(singles, func(a, b part) int { return cmp.Compare(b.weight, a.weight) })
	return base, singles
}

// chains are the chains for the runs that start at the first of some parts: one
// in which the values of the odd parts are told from the even ones, one the
// reverse.
type chains struct {
	parts []part // those that follow
	odd   bool   // whether the next one is
	at    [2]chain
}

// chain is one for the parts so far.
type chain struct {
	ok     bool
	base   id             // where what is not told apart goes
	rest   cost           // what it weighs
	single [maxChain]cost // what the values weigh, the heaviest first
	n      int
}

func (c *chains) start(parts []part) {
	c.parts, c.odd = parts, false
	c.at[0], c.at[1] = chain{ok: true}, chain{ok: true}
	c.next(0)
}

// next makes the run longer by one part, and is the cost of the cheaper chain.
func (c *chains) next(price cost) (least cost, ok bool) {
	p := &c.parts[0]
	for b := range c.at {
		if ch := &c.at[b]; ch.ok {
			ch.take(p, c.odd == (b == 1))
			if ch.ok && (!ok || ch.cost(price) < least) {
				least, ok = ch.cost(price), true
			}
		}
	}
	c.parts, c.odd = c.parts[1:], !c.odd
	return least, ok
}

func (c *chain) take(p *part, base bool) {
	switch {
	case base:
		c.ok = c.base == 0 || c.base == p.to
		c.base = p.to
		c.rest += costOf(p.weight)
	case p.low != p.high || c.n == maxChain:
		c.ok = false
	default:
		i, w := c.n, costOf(p.weight)
		for ; i > 0 && c.single[i-1] < w; i-- {
			c.single[i] = c.single[i-1]
		}
		c.single[i] = w
		c.n++
	}
}

func (c *chain) cost(price cost) cost {
	sum := cost(c.n) * (price + c.rest)
	for i, w := range c.single[:c.n] {
		sum += cost(i+1) * w
	}
	return sum
}

// trees replaces every switch by a tree, which uses its parts up, and leaves nodes
// behind that nothing leads to.
func (g *graph) trees(o Options) {
	t := &planner{graph: newGraph(g.limit)}
	done := make([]id, len(g.nodes))
	for _, n := range g.order() {
		x := g.nodes[n]
		if x.op == opSwitch {
			parts := g.partsOf(n)
			for i := range parts {
				parts[i].to = done[parts[i].to]
			}
			parts = join(parts)
			t.aim(parts, o)
			done[n] = t.tree(parts)
			continue
		}
		x.yes, x.no = done[x.yes], done[x.no]
		done[n] = t.add(x)
	}
	t.graph.root = done[g.root]
	*g = *t.graph
}
