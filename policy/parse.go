package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// MaxText is the largest text in bytes that [Parse] reads.
const MaxText = 16 << 20

// maxNesting bounds how deep blocks nest: a diagram cannot ask about more
// bits than a call has.
const maxNesting = 520

// SyntaxError is a mistake in the text of a policy.
type SyntaxError struct {
	Line, Column int // from 1
	Message      string
}

// Error is line:column: message, for a file name to be put before it.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message)
}

// Parse reads a policy as [Policy.String] writes it, in a space of its own.
func Parse(text string) (*Policy, error) { return NewSpace(0).Parse(text) }

// Parse reads a policy as [Policy.String] writes it. It fails with a
// [*SyntaxError] or with [ErrTooLarge].
func (s *Space) Parse(text string) (*Policy, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: text of %d bytes, the limit is %d", ErrTooLarge, len(text), MaxText)
	}
	p := &parser{lexer: lexer{text: text, line: 1, lineStart: 0}, s: s, named: map[string]Node{}}
	p.next()
	root := p.policy()
	switch {
	case s.Full():
		return nil, s.errFull()
	case p.err != nil:
		return nil, p.err
	}
	result := s.FromNode(root)
	if s.Full() {
		return nil, s.errFull()
	}
	return result, nil
}

// parser reads by recursive descent. After the first error it reads no
// further: every token is then the end.
type parser struct {
	lexer
	s     *Space
	named map[string]Node
	depth int
}

// arm is one question of a block with its answer.
type arm struct{ when, then Node }

// fold joins the arms of a block: the first that holds answers.
func (p *parser) fold(arms []arm, rest Node) Node {
	for i := len(arms) - 1; i >= 0; i-- {
		rest = p.s.IfThenElse(arms[i].when, arms[i].then, rest)
	}
	return rest
}

// going reports whether there is anything to be gained from reading on.
func (p *parser) going() bool { return p.err == nil && !p.s.Full() }

func (p *parser) policy() Node {
	var arms []arm
	for p.going() {
		at := p.token
		switch {
		case p.accept("else"):
			rest := p.answer(0)
			if p.token.kind != tokenEnd {
				p.fail(p.token, "nothing may follow else")
			}
			return p.fold(arms, rest)
		case at.kind == tokenName && strings.HasPrefix(at.text, "@"):
			p.next()
			if _, ok := p.named[at.text]; ok {
				p.fail(at, "%s is defined twice", at.text)
			}
			p.named[at.text] = p.block(0)
		case isOperand(at.text):
			when := p.condition()
			arms = append(arms, arm{when, p.answer(0)})
		default:
			arms = append(arms, p.section()...)
		}
	}
	return False
}

// section is "ABI, ..." with an answer, which is read once for each of them:
// names stand for other numbers.
func (p *parser) section() []arm {
	var abis []seccomp.ABI
	for {
		at := p.token
		abi, err := seccomp.ParseABI(at.text)
		switch {
		case at.kind != tokenName || err != nil:
			p.fail(at, "want an architecture, arch, @name or else, not %s", at)
			return nil
		case slices.Contains(abis, abi):
			p.fail(at, "%v is named twice", abi)
			return nil
		}
		abis = append(abis, abi)
		p.next()
		if !p.accept(",") {
			break
		}
	}
	var arms []arm
	start := p.lexer
	for _, abi := range abis {
		if !p.going() {
			break
		}
		p.lexer = start
		when := p.s.And(p.s.Equal(WordArch, abi.Arch()), p.s.numbersOf(abi))
		arms = append(arms, arm{when, p.answer(abi)})
	}
	return arms
}

// answer is ": ACTION", ": @name" or a block.
func (p *parser) answer(abi seccomp.ABI) Node {
	if p.token.text == "{" {
		return p.block(abi)
	}
	p.expect(":")
	return p.value()
}

// value is an action or the name of a decision.
func (p *parser) value() Node {
	at := p.token
	if strings.HasPrefix(at.text, "@") {
		p.next()
		n, ok := p.named[at.text]
		if !ok {
			p.fail(at, "%s is not defined above", at.text)
		}
		return n
	}
	return p.s.Return(p.action())
}

func (p *parser) action() seccomp.Action {
	at := p.token
	text := at.text
	p.next()
	if p.token.text == "(" {
		p.next()
		text += "(" + p.token.text + ")"
		p.next()
		p.expect(")")
	}
	a, err := seccomp.ParseAction(text)
	if err != nil || at.kind == tokenPunct {
		p.fail(at, "want an action such as ALLOW or ERRNO(EPERM), not %s", at)
	}
	return a
}

func (p *parser) block(abi seccomp.ABI) Node {
	open := p.token
	p.expect("{")
	if p.depth++; p.depth > maxNesting {
		p.fail(open, "blocks nest deeper than %d", maxNesting)
	}
	defer func() { p.depth-- }()
	var arms []arm
	for p.going() {
		at := p.token
		switch {
		case p.accept("else"):
			rest := p.answer(abi)
			p.expect("}")
			return p.fold(arms, rest)
		case at.text == "}" || at.kind == tokenEnd:
			p.fail(at, "the block from line %d has no else", open.line)
		case isOperand(at.text):
			when := p.condition()
			arms = append(arms, arm{when, p.answer(abi)})
		case isAction(at):
			then := p.value()
			p.expect(":")
			arms = append(arms, arm{p.targets(abi), then})
		default:
			when := p.targets(abi)
			arms = append(arms, arm{when, p.answer(abi)})
		}
	}
	return False
}

// isAction reports whether a list that starts with t starts with its answer:
// an action, which is written in capitals, or a name.
func isAction(t token) bool {
	if t.kind != tokenName {
		return false
	}
	c := t.text[0]
	return c == '@' || 'A' <= c && c <= 'Z'
}

func isOperand(s string) bool {
	switch s {
	case "arch", "nr":
		return true
	}
	_, _, ok := wideOperand(s)
	return ok
}

// wideOperand is the field of 64 bits that s names, and which half of it: none,
// "low" or "high".
func wideOperand(s string) (f field, half string, ok bool) {
	name, half, halved := strings.Cut(s, ".")
	if halved && half != "low" && half != "high" {
		return field{}, "", false
	}
	switch name {
	case "ip":
		return fieldIP, half, true
	case "a0", "a1", "a2", "a3", "a4", "a5":
		return fieldArg(int(name[1] - '0')), half, true
	}
	return field{}, "", false
}

func (p *parser) operand() field {
	text := p.token.text
	p.next()
	switch text {
	case "arch":
		return fieldArch
	case "nr":
		return fieldNR
	}
	f, half, _ := wideOperand(text)
	switch half {
	case "high":
		return field{f.first, 32}
	case "low":
		return field{f.first + 32, 32}
	}
	return f
}

// condition is "OPERAND [& MASK] OP NUMBER" or "OPERAND [& MASK] in VALUE, ...",
// where a VALUE is a number or LOW..HIGH.
func (p *parser) condition() Node {
	f := p.operand()
	mask := f.max()
	if p.accept("&") {
		mask = p.number()
	}
	at := p.token
	if p.accept("in") {
		set := p.between(f, mask)
		for p.going() && p.accept(",") {
			set = p.s.Or(set, p.between(f, mask))
		}
		return set
	}
	for op := EQ; op <= GT; op++ {
		if p.accept(op.String()) {
			return p.s.compare(f, mask, op, p.number(), True, False)
		}
	}
	p.fail(at, "want ==, !=, <, <=, >, >= or in, not %s", at)
	return False
}

// targets is a list of calls of abi by name, number or range of numbers.
func (p *parser) targets(abi seccomp.ABI) Node {
	set := False
	for {
		set = p.s.Or(set, p.target(abi))
		if !p.going() || !p.accept(",") {
			return set
		}
	}
}

func (p *parser) target(abi seccomp.ABI) Node {
	at := p.token
	switch at.kind {
	case tokenNumber:
		return p.between(fieldNR, fieldNR.max())
	case tokenName:
		p.next()
		if nr, ok := syscalls.Number(abi, at.text); ok {
			return p.s.Equal(WordNR, nr)
		}
		if abi == 0 {
			p.fail(at, "system call %s: only the block of an architecture can name calls", at.text)
		} else {
			p.fail(at, "%v has no system call %s", abi, at.text)
		}
		return False
	}
	p.fail(at, "want a system call, a condition or else, not %s", at)
	return False
}

// between is the set of calls in which f & mask is the number, or in the range
// of numbers, that comes next.
func (p *parser) between(f field, mask uint64) Node {
	low := p.number()
	high := low
	if p.accept("..") {
		high = p.number()
	}
	return p.s.between(f, mask, low, high)
}

func (p *parser) number() uint64 {
	at := p.token
	v, err := strconv.ParseUint(at.text, 0, 64)
	if at.kind != tokenNumber || err != nil {
		p.fail(at, "want a number from 0 to 2^64-1, not %s", at)
	}
	p.next()
	return v
}

func (p *parser) accept(text string) bool {
	if p.token.text != text || p.token.kind == tokenEnd {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text string) {
	if at := p.token; !p.accept(text) {
		p.fail(at, "want %q, not %s", text, at)
	}
}
