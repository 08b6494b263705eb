package policy

import (
	"cmp"
	"errors"
	"fmt"
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
	mux  bool // nr is that of a multiplexer
	nr   uint32
	rule int // index into Rules.Rules
	when []Condition
}

// compiledRules are rules with their clauses by ABI and number.
type compiledRules struct {
	Rules
	clauses map[seccomp.ABI][]clause // by ascending number, and in the order of precedence
}

// of are the clauses of one number in the order of precedence.
func (r *compiledRules) of(abi seccomp.ABI, nr uint32) []clause {
	all := r.clauses[abi]
	from, ok := slices.BinarySearchFunc(all, nr, func(c clause, nr uint32) int { return cmp.Compare(c.nr, nr) })
	if !ok {
		return nil
	}
	return all[from : from+sameNumber(all[from:])]
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
	unlisted := s.answer(r.Unlisted)
	var archs []entry
	for _, arch := range architectures(r.ABIs) {
		numbers := unlisted
		for _, abi := range r.ABIs {
			if abi.Arch() == arch {
				table, err := s.table(abi, c.clauses[abi], &r)
				if err != nil {
					return nil, err
				}
				numbers = s.IfThenElse(s.numbersOf(abi), table, numbers)
			}
		}
		archs = append(archs, entry{uint64(arch), numbers})
	}
	slices.SortFunc(archs, byValue)
	root := s.split(fieldArch, archs, unlisted)
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

// entry is a value of a number and the diagram for it.
type entry struct {
	value uint64
	then  Node
}

func byValue(a, b entry) int { return cmp.Compare(a.value, b.value) }

// split is the diagram of entries, which ascend by value, and of rest for all
// other values of f. Splitting at each bit in turn makes every node once.
func (s *Space) split(f field, entries []entry, rest Node) Node {
	switch len(entries) {
	case 0:
		return rest
	case 1:
		return s.masked(f, f.max(), entries[0].value&f.max(), entries[0].then, rest)
	}
	level := f.first
	f.first, f.bits = f.first+1, f.bits-1
	i, n := 0, len(entries) // the first with the bit set is one of i to n
	for i < n {
		if mid := (i + n) / 2; entries[mid].value>>f.bits&1 == 0 {
			i = mid + 1
		} else {
			n = mid
		}
	}
	return s.branch(level, s.split(f, entries[:i], rest), s.split(f, entries[i:], rest))
}

// table is the diagram over the numbers of one ABI. The error names the call
// whose rules the space has no room for.
func (s *Space) table(abi seccomp.ABI, clauses []clause, r *Rules) (Node, error) {
	fallback := s.answer(r.Default)
	entries := make([]entry, 0, len(clauses))
	for len(clauses) > 0 {
		nr, n := uint64(clauses[0].nr), sameNumber(clauses)
		entries = append(entries, entry{nr, s.verdict(clauses[:n], r, fallback)})
		if s.Full() {
			return False, fmt.Errorf("policy: %d rules for %s: %w", n, spanName(abi, span{low: nr, high: nr}), s.errFull())
		}
		clauses = clauses[n:]
	}
	return s.split(fieldNR, entries, fallback), nil
}

// sameNumber is how many of clauses are about the number that the first is about.
func sameNumber(clauses []clause) int {
	n := 1
	for n < len(clauses) && clauses[n].nr == clauses[0].nr {
		n++
	}
	return n
}

// answer is the diagram that gives a to every call, in the form in which the
// kernel tells actions apart.
func (s *Space) answer(a seccomp.Action) Node { return s.Return(a.Canonical()) }

// verdict is the diagram over the arguments for the clauses of one number, in
// the order of precedence: the action of the first that holds.
func (s *Space) verdict(clauses []clause, r *Rules, fallback Node) Node {
	for end := len(clauses); end > 0 && !s.Full(); {
		action, start := r.Rules[clauses[end-1].rule].Action, end-1
		for start > 0 && r.Rules[clauses[start-1].rule].Action == action {
			start--
		}
		fallback = s.union(clauses[start:end], s.answer(action), fallback)
		end = start
	}
	return fallback
}

// precedence orders two rules that match the same call: the stricter first,
// then the one that stands first.
func (r *Rules) precedence(a, b int) int {
	x, y := r.Rules[a].Action, r.Rules[b].Action
	switch {
	case x.Stricter(y):
		return -1
	case y.Stricter(x):
		return 1
	}
	return cmp.Compare(a, b)
}

// union answers yes where any of clauses holds, and no elsewhere. What is
// tested last is joined first, and the values of one argument all at once, so
// that the nodes in between are hardly more than those that stay.
func (s *Space) union(clauses []clause, yes, no Node) Node {
	if len(clauses) == 1 {
		return s.where(clauses[0], yes, no)
	}
	for arg := 5; arg >= 0; arg-- {
		no = s.values(clauses, arg, yes, no)
		for _, c := range clauses {
			switch {
			case len(c.when) == 0:
				return yes
			case s.Full():
				return False
			case c.first() == arg && !c.isValue():
				no = s.where(c, yes, no)
			}
		}
	}
	return no
}

// values answers yes where any of those clauses holds that only give a value
// of arg, and no elsewhere.
func (s *Space) values(clauses []clause, arg int, yes, no Node) Node {
	var f field
	var entries []entry
	for _, c := range clauses {
		if c.isValue() && c.when[0].Arg == arg {
			var v uint64
			if f, _, v = c.when[0].operands(c.abi); v <= f.max() {
				entries = append(entries, entry{v, True})
			}
		}
	}
	slices.SortFunc(entries, byValue)
	entries = slices.Compact(entries)
	if !s.behind(f, no) {
		return s.IfThenElse(s.split(f, entries, False), yes, no)
	}
	for i := range entries {
		entries[i].then = yes
	}
	return s.split(f, entries, no)
}

// where answers yes where c holds, and no elsewhere. Its conditions are joined
// from the last tested to the first.
func (s *Space) where(c clause, yes, no Node) Node {
	for arg := 5; arg >= 0; arg-- {
		for _, cond := range c.when {
			if cond.Arg == arg {
				yes = s.condition(c.abi, cond, yes, no)
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

// first is the argument that c asks about first.
func (c clause) first() int {
	first := c.when[0].Arg
	for _, cond := range c.when[1:] {
		first = min(first, cond.Arg)
	}
	return first
}

// isValue reports whether c asks for one value of an argument.
func (c clause) isValue() bool { return len(c.when) == 1 && c.when[0].Op == EQ }

// expand checks rules and makes their clauses.
func expand(r Rules) (*compiledRules, error) {
	calls, err := r.check()
	if err != nil {
		return nil, err
	}
	c := &compiledRules{Rules: r, clauses: make(map[seccomp.ABI][]clause, len(r.ABIs))}
	var keys []key
	for _, abi := range r.ABIs {
		keys = slices.Grow(keys[:0], len(r.Rules))
		for i := range r.Rules {
			keys = r.Rules[i].keys(keys, abi, i, calls[i])
		}
		keys = sorted(keys)
		clauses := make([]clause, len(keys))
		for i, k := range keys {
			clauses[i] = r.clause(k, abi, calls)
		}
		for same := clauses; len(same) > 0; {
			n := sameNumber(same)
			if n > 1 {
				slices.SortFunc(same[:n], func(a, b clause) int { return r.precedence(a.rule, b.rule) })
			}
			same = same[n:]
		}
		c.clauses[abi] = clauses
	}
	return c, nil
}

// check reports all mistakes at once, and returns the calls that the rules
// name.
func (r *Rules) check() ([]syscalls.Call, error) {
	var errs []error
	if len(r.ABIs) == 0 {
		errs = append(errs, errors.New("policy: no ABI is listed, so that every call would be stopped: list at least one"))
	}
	for i, abi := range r.ABIs {
		if !abi.Valid() || slices.Contains(r.ABIs[:i], abi) {
			errs = append(errs, fmt.Errorf("policy: %v is listed twice or is no ABI", abi))
		}
	}
	calls := make([]syscalls.Call, len(r.Rules))
	for i := range r.Rules {
		rule := &r.Rules[i]
		call, err := rule.check()
		if err != nil {
			errs = append(errs, rule.errorf(err))
			continue
		}
		for _, abi := range rule.ABIs {
			if !abi.Valid() {
				errs = append(errs, rule.errorf(fmt.Errorf("%v is no ABI", abi)))
			}
		}
		calls[i] = call
	}
	return calls, errors.Join(errs...)
}

func (r *Rule) check() (call syscalls.Call, err error) {
	if r.Syscall != "" {
		var ok bool
		if call, ok = syscalls.Find(r.Syscall); !ok {
			if near, ok := syscalls.Nearest(r.Syscall); ok {
				return call, fmt.Errorf("no ABI has a system call %q: is it %s?", r.Syscall, near)
			}
			return call, fmt.Errorf("no ABI has a system call %q", r.Syscall)
		}
	}
	for _, c := range r.When {
		if c.Arg < 0 || c.Arg > 5 {
			return call, fmt.Errorf("condition on argument %d: a call has arguments 0 to 5", c.Arg)
		}
		if c.Op < EQ || c.Op > MaskedEQ {
			return call, fmt.Errorf("condition on argument %d has no operator", c.Arg)
		}
	}
	return call, nil
}

func (r *Rule) errorf(err error) error {
	if at := r.Origin.String(); at != "" {
		return fmt.Errorf("%s: %w", at, err)
	}
	return fmt.Errorf("policy: %w", err)
}

// key is a clause by its number, its rule, and whether the number is that of a
// multiplexer, so that it sorts by them.
type key uint64

func (k key) number() uint32 { return uint32(k >> 32) }

// sorted sorts keys that are in the order of their rules: by counting where the
// numbers are close together, as those of system calls are.
func sorted(keys []key) []key {
	low, high := uint32(0xffffffff), uint32(0)
	for _, k := range keys {
		low, high = min(low, k.number()), max(high, k.number())
	}
	if len(keys) == 0 || high-low > 1024 {
		slices.Sort(keys)
		return keys
	}
	var before [1024 + 2]int32 // how many numbers are lower
	for _, k := range keys {
		before[k.number()-low+1]++
	}
	for i := 1; i < len(before); i++ {
		before[i] += before[i-1]
	}
	out := make([]key, len(keys))
	for _, k := range keys {
		at := &before[k.number()-low]
		out[*at] = k
		*at++
	}
	return out
}

// keys appends the ways in which r, which is rule i and about call, applies to
// abi: its own number, and the multiplexer's where the registers tell what the
// rule asks about.
func (r *Rule) keys(out []key, abi seccomp.ABI, i int, call syscalls.Call) []key {
	add := func(nr uint32, mux key) { out = append(out, key(nr)<<32|key(i)<<1|mux) }
	if len(r.ABIs) > 0 && !slices.Contains(r.ABIs, abi) {
		return out
	}
	if r.Syscall == "" {
		add(r.Number, 0)
		return out
	}
	if nr, ok := call.Number(abi); ok {
		add(nr, 0)
	}
	if m, ok := call.Through(abi); ok {
		if _, ok := through(m, r.When); ok {
			add(m.Number, 1)
		}
	}
	return out
}

// clause is the clause of a key.
func (r *Rules) clause(k key, abi seccomp.ABI, calls []syscalls.Call) clause {
	i := int(uint32(k) >> 1)
	c := clause{abi: abi, nr: k.number(), rule: i, when: r.Rules[i].When, mux: k&1 == 1}
	if c.mux {
		m, _ := calls[i].Through(abi)
		c.when, _ = through(m, c.when)
	}
	return c
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
