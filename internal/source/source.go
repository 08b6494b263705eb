// Package source resolves the one notation for policies of the command line:
//
//	web.json         a profile, or an OCI config.json with one; any name will do
//	web.bpf          a filter as the kernel takes it: an array of struct sock_filter
//	                 in the byte order of the ABI
//	web.asm          a filter in the text form of package bpf
//	web.policy       a policy in the text form of package policy
//	-                any of these on standard input
//	docker:default   a profile that is built into an engine: docker:20.10, cri-o:default
//	unconfined       no filter: everything is allowed
//
// Files are told apart by what they contain, and not by their names (but for
// .json): JSON begins with a bracket, a raw filter is the only one to have zero
// bytes, and the two text forms share no valid text.
package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// Kind is what a name turned out to stand for.
type Kind uint8

// The kinds of sources.
const (
	Unconfined Kind = 1 + iota // no filter
	Document                   // a profile
	Filter                     // a program, in either form
	Text                       // a policy in its text form
)

// Options is what the meaning of a name depends on.
type Options struct {
	// Env decides what a profile means; its ABI also decides the byte order
	// of raw filters.
	Env profile.Env
	// Stack is what installs a Document: its policy is then the filter that
	// the runtime makes of it. nil is the policy as it is written.
	Stack *enforce.Stack
	// Stdin is what "-" reads.
	Stdin io.Reader
}

// Source is what a name stands for.
type Source struct {
	Name string // for messages: see Printable
	Kind Kind
	// Resolved is what the engine makes of a Document.
	Resolved profile.Resolved
	// Default is where a Document says what becomes of all other calls.
	Default policy.Origin
	// Diagnostics are what there is to say about a Document beside what makes
	// it unusable.
	Diagnostics profile.Diagnostics
	// Program is that of a Filter. It may be one that the kernel refuses.
	Program bpf.Program

	builtin bool
	order   binary.ByteOrder
	stack   *enforce.Stack
	policy  *policy.Policy  // nil until Policy has made it
	written *policy.Policy  // nil until Written has made it
	text    *policy.Policy  // of a Text
	filter  *enforce.Filter // nil until Enforced has made it
}

// Policy is the policy that s is. For a Document it is the one that the Stack of
// its Options installs, without rules, or without a Stack that of Written.
func (s *Source) Policy() (*policy.Policy, error) {
	if s.Kind != Document || s.stack == nil {
		return s.Written()
	}
	if s.policy != nil {
		return s.policy, nil
	}
	f, err := s.Enforced(*s.stack)
	if err != nil {
		return nil, err
	}
	if s.policy, err = f.Policy(); err != nil {
		return nil, &Error{s.Name, err, "state fewer conditions on one call, or ask about the profile with --as-written"}
	}
	return s.policy, nil
}

// Enforced is the filter that a runtime installs for a Document.
func (s *Source) Enforced(stack enforce.Stack) (*enforce.Filter, error) {
	if s.filter != nil && s.filter.Stack() == stack {
		return s.filter, nil
	}
	f, err := enforce.New(s.Resolved, stack)
	if err == nil {
		s.filter = f
		s.add(f.Doubts())
	}
	return f, err
}

// Stack is the Stack of the Options, nil where s is read as it is written.
func (s *Source) Stack() *enforce.Stack {
	if s.Kind != Document {
		return nil
	}
	return s.stack
}

// Builtin reports whether s is a profile that is built into an engine.
func (s *Source) Builtin() bool { return s.builtin }

// Written is the policy that s is, as it is written. For a Document it has the
// rules with their origins.
func (s *Source) Written() (*policy.Policy, error) {
	if s.written != nil {
		return s.written, nil
	}
	p, err := s.build()
	switch {
	case err != nil && s.Kind == Filter && errors.Is(err, policy.ErrTooLarge):
		return nil, &Error{s.Name, err, "callgate eval runs a filter as it is, whatever its meaning"}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	s.written = p
	return p, nil
}

func (s *Source) build() (*policy.Policy, error) {
	switch {
	case s.Kind == Filter:
		return lift.Program(s.Program, s.order)
	case s.Kind == Text:
		return s.text, nil
	case s.Kind == Unconfined || s.Resolved.Unconfined:
		return policy.Constant(seccomp.Allow), nil
	}
	rules, notes, err := s.Resolved.Rules()
	s.add(notes.Below(profile.Failure))
	if err != nil {
		return nil, err
	}
	return policy.Build(rules)
}

// add adds what the rules of a Document make doubtful, but for places of which
// the parser has spoken.
func (s *Source) add(notes profile.Diagnostics) {
	spoken := map[profile.Pos]bool{}
	for _, d := range s.Diagnostics {
		spoken[d.Pos] = d.Pos.Written()
	}
	for _, d := range notes {
		if !spoken[d.Pos] {
			s.Diagnostics = append(s.Diagnostics, d)
		}
	}
}

// Verdict returns the function that s is. A Filter is run as it is, so that
// there is none that is too large; its answers are raw.
func (s *Source) Verdict() (func(seccomp.Data) seccomp.Action, error) {
	if s.Kind == Filter {
		f, err := bpf.Load(s.Program, s.order)
		if err != nil {
			return nil, fmt.Errorf("%s: the kernel would refuse this filter: %w", s.Name, err)
		}
		return f.Run, nil
	}
	p, err := s.Policy()
	if err != nil {
		return nil, err
	}
	return p.Eval, nil
}

// Trace is what a Filter executes for a call.
func (s *Source) Trace(d seccomp.Data) ([]bpf.Step, error) {
	steps, _, err := s.Program.Trace(s.order, d)
	return steps, err
}

// Line is the line of a built-in profile that o names; "" where o is of a
// file, which the user can see.
func (s *Source) Line(o policy.Origin) string {
	if !s.builtin {
		return ""
	}
	return profile.DefaultLine(s.Name, profile.Pos{Line: int32(o.Line), Column: int32(o.Column)})
}

// Confined reports whether s installs a filter at all.
func (s *Source) Confined() bool { return s.Kind != Unconfined && !s.Resolved.Unconfined }
