package policy

import "github.com/callgate/callgate/seccomp"

// Given is p for those calls that have the architecture and the number of d
// and those of its arguments whose bit is set in known (bit 0 is argument 0):
// it answers to every call as p does to that call with these parts replaced,
// and so looks only at what is not known. It is a diagram without rules, in
// the space of p.
func (p *Policy) Given(d seccomp.Data, known uint8) (*Policy, error) {
	words := wordsOf(d)
	var fixed [numWords]bool
	fixed[WordArch], fixed[WordNR] = true, true
	for i := range d.Args {
		fixed[ArgHigh(i)] = known>>i&1 == 1
		fixed[ArgLow(i)] = known>>i&1 == 1
	}
	s := p.space
	done := map[Node]Node{}
	var walk func(Node) Node
	walk = func(n Node) Node {
		if r, ok := done[n]; ok {
			return r
		}
		t := s.nodes[n]
		r := n
		switch w := t.level / 32; {
		case t.level == terminalLevel:
		case !fixed[w]:
			r = s.branch(t.level, walk(t.lo), walk(t.hi))
		case words[w]>>(31-t.level%32)&1 == 1:
			r = walk(t.hi)
		default:
			r = walk(t.lo)
		}
		done[n] = r
		return r
	}
	root := walk(p.root)
	if s.Full() {
		return nil, s.errFull()
	}
	return &Policy{space: s, root: root}, nil
}

// Answer is an action that a policy gives, with a call that gets it.
type Answer struct {
	Action seccomp.Action
	Call   seccomp.Data
}

// Answers are the actions that p gives to any calls, each once and with the
// smallest such call as a witness, in the order of the witnesses.
func (p *Policy) Answers() []Answer {
	var out []Answer
	ways, _ := p.space.ways(p.root, fieldAll)
	for _, w := range ways {
		out = append(out, Answer{seccomp.Action(p.space.nodes[w.to].lo), dataOf(&w.words)})
	}
	return out
}
