package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// TooLongError says that a policy does not fit into a filter, and what takes
// most of the room.
type TooLongError struct {
	// Instructions is how many the policy takes, without those that only
	// bridge long jumps: more than [bpf.MaxInstructions], or a little less.
	// AtLeast is set where counting stopped there.
	Instructions int
	AtLeast      bool
	// Costs are the calls whose arguments take the most instructions, the
	// most expensive first, at most 5. Of calls that share their instructions
	// it names the first.
	Costs []Cost
}

// Cost is what one call takes, or each of several with neighbouring numbers.
type Cost struct {
	ABI          seccomp.ABI
	Numbers      policy.Range
	Instructions int
	// Rules are the policy's rules about the first of the numbers.
	Rules []policy.Rule
}

// maxCosts is how many calls a [TooLongError] names.
const maxCosts = 5

// Error is one line: how long the filter would be, and the costs.
func (e *TooLongError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "compile: the policy takes %s%d instructions, a filter has room for %d",
		map[bool]string{true: "more than "}[e.AtLeast], e.Instructions, bpf.MaxInstructions)
	if e.Instructions <= bpf.MaxInstructions {
		b.WriteString(", and needs more to bridge long jumps")
	}
	for i, c := range e.Costs {
		b.WriteString(map[bool]string{true: "; most for ", false: ", "}[i == 0])
		b.WriteString(c.String())
	}
	return b.String()
}

// String is c as in "x86_64 socket 1200 (40 rules from web.json:12:4)".
func (c Cost) String() string {
	name, ok := syscalls.Name(c.ABI, c.Numbers.Low)
	switch {
	case c.Numbers.Low != c.Numbers.High:
		name = fmt.Sprintf("numbers %d..%d", c.Numbers.Low, c.Numbers.High)
	case !ok:
		name = fmt.Sprint(c.Numbers.Low)
	}
	s := fmt.Sprintf("%v %s %d", c.ABI, name, c.Instructions)
	if len(c.Rules) == 0 {
		return s
	}
	s += fmt.Sprintf(" (%d rules", len(c.Rules))
	if at := c.Rules[0].Origin.String(); at != "" {
		s += " from " + at
	}
	return s + ")"
}

// countLimit bounds the instructions that are counted to say how much too
// long a policy is, and costLimit those of all its calls.
const (
	countLimit = 16 * bpf.MaxInstructions
	costLimit  = 2 * countLimit
)

// tooLong finds what takes most of the room.
func tooLong(p *policy.Policy, o Options) error {
	o.After = nil
	inTurn := turns(p, o.Optimize)
	n, full := count(p.Space(), p.Root(), inTurn, o)
	e := &TooLongError{Instructions: n, AtLeast: full}
	e.Costs = costs(p, inTurn, o)
	slices.SortStableFunc(e.Costs, func(a, b Cost) int { return cmp.Compare(b.Instructions, a.Instructions) })
	e.Costs = e.Costs[:min(len(e.Costs), maxCosts)]
	rules, _ := p.Rules()
	for i, c := range e.Costs {
		// By itself a call may be laid out with more than where it stands.
		e.Costs[i].Instructions = min(c.Instructions, n)
		e.Costs[i].Rules = about(rules, c.ABI, c.Numbers.Low)
	}
	return e
}

// costs are what the calls take whose answer depends on more than the number.
func costs(p *policy.Policy, inTurn map[policy.Node]turn, o Options) []Cost {
	var out []Cost
	s, counted, seen := p.Space(), 0, map[policy.Node]bool{}
	for _, abi := range seccomp.ABIs() {
		numbers := s.Fix(p.Root(), policy.WordArch, abi.Arch())
		regions, _ := s.Regions(numbers, policy.WordNR, bpf.MaxInstructions)
		for _, r := range regions {
			owner, known := seccomp.ABIOf(abi.Arch(), r.Low)
			if !known || owner != abi || s.Terminal(r.Then) || seen[r.Then] || counted > costLimit {
				continue
			}
			seen[r.Then] = true
			n, _ := count(s, r.Then, inTurn, o)
			counted += n
			out = append(out, Cost{ABI: abi, Numbers: policy.Range{Low: r.Low, High: r.High}, Instructions: n})
		}
	}
	return out
}

// count is the number of instructions that n takes, and whether counting stopped
// there.
func count(s *policy.Space, n policy.Node, inTurn map[policy.Node]turn, o Options) (instructions int, full bool) {
	g, ok := lower(s, n, inTurn, countLimit, o)
	if !ok {
		return countLimit, true
	}
	return g.used, false
}

// about are the rules for a number of abi, those for calls that are made
// through it included.
func about(rules policy.Rules, abi seccomp.ABI, nr uint32) []policy.Rule {
	var out []policy.Rule
	for _, r := range rules.Rules {
		if slices.Contains(numbersOf(r, abi), nr) {
			out = append(out, r)
		}
	}
	return out
}

// numbersOf are the numbers of abi by which the call of a rule is made: its own,
// and that of its multiplexer.
func numbersOf(r policy.Rule, abi seccomp.ABI) (numbers []uint32) {
	if len(r.ABIs) > 0 && !slices.Contains(r.ABIs, abi) {
		return nil
	}
	if nr, ok := ownNumber(r, abi); ok {
		numbers = append(numbers, nr)
	}
	if through, ok := syscalls.Through(abi, r.Syscall); ok {
		numbers = append(numbers, through.Number)
	}
	return numbers
}

func ownNumber(r policy.Rule, abi seccomp.ABI) (nr uint32, ok bool) {
	if r.Syscall == "" {
		return r.Number, true
	}
	return syscalls.Number(abi, r.Syscall)
}
