package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file writes a diagram as rules, the reverse of building one. The calls
// of each number are divided into parts with the same answer (parts.go), and
// each part that does not get the default becomes a rule; parts do not
// overlap, so that the order of rules does not matter. Rules say less than
// diagrams can: what was written is built again and compared, so that the
// result is the policy, or an error.
//
// Cost: for each of maxDefaults actions that may be the default, a walk over the
// paths of each number's diagram, up to maxDerived in all; then a few builds.

// ErrInexpressible is matched by the errors of [Policy.Derive].
var ErrInexpressible = errors.New("rules cannot express it")

// Bounds of what is derived, so that no filter, however odd, makes it a matter
// of minutes.
const (
	maxDefaults = 8       // actions that are tried as the default
	maxDerived  = 1 << 15 // rules
	maxUnnamed  = 64      // numbers without a name in a row that become rules by number
	maxReasons  = 10      // reasons why it cannot be done that are told
)

// Derive returns rules that make p. Where p was made from rules it is those.
// Otherwise the rules are by name wherever a number has one, and stand for all
// ABIs where all agree. A policy that gives every call the same answer lists
// no ABI.
//
// The error matches [ErrInexpressible] and says which calls rules cannot
// speak of: those of an ABI with another default than the first, of ABIs that
// are not known, of long ranges of numbers that no call has, those told apart
// by the instruction pointer, by the upper half of an argument of a 32-bit
// ABI or by tests that would take hundreds of rules, and calls that are
// treated in another way than the same call through a multiplexer.
func (p *Policy) Derive() (Rules, error) {
	if p.rules != nil {
		return p.rules.Rules, nil
	}
	d := deriver{s: p.space}
	if err := d.list(p.root); err != nil {
		return Rules{}, err
	}
	if len(d.sections) == 0 {
		return Rules{Default: d.unlisted, Unlisted: d.unlisted}, nil
	}
	best, err := d.best()
	if err != nil {
		return Rules{}, err
	}
	rules, err := d.check(p, best.finish(false))
	if errors.Is(err, ErrInexpressible) {
		rules, err = d.check(p, best.finish(true))
	}
	return rules, err
}

// deriver derives rules from one policy.
type deriver struct {
	s        *Space
	unlisted seccomp.Action
	sections []abiSection
}

// abiSection is what the numbers of a listed ABI lead to; numbers that are
// not of the ABI lead to True.
type abiSection struct {
	abi     seccomp.ABI
	numbers Node
}

// list finds the ABIs that are listed.
func (d *deriver) list(root Node) error {
	s := d.s
	rest := s.mostCommon(root, fieldArch)
	action, ok := s.Action(rest)
	if !ok {
		return fmt.Errorf("calls of unknown architectures are told apart: %w", ErrInexpressible)
	}
	d.unlisted = action
	other := root
	for _, arch := range architectures(seccomp.ABIs()) {
		n := s.Fix(root, WordArch, arch)
		other = s.IfThenElse(s.Equal(WordArch, arch), rest, other)
		for _, abi := range abisOf(arch) {
			inside := s.IfThenElse(s.numbersOf(abi), n, True)
			if exits := s.exits(inside, fieldNR); slices.ContainsFunc(exits, func(e Node) bool { return e != True && e != rest }) {
				d.sections = append(d.sections, abiSection{abi, inside})
			}
		}
	}
	if other != rest {
		return fmt.Errorf("architectures that are no known ABI's get several answers: %w", ErrInexpressible)
	}
	return nil
}

// best derives rules with each answer that may be the default, and returns
// those that leave out least and, among them, have to name fewest numbers.
func (d *deriver) best() (*draft, error) {
	var best *draft
	tried := map[seccomp.Action]bool{}
	for _, sec := range d.sections {
		for _, exit := range d.s.exits(sec.numbers, fieldNR) {
			a, ok := d.s.Action(exit)
			if !ok || tried[a] || len(tried) == maxDefaults {
				continue
			}
			tried[a] = true
			if f := d.draft(a); best == nil || f.worse() < best.worse() {
				best = f
			}
		}
	}
	if best == nil {
		return nil, fmt.Errorf("every call is told apart by its arguments: %w", ErrInexpressible)
	}
	if more := best.failed - len(best.errs); more > 0 {
		best.errs = append(best.errs, fmt.Errorf("and %d more", more))
	}
	return best, errors.Join(best.errs...)
}

// draft is an attempt at rules with a given default.
type draft struct {
	rules   Rules
	calls   []*derivedCall
	byName  map[string]*derivedCall
	unnamed int     // rules by number
	said    int     // rules
	failed  int     // reasons why it cannot be done
	errs    []error // the first maxReasons of them
}

// derivedCall is what each ABI says of one call.
type derivedCall struct {
	rule Rule // name or number
	on   []seccomp.ABI
	said []parts // by ABI of on
}

func (d *deriver) draft(fallback seccomp.Action) *draft {
	f := &draft{byName: map[string]*derivedCall{}}
	f.rules.Default, f.rules.Unlisted = fallback, d.unlisted
	for _, sec := range d.sections {
		f.rules.ABIs = append(f.rules.ABIs, sec.abi)
		spans, ok := d.s.spans(sec.numbers, fieldNR, 0, maxRanges)
		if !ok {
			f.fail("%v: its numbers are told apart by single bits", sec.abi)
			continue
		}
		for _, sp := range spans {
			if f.said > maxDerived {
				f.fail("more than %d rules", maxDerived)
				return f
			}
			if sp.then == True {
				continue
			}
			said, err := d.s.divide(sp.then, sec.abi, fallback)
			switch {
			case err != nil:
				f.fail("%s: %w", spanName(sec.abi, sp), err)
			case len(said) > 0:
				f.span(sec.abi, sp, said)
			}
		}
	}
	return f
}

func (f *draft) fail(format string, args ...any) {
	if f.failed++; f.failed > maxReasons {
		return
	}
	f.errs = append(f.errs, fmt.Errorf("%w: %w", fmt.Errorf(format, args...), ErrInexpressible))
}

// worse orders drafts.
func (f *draft) worse() int { return f.failed*maxRanges + f.unnamed }

// span notes what the calls of a range of numbers get.
func (f *draft) span(abi seccomp.ABI, sp span, said parts) {
	gap := sp.low // the first number that was not dealt with
	for nr, name := range syscalls.All(abi) {
		if uint64(nr) < sp.low || uint64(nr) > sp.high {
			continue
		}
		f.numbers(abi, gap, uint64(nr), said)
		f.say(Rule{Syscall: name}, abi, said)
		gap = uint64(nr) + 1
	}
	f.numbers(abi, gap, sp.high+1, said)
}

// numbers notes what the numbers from low up to but without high get, none of
// which has a name.
func (f *draft) numbers(abi seccomp.ABI, low, high uint64, said parts) {
	switch {
	case low >= high:
		return
	case high-low > maxUnnamed:
		f.fail("%s, which have no names, get %s", spanName(abi, span{low: low, high: high - 1}), said)
		return
	}
	for nr := low; nr < high; nr++ {
		f.unnamed++
		f.said += len(said)
		f.calls = append(f.calls, &derivedCall{rule: Rule{Number: uint32(nr)}, on: []seccomp.ABI{abi}, said: []parts{said}})
	}
}

func (f *draft) say(r Rule, abi seccomp.ABI, said parts) {
	c := f.byName[r.Syscall]
	if c == nil {
		c = &derivedCall{rule: r}
		f.byName[r.Syscall] = c
		f.calls = append(f.calls, c)
	}
	c.on = append(c.on, abi)
	c.said = append(c.said, said)
	f.said += len(said)
}

// finish makes rules of what was noted. Rules on which all ABIs agree that
// have the call name none, and so stand for ABIs that have it only through a
// multiplexer, too; strict rules name them.
func (f *draft) finish(strict bool) Rules {
	out := f.rules
	for _, c := range f.calls {
		for len(c.on) > 0 {
			said, abis, rest := c.said[0], []seccomp.ABI(nil), &derivedCall{rule: c.rule}
			for i, abi := range c.on {
				if slices.EqualFunc(said, c.said[i], part.equal) {
					abis = append(abis, abi)
				} else {
					rest.on, rest.said = append(rest.on, abi), append(rest.said, c.said[i])
				}
			}
			if !strict && c.rule.Syscall != "" && len(abis) == f.having(c.rule.Syscall) {
				abis = nil
			}
			for _, p := range said {
				r := c.rule
				r.ABIs, r.When, r.Action = abis, p.when, p.action
				out.Rules = append(out.Rules, r)
			}
			c = rest
		}
	}
	return out
}

// having is the number of listed ABIs that have a call.
func (f *draft) having(name string) int {
	n := 0
	for _, abi := range f.rules.ABIs {
		if _, ok := syscalls.Number(abi, name); ok {
			n++
		}
	}
	return n
}

// check builds the rules and compares. The rules for a multiplexer are left
// out where those for the calls behind it say as much.
func (d *deriver) check(p *Policy, r Rules) (Rules, error) {
	for _, mux := range []string{"socketcall", "ipc"} {
		fewer := r
		fewer.Rules = slices.DeleteFunc(slices.Clone(r.Rules), func(r Rule) bool { return r.Syscall == mux })
		if len(fewer.Rules) == len(r.Rules) {
			continue
		}
		if built, err := d.s.Build(fewer); err == nil && built.root == p.root {
			r = fewer
		}
	}
	built, err := d.s.Build(r)
	if err != nil {
		return Rules{}, err
	}
	if built.root == p.root {
		return r, nil
	}
	found, err := Diff(p, built)
	if err != nil {
		return Rules{}, err
	}
	first := found[0]
	return Rules{}, fmt.Errorf("%s gets %v, but the rules for other calls would make that %v: %w",
		spanName(first.ABI, span{low: uint64(first.Call.NR), high: uint64(first.Call.NR)}), first.A, first.B, ErrInexpressible)
}

// spanName names a range of numbers in an error.
func spanName(abi seccomp.ABI, sp span) string {
	if sp.low != sp.high {
		return fmt.Sprintf("numbers %s..%s of %v", number(sp.low), number(sp.high), abi)
	}
	if name, ok := syscalls.Name(abi, uint32(sp.low)); ok {
		return fmt.Sprintf("%s of %v", name, abi)
	}
	return fmt.Sprintf("number %s of %v", number(sp.low), abi)
}
