package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file checks rules, and expands each into clauses, one for each number
// through which its call can be made.

// compiledRules are rules with their clauses by ABI.
type compiledRules struct {
	Rules
	clauses map[seccomp.ABI][]clause // by ascending number, and in the order of precedence
	through map[abiClause]conditions // of the clauses whose number is that of a multiplexer
}

// abiClause is a clause of an ABI.
type abiClause struct {
	abi    seccomp.ABI
	clause clause
}

// clause is one way in which a rule applies to an ABI: by a number, its upper
// half, that is the call's own or a multiplexer's. Clauses of one number sort by
// their rules.
type clause uint64

func newClause(nr uint32, rule int, mux bool) clause {
	c := clause(nr)<<32 | clause(rule)<<1
	if mux {
		c |= 1
	}
	return c
}

func (c clause) number() uint32 { return uint32(c >> 32) }

// rule is an index into Rules.Rules.
func (c clause) rule() int { return int(uint32(c) >> 1) }

// multiplexed reports whether the number is that of a multiplexer.
func (c clause) multiplexed() bool { return c&1 == 1 }

// sameNumber is how many of clauses are about the number that the first is about.
func sameNumber(clauses []clause) int {
	n := 1
	for n < len(clauses) && clauses[n].number() == clauses[0].number() {
		n++
	}
	return n
}

// rule is the rule of a clause.
func (r *compiledRules) rule(c clause) *Rule { return &r.Rules.Rules[c.rule()] }

// of are the clauses of one number in the order of precedence.
func (r *compiledRules) of(abi seccomp.ABI, nr uint32) []clause {
	all := r.clauses[abi]
	from, ok := slices.BinarySearchFunc(all, nr, func(c clause, nr uint32) int { return cmp.Compare(c.number(), nr) })
	if !ok {
		return nil
	}
	return all[from : from+sameNumber(all[from:])]
}

// conditions are those under which c holds, as conditions on the registers of
// its number's call.
func (r *compiledRules) conditions(abi seccomp.ABI, c clause) conditions {
	if c.multiplexed() {
		return r.through[abiClause{abi, c}]
	}
	return r.rule(c).When
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

// conditions are what must hold of a call's arguments, all of them.
type conditions []Condition

func (when conditions) hold(abi seccomp.ABI, args [6]uint64) bool {
	for _, c := range when {
		if !c.Holds(abi, args) {
			return false
		}
	}
	return true
}

// first is the argument that is asked about first.
func (when conditions) first() int {
	first := when[0].Arg
	for _, c := range when[1:] {
		first = min(first, c.Arg)
	}
	return first
}

// areValue reports whether the conditions ask for one value of an argument.
func (when conditions) areValue() bool { return len(when) == 1 && when[0].Op == EQ }

// expand checks rules and makes their clauses.
func expand(r Rules) (*compiledRules, error) {
	calls, err := r.check()
	if err != nil {
		return nil, err
	}
	c := &compiledRules{Rules: r, clauses: make(map[seccomp.ABI][]clause, len(r.ABIs)), through: map[abiClause]conditions{}}
	unsorted := make([]clause, 0, len(r.Rules)+len(r.Rules)/8)
	for _, abi := range r.ABIs {
		unsorted = unsorted[:0]
		for i := range r.Rules {
			unsorted = c.appendClauses(unsorted, abi, i, calls[i])
		}
		clauses := sorted(unsorted)
		for same := clauses; len(same) > 0; {
			n := sameNumber(same)
			if n > 1 {
				slices.SortFunc(same[:n], c.precedence)
			}
			same = same[n:]
		}
		c.clauses[abi] = clauses
	}
	return c, nil
}

// appendClauses appends the clauses of rule i, which is about call, for abi: the
// call's own number, and the multiplexer's where the registers tell what the rule
// asks about.
func (r *compiledRules) appendClauses(out []clause, abi seccomp.ABI, i int, call syscalls.Call) []clause {
	rule := &r.Rules.Rules[i]
	if len(rule.ABIs) > 0 && !slices.Contains(rule.ABIs, abi) {
		return out
	}
	if rule.Syscall == "" {
		return append(out, newClause(rule.Number, i, false))
	}
	if nr, ok := call.Number(abi); ok {
		out = append(out, newClause(nr, i, false))
	}
	if m, ok := call.Through(abi); ok {
		if when, ok := through(m, rule.When); ok {
			c := newClause(m.Number, i, true)
			r.through[abiClause{abi, c}] = when
			out = append(out, c)
		}
	}
	return out
}

// closeTogether is how far apart numbers may be that are sorted by counting.
const closeTogether = 1024

// sorted are clauses, which are in the order of their rules, by their numbers. It
// counts where these are close together, as those of system calls are.
func sorted(clauses []clause) []clause {
	low, high := uint32(0xffffffff), uint32(0)
	for _, c := range clauses {
		low, high = min(low, c.number()), max(high, c.number())
	}
	out := make([]clause, len(clauses))
	if len(clauses) == 0 || high-low > closeTogether {
		copy(out, clauses)
		slices.Sort(out)
		return out
	}
	var counts [closeTogether + 2]int32
	before := counts[:high-low+2] // how many numbers are lower
	for _, c := range clauses {
		before[c.number()-low+1]++
	}
	for i := 1; i < len(before); i++ {
		before[i] += before[i-1]
	}
	for _, c := range clauses {
		at := &before[c.number()-low]
		out[*at] = c
		*at++
	}
	return out
}

// precedence orders two clauses that match the same call: the one of the stricter
// rule first, then that of the rule that stands first.
func (r *compiledRules) precedence(a, b clause) int {
	x, y := r.rule(a).Action, r.rule(b).Action
	switch {
	case x.Stricter(y):
		return -1
	case y.Stricter(x):
		return 1
	}
	return cmp.Compare(a, b)
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
