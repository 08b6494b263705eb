package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file turns rules into a diagram. A rule is first expanded into
// clauses, one for each number through which its call can be made; the
// clauses of one number then become a diagram over the arguments, the numbers
// of one architecture a diagram over the number, and those one over the
// architecture.

// clause is one way in which a rule applies: a number of an ABI and what must
// hold of the arguments.
type clause struct {
	abi  seccomp.ABI
	nr   uint32
	rule int  // index into Rules.Rules
	mux  bool // nr is that of a multiplexer
	when []Condition
}

// compiledRules are rules with their clauses by ABI and number.
type compiledRules struct {
	Rules
	clauses map[seccomp.ABI]map[uint32][]clause
}

// Build makes a policy of rules in a space of its own.
func Build(r Rules) (*Policy, error) { return NewSpace(0).Build(r) }

// Build makes a policy of rules. It fails where the rules name no ABI, an ABI
// twice or a call that no ABI has, where a condition has no operator or an
// argument over 5, and with [ErrTooLarge]; all mistakes are reported at once.
func (s *Space) Build(r Rules) (*Policy, error) {
	c, err := expand(r)
	if err != nil {
		return nil, err
	}
	root := s.Return(r.Unlisted)
	for _, arch := range architectures(r.ABIs) {
		numbers := s.Return(r.Unlisted)
		for _, abi := range r.ABIs {
			if abi.Arch() == arch {
				table, err := s.table(abi, c.clauses[abi], r)
				if err != nil {
					return nil, err
				}
				numbers = s.IfThenElse(s.numbersOf(abi), table, numbers)
			}
		}
		root = s.IfThenElse(s.Equal(WordArch, arch), numbers, root)
		if s.Full() {
			return nil, s.errFull()
		}
	}
	root = s.canonical(root)
	if s.Full() {
		return nil, s.errFull()
	}
	return &Policy{space: s, root: root, rules: c}, nil
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

// table is the diagram over the numbers of one ABI. The error names the call
// whose rules the space has no room for.
func (s *Space) table(abi seccomp.ABI, byNumber map[uint32][]clause, r Rules) (Node, error) {
	type entry struct {
		nr      uint32
		verdict Node
	}
	entries := make([]entry, 0, len(byNumber))
	for _, nr := range slices.Sorted(maps.Keys(byNumber)) {
		entries = append(entries, entry{nr, s.verdict(byNumber[nr], r)})
		if s.Full() {
			at := uint64(nr)
			return False, fmt.Errorf("policy: %d rules for %s: %w", len(byNumber[nr]), spanName(abi, span{low: at, high: at}), s.errFull())
		}
	}
	fallback := s.Return(r.Default)
	// Splitting at each bit in turn makes every node once.
	var build func(e []entry, bit int) Node
	build = func(e []entry, bit int) Node {
		switch {
		case len(e) == 0:
			return fallback
		case bit < 0:
			return e[0].verdict
		}
		i, _ := slices.BinarySearchFunc(e, 1, func(x entry, one int) int {
			return cmp.Compare(int(x.nr>>bit&1), one)
		})
		return s.branch(levelOf(WordNR, uint(bit)), build(e[:i], bit-1), build(e[i:], bit-1))
	}
	return build(entries, 31), nil
}

// verdict is the diagram over the arguments for the clauses of one number:
// the strictest action of those that hold.
func (s *Space) verdict(clauses []clause, r Rules) Node {
	ordered := slices.Clone(clauses)
	slices.SortStableFunc(ordered, func(a, b clause) int { return r.precedence(a.rule, b.rule) })
	n := s.Return(r.Default)
	for _, c := range slices.Backward(ordered) {
		n = s.IfThenElse(s.holds(c), s.Return(r.Rules[c.rule].Action), n)
		if s.Full() {
			return False
		}
	}
	return n
}

// precedence orders two rules that match the same call: the stricter first,
// then the one that stands first.
func (r Rules) precedence(a, b int) int {
	x, y := r.Rules[a].Action, r.Rules[b].Action
	switch {
	case x.Stricter(y):
		return -1
	case y.Stricter(x):
		return 1
	}
	return cmp.Compare(a, b)
}

// holds is the set of calls for which the conditions of c hold, given its
// architecture and number. They are joined from the last tested to the first,
// which makes no intermediate node twice.
func (s *Space) holds(c clause) Node {
	when := slices.Clone(c.when)
	slices.SortStableFunc(when, func(a, b Condition) int { return cmp.Compare(b.Arg, a.Arg) })
	set := True
	for _, cond := range when {
		set = s.And(s.condition(c.abi, cond), set)
	}
	return set
}

// condition is [Condition.Holds] as a set.
func (s *Space) condition(abi seccomp.ABI, c Condition) Node {
	f, v, mask := fieldArg(c.Arg), c.Value, ^uint64(0)
	if c.Op == MaskedEQ {
		mask = c.Mask
	}
	if abi.WordBits() == 32 {
		f, v, mask = fieldArgLow(c.Arg), narrow(v), narrow(mask)
	}
	if c.Op == MaskedEQ {
		v &= mask
	}
	return s.compare(f, mask, c.Op, v)
}

// expand checks rules and makes their clauses.
func expand(r Rules) (*compiledRules, error) {
	c := &compiledRules{Rules: r, clauses: map[seccomp.ABI]map[uint32][]clause{}}
	var errs []error
	if len(r.ABIs) == 0 {
		errs = append(errs, errors.New("policy: no ABI is listed, so that every call would be stopped: list at least one"))
	}
	for i, abi := range r.ABIs {
		if !abi.Valid() || slices.Contains(r.ABIs[:i], abi) {
			errs = append(errs, fmt.Errorf("policy: %v is listed twice or is no ABI", abi))
			continue
		}
		c.clauses[abi] = map[uint32][]clause{}
	}
	for i, rule := range r.Rules {
		if err := rule.check(); err != nil {
			errs = append(errs, rule.errorf(err))
			continue
		}
		for _, abi := range rule.ABIs {
			if !abi.Valid() {
				errs = append(errs, rule.errorf(fmt.Errorf("%v is no ABI", abi)))
			}
		}
		for abi, byNumber := range c.clauses {
			if len(rule.ABIs) > 0 && !slices.Contains(rule.ABIs, abi) {
				continue
			}
			for _, cl := range rule.clauses(abi) {
				cl.rule = i
				byNumber[cl.nr] = append(byNumber[cl.nr], cl)
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

func (r Rule) check() error {
	if r.Syscall != "" && !syscalls.Known(r.Syscall) {
		if near, ok := syscalls.Nearest(r.Syscall); ok {
			return fmt.Errorf("no ABI has a system call %q: is it %s?", r.Syscall, near)
		}
		return fmt.Errorf("no ABI has a system call %q", r.Syscall)
	}
	for _, c := range r.When {
		if c.Arg < 0 || c.Arg > 5 {
			return fmt.Errorf("condition on argument %d: a call has arguments 0 to 5", c.Arg)
		}
		if c.Op < EQ || c.Op > MaskedEQ {
			return fmt.Errorf("condition on argument %d has no operator", c.Arg)
		}
	}
	return nil
}

func (r Rule) errorf(err error) error {
	if at := r.Origin.String(); at != "" {
		return fmt.Errorf("%s: %w", at, err)
	}
	return fmt.Errorf("policy: %w", err)
}

// clauses are the ways in which r applies to abi: its own number, and the
// multiplexer's where the registers tell what the rule asks about.
func (r Rule) clauses(abi seccomp.ABI) []clause {
	if r.Syscall == "" {
		return []clause{{abi: abi, nr: r.Number, when: r.When}}
	}
	var out []clause
	if nr, ok := syscalls.Number(abi, r.Syscall); ok {
		out = append(out, clause{abi: abi, nr: nr, when: r.When})
	}
	if m, ok := syscalls.Through(abi, r.Syscall); ok {
		if when, ok := through(m, r.When); ok {
			out = append(out, clause{abi: abi, nr: m.Number, mux: true, when: when})
		}
	}
	return out
}

// through states the conditions on a call's own arguments as conditions on
// its multiplexer's registers; ok is false where one lies in memory.
func through(m syscalls.Multiplexed, when []Condition) (out []Condition, ok bool) {
	out = []Condition{{Arg: 0, Op: MaskedEQ, Mask: uint64(m.Mask), Value: uint64(m.Call)}}
	for _, c := range when {
		if c.Arg >= len(m.Args) || m.Args[c.Arg] < 0 {
			return nil, false
		}
		c.Arg = int(m.Args[c.Arg])
		out = append(out, c)
	}
	return out, true
}
