package bench

import (
	"fmt"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// Path is a way through a program that some call takes.
type Path struct {
	Instructions int
	Call         seccomp.Data // a call that takes it
}

// LongestPath is the longest way through a program that any call takes, whatever
// its architecture, number and arguments: ways that no call can take, since two
// of their tests exclude each other, do not count.
//
// It goes through the program once, from its first instruction to its last, with
// the calls that arrive there: as sets, one for each number of instructions
// executed so far and for each content of the accumulator. Every call takes one
// way, so these sets are disjoint, and the paths of a program need not be
// counted one by one.
func LongestPath(p bpf.Program) (Path, error) {
	w := walk{policy.NewSpace(1 << 23), make([]map[state]policy.Node, len(p))}
	w.arrive(0, state{}, policy.True)
	var longest Path
	last := policy.False
	for pc, in := range p {
		for at, calls := range w.at[pc] {
			at.executed++
			switch {
			case in.IsReturn():
				if at.executed > longest.Instructions {
					longest.Instructions, last = at.executed, calls
				}
			case in.Code == bpf.LoadAbs:
				word, _ := policy.WordAt(order, in.K)
				at.word, at.mask = word, ^uint32(0)
				w.arrive(pc+1, at, calls)
			case in.Code == bpf.And:
				at.mask &= in.K
				w.arrive(pc+1, at, calls)
			case in.Code == bpf.JumpAlways:
				w.arrive(pc+1+int(in.K), at, calls)
			case in.IsJump() && in.Code&bpf.SourceMask == bpf.SourceK:
				test := w.test(in, at)
				holds, fails := in.Targets(pc)
				w.arrive(holds, at, w.space.And(calls, test))
				w.arrive(fails, at, w.space.And(calls, w.space.Not(test)))
			default:
				return Path{}, fmt.Errorf("no path through instruction %d can be told: %v", pc, in)
			}
		}
		w.at[pc] = nil
	}
	if w.space.Full() {
		return Path{}, policy.ErrTooLarge
	}
	longest.Call = w.example(last)
	return longest, nil
}

type walk struct {
	space *policy.Space
	at    []map[state]policy.Node // the calls that arrive at an instruction
}

// state is what a call has behind it, and word & mask in the accumulator. At
// the start that is the constant 0.
type state struct {
	executed int
	word     policy.Word
	mask     uint32
}

func (w *walk) arrive(pc int, s state, calls policy.Node) {
	if calls == policy.False {
		return
	}
	if w.at[pc] == nil {
		w.at[pc] = map[state]policy.Node{}
	}
	w.at[pc][s] = w.space.Or(w.at[pc][s], calls)
}

// test is the set of calls for which the test of a jump holds.
func (w *walk) test(in bpf.Instruction, s state) policy.Node {
	set := func(b int) policy.Node {
		if s.mask>>b&1 == 0 {
			return policy.False
		}
		return w.space.Bit(s.word, uint(b))
	}
	equal, greater, any := policy.True, policy.False, policy.False
	for b := range 32 {
		bit := set(b)
		if in.K>>b&1 == 1 {
			equal, greater, any = w.space.And(equal, bit), w.space.And(greater, bit), w.space.Or(any, bit)
		} else {
			equal, greater = w.space.And(equal, w.space.Not(bit)), w.space.Or(greater, bit)
		}
	}
	switch in.Code & bpf.OpMask {
	case bpf.OpJEQ:
		return equal
	case bpf.OpJGT:
		return greater
	case bpf.OpJGE:
		return w.space.Or(greater, equal)
	}
	return any
}

// example is a call of a set.
func (w *walk) example(set policy.Node) seccomp.Data {
	p := w.space.FromNode(w.space.IfThenElse(set, w.space.Return(seccomp.Allow), w.space.Return(seccomp.KillProcess)))
	for _, answer := range p.Answers() {
		if answer.Action == seccomp.Allow {
			return answer.Call
		}
	}
	return seccomp.Data{}
}
