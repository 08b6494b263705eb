package compile

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Origins tell from which rules of a policy each instruction of its program comes.
type Origins struct {
	*tracer
	rules    []policy.Rule
	at       [][]arrival
	calls    []ruled                 // by ABI and number
	arriving map[policy.Node][]ruled // those of the calls that are in a set
}

// ruled is a number of an ABI about which there are rules.
type ruled struct {
	abi   seccomp.ABI
	nr    uint32
	rules []int
}

// OriginsOf reads a program that [Compile] has made of p for machines of the
// given byte order. The errors are [policy.ErrNoRules] for a policy that was not
// made from rules, [policy.ErrTooLarge], and one for any other program.
func OriginsOf(p *policy.Policy, program bpf.Program, order binary.ByteOrder) (*Origins, error) {
	rules, ok := p.Rules()
	if !ok {
		return nil, policy.ErrNoRules
	}
	t, err := newTracer(policy.NewSpace(0), program, order)
	if err != nil {
		return nil, err
	}
	at, err := t.arrivals()
	return &Origins{t, rules.Rules, at, ruledCalls(rules), map[policy.Node][]ruled{}}, err
}

// ruledCalls are the numbers about which there are rules.
func ruledCalls(rules policy.Rules) []ruled {
	type number struct {
		abi seccomp.ABI
		nr  uint32
	}
	found := map[number][]int{}
	for i, r := range rules.Rules {
		for _, abi := range rules.ABIs {
			for _, nr := range numbersOf(r, abi) {
				if owner, _ := seccomp.ABIOf(abi.Arch(), nr); owner == abi {
					found[number{abi, nr}] = append(found[number{abi, nr}], i)
				}
			}
		}
	}
	var calls []ruled
	for n, rules := range found {
		calls = append(calls, ruled{n.abi, n.nr, rules})
	}
	slices.SortFunc(calls, func(a, b ruled) int { return cmp.Or(cmp.Compare(a.abi, b.abi), cmp.Compare(a.nr, b.nr)) })
	return calls
}

// At are the rules that the instruction at pc comes from, in their order: a test
// of the number from those about the numbers on both sides of its bound, a load
// or a test of an argument from those with a condition on that argument, a return
// from those with its action, each as far as calls that they are about come here.
// There are none for what comes from the default, and where only ABIs are told
// apart.
func (o *Origins) At(pc int) []*policy.Rule {
	found := make([]bool, len(o.rules))
	i := o.program[pc]
	for _, a := range o.at[pc] {
		after := o.execute(a.register, i)
		for _, c := range o.of(a.calls) {
			for _, rule := range c.rules {
				found[rule] = found[rule] || o.comesFrom(i, after, c, &o.rules[rule])
			}
		}
	}
	var out []*policy.Rule
	for rule, ok := range found {
		if ok {
			out = append(out, &o.rules[rule])
		}
	}
	return out
}

// of are the calls of a set about which there are rules.
func (o *Origins) of(set policy.Node) []ruled {
	calls, ok := o.arriving[set]
	if !ok {
		for _, c := range o.calls {
			if o.has(set, c.abi.Arch(), c.nr) {
				calls = append(calls, c)
			}
		}
		o.arriving[set] = calls
	}
	return calls
}

// comesFrom reports whether an instruction, behind which A holds a, comes from a
// rule about the call c that reaches it.
func (o *Origins) comesFrom(i bpf.Instruction, a register, c ruled, r *policy.Rule) bool {
	switch {
	case i.Code == bpf.Return:
		return r.Action.Canonical() == seccomp.Action(i.K).Canonical()
	case i.Code == bpf.JumpAlways || a.word == policy.WordArch:
		return false
	case a.word > policy.WordNR:
		return conditionOn(r, c, int(a.word-policy.ArgHigh(0))/2)
	}
	v := c.nr & a.mask
	switch i.Code {
	case bpf.JumpEQ:
		return v == i.K
	case bpf.JumpGE:
		return v == i.K || v+1 == i.K
	case bpf.JumpGT:
		return v == i.K || v == i.K+1
	}
	return i.Code == bpf.JumpSet
}

// conditionOn reports whether a rule about c asks about a register of c, which
// may be the way through a multiplexer.
func conditionOn(r *policy.Rule, c ruled, register int) bool {
	has := func(carries func(arg int) int) bool {
		return slices.ContainsFunc(r.When, func(w policy.Condition) bool { return carries(w.Arg) == register })
	}
	if nr, ok := ownNumber(*r, c.abi); ok && nr == c.nr {
		return has(func(arg int) int { return arg })
	}
	m, _ := syscalls.Through(c.abi, r.Syscall)
	return register == 0 || has(func(arg int) int {
		if arg < len(m.Args) {
			return int(m.Args[arg])
		}
		return -1
	})
}
