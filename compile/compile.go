package compile

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
)

// Options say what to compile for. The zero value is right for a policy made
// from rules.
type Options struct {
	// ByteOrder is that of the machine that will run the program. Where it
	// is nil it follows from the ABIs of the policy's rules; a policy that
	// was not made from rules is compiled for a little-endian machine.
	ByteOrder binary.ByteOrder
	// Optimize is what the program is made to be good at.
	Optimize Goal
	// Weights are how often calls are made, so that the way to the frequent
	// ones is short. Where there are none, all calls of an ABI weigh alike,
	// those of a 64-bit ABI more than others, and most of all those whose
	// arguments are asked about.
	Weights Weights
	// Unproven leaves out the proof that the program is the policy.
	Unproven bool
	// After, if there is one, is called behind each pass. What it is given is
	// good until it returns.
	After func(Stage)
}

// Goal is what a program is made to be good at.
type Goal uint8

// The goals.
const (
	Speed     Goal = iota // short ways, and few instructions where that costs little; Size where that does not fit
	Size                  // few instructions
	Unchanged             // nothing: a plain tree, to compare with
)

// ErrWrong is matched by errors that say that a program turned out not to be
// the policy: a mistake in this package.
var ErrWrong = errors.New("compiled program is not the policy")

// Compile returns a program that gives every call the action that p gives it.
// The program verifies, and lifting it gives p again. The errors are a
// [*TooLongError] where it does not fit into [bpf.MaxInstructions], an error
// where the rules list ABIs of both byte orders, and those of package lift.
func Compile(p *policy.Policy, o Options) (bpf.Program, error) {
	order, err := o.order(p)
	if err != nil {
		return nil, err
	}
	g, program := build(p, order, o)
	if program == nil && o.Optimize == Speed {
		o.Optimize = Size
		g, program = build(p, order, o)
	}
	if program == nil {
		return nil, tooLong(p, o)
	}
	o.after(placement, g, program)
	if o.Unproven {
		return program, nil
	}
	if err := prove(program, p, order); err != nil {
		return nil, err
	}
	o.after(proof, g, program)
	return program, nil
}

// build is the program of a policy, and the graph behind it; nil where it does
// not fit. Rules are asked in turn only if that makes it shorter.
func build(p *policy.Policy, order binary.ByteOrder, o Options) (*graph, bpf.Program) {
	inTurn := turns(p, o.Optimize)
	if len(inTurn) > 0 {
		trial := o
		trial.After = nil
		_, asked := buildFrom(p, inTurn, order, trial)
		_, plain := buildFrom(p, nil, order, trial)
		if plain != nil && (asked == nil || len(plain) <= len(asked)) {
			inTurn = nil
		}
	}
	return buildFrom(p, inTurn, order, o)
}

// buildFrom is the program that asks in turn what inTurn has.
func buildFrom(p *policy.Policy, inTurn map[policy.Node]turn, order binary.ByteOrder, o Options) (*graph, bpf.Program) {
	g, ok := lower(p.Space(), p.Root(), inTurn, bpf.MaxInstructions, o)
	if !ok {
		return g, nil
	}
	program, ok := g.place(order)
	if !ok {
		return g, nil
	}
	return g, program
}

func (o Options) order(p *policy.Policy) (binary.ByteOrder, error) {
	if o.ByteOrder != nil {
		return o.ByteOrder, nil
	}
	rules, ok := p.Rules()
	if !ok || len(rules.ABIs) == 0 {
		return binary.LittleEndian, nil
	}
	first := rules.ABIs[0]
	for _, abi := range rules.ABIs[1:] {
		if abi.ByteOrder() != first.ByteOrder() {
			return nil, fmt.Errorf("compile: %v and %v have different byte orders, and a program runs on machines of one: list the ABIs of one machine, or say for which to compile", first, abi)
		}
	}
	return first.ByteOrder(), nil
}

// prove lifts the program in a space of its own, and compares.
func prove(program bpf.Program, p *policy.Policy, order binary.ByteOrder) error {
	p, err := p.In(policy.NewSpace(0))
	if err != nil {
		return err
	}
	n, err := lift.Into(p.Space(), program, order)
	if errors.Is(err, policy.ErrTooLarge) {
		return fmt.Errorf("compile: the program cannot be proven to be the policy: %w", err)
	}
	if err != nil {
		return fmt.Errorf("compile: %w: %w", ErrWrong, err)
	}
	if n == p.Root() {
		return nil
	}
	differences, err := policy.Diff(p, p.Space().FromNode(n))
	if err != nil || len(differences) == 0 {
		return fmt.Errorf("compile: %w", ErrWrong)
	}
	d := differences[0]
	return fmt.Errorf("compile: %w: to %+v it answers %v, the policy %v", ErrWrong, d.Call, d.B, d.A)
}
