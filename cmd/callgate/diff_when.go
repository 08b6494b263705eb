package main

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// condition is the condition under which a call differs so, as in "domain in
// AF_ALG, AF_VSOCK", and "" where it is not about one argument.
//
// It is the question that package policy asks about the diagram that allows
// exactly those calls.
func (c comparison) condition(d policy.Difference, call seccomp.Data, name string) string {
	s := policy.NewSpace(policy.DefaultLimit)
	a, okA := given(s, c.a.policy, call)
	b, okB := given(s, c.b.policy, call)
	if name == "" || !okA || !okB {
		return ""
	}
	differs := pairs{s, d.A, d.B, map[[2]policy.Node]policy.Node{}}.node(a, b)
	if s.Full() {
		return ""
	}
	return wordsOf(d.ABI, name, s.FromNode(differs).String())
}

// given is the diagram of a policy over the arguments of one call.
func given(s *policy.Space, p *policy.Policy, call seccomp.Data) (policy.Node, bool) {
	p, err := p.In(s)
	if err != nil {
		return 0, false
	}
	p, err = p.Given(call, 0)
	if err != nil {
		return 0, false
	}
	return p.Root(), true
}

// pairs finds the calls to which two policies give two certain answers.
type pairs struct {
	s    *policy.Space
	a, b seccomp.Action
	done map[[2]policy.Node]policy.Node
}

// node is a diagram that allows those calls and kills all others.
func (p pairs) node(a, b policy.Node) policy.Node {
	if n, ok := p.done[[2]policy.Node{a, b}]; ok {
		return n
	}
	n := p.s.Return(seccomp.KillThread)
	first := a
	if p.s.Terminal(a) || p.s.Before(b, a) {
		first = b
	}
	if p.s.Terminal(first) {
		actionA, _ := p.s.Action(a)
		actionB, _ := p.s.Action(b)
		if actionA == p.a && actionB == p.b {
			n = p.s.Return(seccomp.Allow)
		}
	} else {
		w, bit, _, _ := p.s.Test(first)
		a0, a1 := p.cofactors(a, w, bit)
		b0, b1 := p.cofactors(b, w, bit)
		n = p.s.IfThenElse(p.s.Bit(w, bit), p.node(a1, b1), p.node(a0, b0))
	}
	p.done[[2]policy.Node{a, b}] = n
	return n
}

func (p pairs) cofactors(n policy.Node, w policy.Word, bit uint) (clear, set policy.Node) {
	if p.s.Terminal(n) {
		return n, n
	}
	return p.s.Cofactors(n, w, bit)
}

// The text of such a diagram that asks one question, and its parts.
var (
	oneQuestion  = regexp.MustCompile(`^(a([0-5])(?:\.low)?(?: & 0x[0-9a-f]+)? (==|>=|<=|>|<|in) [^\n{]+): (ALLOW|KILL_THREAD)\nelse: (ALLOW|KILL_THREAD)\n$`)
	argumentWord = regexp.MustCompile(`^a[0-5](\.low)?`)
	numeral      = regexp.MustCompile(`0x[0-9a-f]+|\b[0-9]+\b`)
	opposite     = map[string]string{"==": "!=", "in": "not in", ">=": "<", "<": ">=", "<=": ">", ">": "<="}
)

// wordsOf is the question that a text asks, with the names of the argument and
// its values.
func wordsOf(abi seccomp.ABI, name, text string) string {
	m := oneQuestion.FindStringSubmatch(text)
	if m == nil || m[4] == m[5] {
		return ""
	}
	question, i := m[1], int(m[2][0]-'0')
	if m[4] == "KILL_THREAD" {
		question = strings.Replace(question, " "+m[3]+" ", " "+opposite[m[3]]+" ", 1)
	}
	arg := "a" + m[2]
	if regs := syscalls.Registers(abi, name); i < len(regs) && regs[i].Name != "" {
		arg = regs[i].Name
	}
	values := question[len(argumentWord.FindString(question)):]
	return arg + numeral.ReplaceAllStringFunc(values, func(number string) string {
		v, err := strconv.ParseUint(number, 0, 64)
		if err != nil {
			return number
		}
		return constantText(abi, name, i, v)
	})
}
