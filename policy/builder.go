package policy

import (
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// Builder collects rules one call at a time. Its methods return it, so that a
// policy can be written as one expression; mistakes are reported by
// [Builder.Build], all at once.
type Builder struct{ rules Rules }

// New returns a builder of a policy that answers fallback where no rule
// matches, for programs of the given ABIs. Calls through any other ABI end
// the thread.
func New(fallback seccomp.Action, abis ...seccomp.ABI) *Builder {
	return &Builder{Rules{Default: fallback, ABIs: slices.Clone(abis)}}
}

// Allow adds a rule for each name that allows the call whatever its
// arguments.
func (b *Builder) Allow(names ...string) *Builder {
	for _, name := range names {
		b.Rule(seccomp.Allow, name)
	}
	return b
}

// Deny adds a rule for each name that fails the call with errno e.
func (b *Builder) Deny(e seccomp.Errno, names ...string) *Builder {
	for _, name := range names {
		b.Rule(seccomp.ReturnErrno(e), name)
	}
	return b
}

// Rule adds a rule that answers the call name with a where all conditions
// hold.
func (b *Builder) Rule(a seccomp.Action, name string, when ...Condition) *Builder {
	return b.Add(Rule{Syscall: name, When: when, Action: a})
}

// Number adds a rule for a call by its number in the number space of abi,
// which for x32 starts at 0x40000000.
func (b *Builder) Number(a seccomp.Action, abi seccomp.ABI, nr uint32, when ...Condition) *Builder {
	return b.Add(Rule{Number: nr, ABIs: []seccomp.ABI{abi}, When: when, Action: a})
}

// Add adds rules as they are.
func (b *Builder) Add(rules ...Rule) *Builder {
	b.rules.Rules = append(b.rules.Rules, rules...)
	return b
}

// Unlisted sets the action for calls through ABIs that were not given to
// [New]; it is KILL_THREAD unless set.
func (b *Builder) Unlisted(a seccomp.Action) *Builder {
	b.rules.Unlisted = a
	return b
}

// Rules are the rules so far.
func (b *Builder) Rules() Rules {
	r := b.rules
	r.ABIs, r.Rules = slices.Clone(r.ABIs), slices.Clone(r.Rules)
	return r
}

// Build makes the policy. See [Space.Build] for the errors.
func (b *Builder) Build() (*Policy, error) { return Build(b.Rules()) }

// Arg is an argument register, for writing conditions: Arg(0).EQ(1).
type Arg int

// EQ holds where the argument is v.
func (a Arg) EQ(v uint64) Condition { return Condition{Arg: int(a), Op: EQ, Value: v} }

// NE holds where the argument is not v.
func (a Arg) NE(v uint64) Condition { return Condition{Arg: int(a), Op: NE, Value: v} }

// LT holds where the argument is less than v, unsigned.
func (a Arg) LT(v uint64) Condition { return Condition{Arg: int(a), Op: LT, Value: v} }

// LE holds where the argument is v or less, unsigned.
func (a Arg) LE(v uint64) Condition { return Condition{Arg: int(a), Op: LE, Value: v} }

// GE holds where the argument is v or more, unsigned.
func (a Arg) GE(v uint64) Condition { return Condition{Arg: int(a), Op: GE, Value: v} }

// GT holds where the argument is more than v, unsigned.
func (a Arg) GT(v uint64) Condition { return Condition{Arg: int(a), Op: GT, Value: v} }

// Masked holds where the bits of the argument that are set in mask are those
// of v; bits of v outside mask do not count.
func (a Arg) Masked(mask, v uint64) Condition {
	return Condition{Arg: int(a), Op: MaskedEQ, Mask: mask, Value: v}
}
