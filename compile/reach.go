package compile

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
)

// This file follows calls through a program, forwards and all at once.

// register is what A holds: those bits of a word that are in mask.
type register struct {
	word policy.Word
	mask uint32
}

// arrival is a set of calls that come to an instruction, with what A holds then.
type arrival struct {
	register
	calls policy.Node
}

// tracer follows calls through a program that this package has made.
type tracer struct {
	*policy.Space
	program bpf.Program
	order   binary.ByteOrder
}

// newTracer fails where the program is none that this package makes.
func newTracer(s *policy.Space, program bpf.Program, order binary.ByteOrder) (*tracer, error) {
	if err := program.Verify(); err != nil {
		return nil, err
	}
	for pc, i := range program {
		switch i.Code {
		case bpf.LoadAbs, bpf.And, bpf.JumpAlways, bpf.JumpEQ, bpf.JumpGE, bpf.JumpGT, bpf.JumpSet, bpf.Return:
		default:
			return nil, fmt.Errorf("compile: instruction %d, %v, is of another compiler", pc, i)
		}
	}
	return &tracer{s, program, order}, nil
}

// execute is what A holds behind an instruction.
func (t *tracer) execute(a register, i bpf.Instruction) register {
	switch i.Code {
	case bpf.LoadAbs:
		w, _ := policy.WordAt(t.order, i.K)
		return register{w, 0xffffffff}
	case bpf.And:
		a.mask &= i.K
	}
	return a
}

// split divides calls by the test of a jump.
func (t *tracer) split(calls policy.Node, a register, i bpf.Instruction) (holds, fails policy.Node) {
	var set policy.Node
	switch i.Code {
	case bpf.JumpEQ:
		set = t.And(t.atLeast(a, uint64(i.K)), t.Not(t.atLeast(a, uint64(i.K)+1)))
	case bpf.JumpGE:
		set = t.atLeast(a, uint64(i.K))
	case bpf.JumpGT:
		set = t.atLeast(a, uint64(i.K)+1)
	default:
		set = t.atLeast(register{a.word, a.mask & i.K}, 1)
	}
	return t.And(calls, set), t.And(calls, t.Not(set))
}

// atLeast is the set of calls for which A is k or more. It is made from the
// lowest bit to the highest.
func (t *tracer) atLeast(a register, k uint64) policy.Node {
	if k > 0xffffffff {
		return policy.False
	}
	set := policy.True
	for b := range uint(32) {
		switch has, wants := a.mask>>b&1 == 1, k>>b&1 == 1; {
		case has && wants:
			set = t.And(t.Bit(a.word, b), set)
		case has:
			set = t.Or(t.Bit(a.word, b), set)
		case wants:
			set = policy.False
		}
	}
	return set
}

// arrivals are the calls that come to each instruction, told apart by
// architecture and number: what asks about anything else is taken to go either
// way. An instruction that several ways lead to has one for each content of A.
func (t *tracer) arrivals() ([][]arrival, error) {
	at := make([][]arrival, len(t.program))
	at[0] = []arrival{{calls: policy.True}}
	for pc, i := range t.program {
		for _, a := range at[pc] {
			next := t.execute(a.register, i)
			holds, fails := a.calls, a.calls
			if i.IsJump() && a.word <= policy.WordNR {
				holds, fails = t.split(a.calls, a.register, i)
			}
			yes, no := i.Targets(pc)
			t.arrive(at, yes, arrival{next, holds})
			if no != yes {
				t.arrive(at, no, arrival{next, fails})
			}
		}
	}
	if t.Full() {
		return nil, policy.ErrTooLarge
	}
	return at, nil
}

func (t *tracer) arrive(at [][]arrival, pc int, a arrival) {
	if pc < 0 || a.calls == policy.False {
		return
	}
	if i := slices.IndexFunc(at[pc], func(b arrival) bool { return b.register == a.register }); i >= 0 {
		at[pc][i].calls = t.Or(at[pc][i].calls, a.calls)
		return
	}
	at[pc] = append(at[pc], a)
}

// has reports whether a set, told by architecture and number, has a call.
func (t *tracer) has(calls policy.Node, arch, nr uint32) bool {
	for !t.Terminal(calls) {
		w, bit, clear, set := t.Test(calls)
		v := nr
		if w == policy.WordArch {
			v = arch
		}
		calls = clear
		if v>>bit&1 == 1 {
			calls = set
		}
	}
	return calls == policy.True
}
