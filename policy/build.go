package policy

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/callgate/callgate/seccomp"
)

// This file turns rules into a diagram. The clauses of one number become a
// diagram over the arguments, the numbers of one architecture a diagram over the
// number, and those one over the architecture.

// joiner joins the clauses of rules in a space.
type joiner struct {
	*Space
	rules *compiledRules
	spans []span       // of the present table
	cases []conditions // of the present number and action
	// answer is the diagram that gives action, the one asked for last, to every
	// call; False is none yet.
	answer Node
	action seccomp.Action
}

// Build makes a policy of rules in a space of its own.
func Build(r Rules) (*Policy, error) {
	return newSpace(0, min(fewNodes+2*len(r.Rules), usualNodes)).Build(r)
}

// Build makes a policy of rules. It fails where the rules name no ABI, an ABI
// twice or a call that no ABI has, where a condition has no operator or an
// argument over 5, and with [ErrTooLarge]; all mistakes are reported at once. The
// policy keeps the rules, which must not change afterwards.
func (s *Space) Build(r Rules) (*Policy, error) {
	c, err := expand(r)
	if err != nil {
		return nil, err
	}
	j := &joiner{Space: s, rules: c}
	root, err := j.root()
	if err != nil {
		return nil, err
	}
	return &Policy{space: s, root: root, rules: c}, nil
}

func (j *joiner) root() (Node, error) {
	unlisted := j.always(j.rules.Unlisted)
	var archs []span
	for _, arch := range architectures(j.rules.ABIs) {
		numbers := unlisted
		for _, abi := range j.rules.ABIs {
			if abi.Arch() == arch {
				table, err := j.table(abi)
				if err != nil {
					return False, err
				}
				numbers = j.IfThenElse(j.numbersOf(abi), table, numbers)
			}
		}
		archs = append(archs, span{uint64(arch), uint64(arch), numbers})
	}
	slices.SortFunc(archs, byLow)
	root := j.split(fieldArch, 0, archs, unlisted)
	if j.Full() {
		return False, j.errFull()
	}
	return root, nil
}

// architectures are the AUDIT_ARCH values of abis, each once.
func architectures(abis []seccomp.ABI) []uint32 {
	var archs []uint32
	for _, a := range abis {
		if !slices.Contains(archs, a.Arch()) {
			archs = append(archs, a.Arch())
		}
	}
	return archs
}

// numbersOf is the set of calls whose number is in the space of abi, given
// that their architecture is: see [seccomp.ABIOf].
func (s *Space) numbersOf(abi seccomp.ABI) Node {
	x32 := s.And(s.AtLeast(WordNR, seccomp.X32.Base()), s.Not(s.Equal(WordNR, 0xffffffff)))
	switch abi {
	case seccomp.X32:
		return x32
	case seccomp.X86_64:
		return s.Not(x32)
	}
	return True
}

// always is the diagram that gives a to every call, in the form in which the
// kernel tells actions apart.
func (j *joiner) always(a seccomp.Action) Node {
	if a != j.action || j.answer == False {
		j.action, j.answer = a, j.Return(a.Canonical())
	}
	return j.answer
}

// table is the diagram over the numbers of one ABI. The error names the call
// whose rules the space has no room for.
func (j *joiner) table(abi seccomp.ABI) (Node, error) {
	fallback := j.always(j.rules.Default)
	j.spans = j.spans[:0]
	for clauses := j.rules.clauses[abi]; len(clauses) > 0; {
		nr, n := uint64(clauses[0].number()), sameNumber(clauses)
		j.spans = appendSpan(j.spans, span{nr, nr, j.verdict(abi, clauses[:n], fallback)})
		if j.Full() {
			return False, fmt.Errorf("policy: %d rules for %s: %w", n, spanName(abi, span{low: nr, high: nr}), j.errFull())
		}
		clauses = clauses[n:]
	}
	return j.split(fieldNR, 0, j.spans, fallback), nil
}

// verdict is the diagram over the arguments for the clauses of one number, in
// the order of precedence: the action of the first that holds.
func (j *joiner) verdict(abi seccomp.ABI, clauses []clause, fallback Node) Node {
	if c := clauses[0]; len(clauses) == 1 && !c.multiplexed() && len(j.rules.rule(c).When) == 0 {
		return j.always(j.rules.rule(c).Action) // as most are
	}
	for end := len(clauses); end > 0 && !j.Full(); {
		action, start := j.rules.rule(clauses[end-1]).Action, end-1
		for start > 0 && j.rules.rule(clauses[start-1]).Action == action {
			start--
		}
		j.cases = j.cases[:0]
		for _, c := range clauses[start:end] {
			j.cases = append(j.cases, j.rules.conditions(abi, c))
		}
		fallback = j.union(abi, j.cases, j.always(action), fallback)
		end = start
	}
	return fallback
}

// union answers yes where all conditions of any of cases hold, and no elsewhere.
// What is tested last is joined first, and the values of one argument all at
// once, so that the nodes in between are hardly more than those that stay.
func (s *Space) union(abi seccomp.ABI, cases []conditions, yes, no Node) Node {
	if len(cases) == 1 {
		return s.where(abi, cases[0], yes, no)
	}
	for arg := 5; arg >= 0; arg-- {
		no = s.values(abi, cases, arg, yes, no)
		for _, when := range cases {
			switch {
			case len(when) == 0:
				return yes
			case s.Full():
				return False
			case when.first() == arg && !when.areValue():
				no = s.where(abi, when, yes, no)
			}
		}
	}
	return no
}

// values answers yes where any of those cases holds that only give a value of
// arg, and no elsewhere.
func (s *Space) values(abi seccomp.ABI, cases []conditions, arg int, yes, no Node) Node {
	var f field
	var values []span
	for _, when := range cases {
		if when.areValue() && when[0].Arg == arg {
			var v uint64
			if f, _, v = when[0].operands(abi); v <= f.max() {
				values = append(values, span{v, v, True})
			}
		}
	}
	if len(values) == 0 {
		return no
	}
	slices.SortFunc(values, byLow)
	values = slices.Compact(values)
	if !s.behind(f, no) {
		return s.IfThenElse(s.split(f, 0, values, False), yes, no)
	}
	for i := range values {
		values[i].then = yes
	}
	return s.split(f, 0, values, no)
}

// Where is the set of calls through abi whose arguments are such that all of some
// conditions hold. Of the calls it looks at the arguments only.
func (s *Space) Where(abi seccomp.ABI, when []Condition) Node { return s.where(abi, when, True, False) }

// where answers yes where all conditions hold, and no elsewhere. They are joined
// from the last tested to the first.
func (s *Space) where(abi seccomp.ABI, when conditions, yes, no Node) Node {
	for arg := 5; arg >= 0; arg-- {
		for _, c := range when {
			if c.Arg == arg {
				yes = s.condition(abi, c, yes, no)
			}
		}
	}
	return yes
}

// condition answers yes where c holds, and no elsewhere.
func (s *Space) condition(abi seccomp.ABI, c Condition, yes, no Node) Node {
	f, mask, v := c.operands(abi)
	if s.behind(f, yes) && s.behind(f, no) {
		return s.compare(f, mask, c.Op, v, yes, no)
	}
	return s.IfThenElse(s.compare(f, mask, c.Op, v, True, False), yes, no)
}

// behind reports whether n tests nothing before the end of f.
func (s *Space) behind(f field, n Node) bool { return s.nodes[n].level >= f.end() }

// operands are what c compares on abi: f & mask with v.
func (c Condition) operands(abi seccomp.ABI) (f field, mask, v uint64) {
	f, mask, v = fieldArg(c.Arg), ^uint64(0), c.Value
	if c.Op == MaskedEQ {
		mask = c.Mask
	}
	if abi.WordBits() == 32 {
		f, mask, v = fieldArgLow(c.Arg), narrow(mask), narrow(v)
	}
	if c.Op == MaskedEQ {
		v &= mask
	}
	return f, mask, v
}

func byLow(a, b span) int { return cmp.Compare(a.low, b.low) }

// appendSpan appends sp, which is behind spans, to the last one where it goes on
// from there.
func appendSpan(spans []span, sp span) []span {
	if k := len(spans) - 1; k >= 0 && spans[k].then == sp.then && spans[k].high+1 == sp.low {
		spans[k].high = sp.high
		return spans
	}
	return append(spans, sp)
}

// split is the diagram for the values from first to first|f.max() that follows
// spans, which ascend, and elsewhere rest. Splitting at each bit in turn makes
// every node once.
func (s *Space) split(f field, first uint64, spans []span, rest Node) Node {
	if len(spans) == 0 {
		return rest
	}
	if len(spans) == 1 {
		low, high := max(spans[0].low, first), min(spans[0].high, first|f.max())
		switch {
		case high-low == f.max():
			return spans[0].then
		case low == high:
			return s.masked(f, f.max(), low-first, spans[0].then, rest)
		}
	}
	level := f.first
	f.first, f.bits = f.first+1, f.bits-1
	middle := first | 1<<f.bits
	from := sort.Search(len(spans), func(i int) bool { return spans[i].high >= middle })
	to := from // a span may have values on both sides
	if to < len(spans) && spans[to].low < middle {
		to++
	}
	return s.branch(level, s.split(f, first, spans[:to], rest), s.split(f, middle, spans[from:], rest))
}
