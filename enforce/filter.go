package enforce

import (
	"slices"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// Filter is what a runtime installs for a profile.
type Filter struct {
	stack   Stack
	rules   []rule
	library *libseccomp.Filter // nil: no filter at all
	stub    stub
	flags   uint
	doubts  profile.Diagnostics
}

// rule is a rule of the profile for one call.
type rule struct {
	policy.Rule
	// skipped: the runtime does not hand it to libseccomp.
	skipped skip
	// alternatives: each condition was made a rule of its own.
	alternatives bool
}

// skip is why a runtime leaves a rule out.
type skip uint8

const (
	notSkipped skip = iota
	isDefault       // its action is that of the default
	isUnknown       // libseccomp does not know the call
	isEmpty         // the name is empty (crun)
)

// New makes the filter that the runtime of a stack installs for a profile on its
// native ABI. The error is a *[profile.Error] that holds all for which the
// runtime refuses the profile, so that the container does not start.
func New(r profile.Resolved, s Stack) (*Filter, error) {
	f := &Filter{stack: s}
	if r.Unconfined {
		return f, nil
	}
	b := &builder{Filter: f, resolved: r, facts: s.Runtime.facts()}
	b.build()
	if err := b.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// Confined reports whether there is a filter.
func (f *Filter) Confined() bool { return f.library != nil }

// Doubts are warnings: what may become of the filter that this package cannot
// tell for certain.
func (f *Filter) Doubts() profile.Diagnostics { return f.doubts }

// Stack is what makes the filter.
func (f *Filter) Stack() Stack { return f.stack }

// Flags are the flags of seccomp(2) with which the runtime installs the filter.
func (f *Filter) Flags() uint { return f.flags }

// In is the diagram of the filter in a space, and ErrTooLarge where it has no
// place there.
func (f *Filter) In(s *policy.Space) (policy.Node, error) {
	if !f.Confined() {
		return s.Return(seccomp.Allow), nil
	}
	n, err := f.library.Build(s)
	if err != nil {
		return 0, err
	}
	n = f.stub.over(s, n)
	if s.Full() {
		return 0, policy.ErrTooLarge
	}
	return n, nil
}

// Policy is the filter as a policy without rules, in a space of its own.
func (f *Filter) Policy() (*policy.Policy, error) {
	s := policy.NewSpace(0)
	n, err := f.In(s)
	if err != nil {
		return nil, err
	}
	return s.FromNode(n), nil
}

// names are all names of the profile, as they stand.
func names(r profile.Resolved) []string {
	var all []string
	for i := range r.Syscalls {
		all = append(all, r.Syscalls[i].Names...)
	}
	return all
}

// listed adds an ABI to a list that does not have it.
func listed(abis []seccomp.ABI, abi seccomp.ABI) []seccomp.ABI {
	if slices.Contains(abis, abi) {
		return abis
	}
	return append(abis, abi)
}

// Says reports whether the filter answers every call as a policy does, apart
// from runc's ENOSYS for numbers beyond the profile's highest.
func (f *Filter) Says(p *policy.Policy) (bool, error) {
	s := policy.NewSpace(0)
	q, err := p.In(s)
	if err != nil {
		return false, err
	}
	bare := *f
	bare.stub = stub{}
	n, err := bare.In(s)
	if err != nil {
		return false, err
	}
	return s.FromNode(n).Root() == q.Root(), nil
}
