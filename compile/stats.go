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

// Stats say how good a program is.
type Stats struct {
	Instructions int
	// Shared of them are reached by calls of several ABIs.
	Shared int
	// Longest is how many instructions a call executes at the most, whatever
	// its ABI, number and arguments. Where Bounded is set it is the longest way
	// through the program, which perhaps no call takes: there were too many
	// ways to look at.
	Longest int
	Bounded bool
	// ABIs are those that the policy tells calls of apart.
	ABIs []ABIStats
}

// ABIStats are those of the calls of one ABI.
type ABIStats struct {
	ABI seccomp.ABI
	// Instructions are reached by calls of the ABI, Own of them by no others.
	Instructions, Own int
	// Calls are the known ones, and Min, Max and Mean how many instructions
	// these execute where all arguments are zero. Weighted is the mean by the
	// weights of the ABI; 0 where there are none.
	Calls          int
	Min, Max       int
	Mean, Weighted float64
	// Longest and Bounded are what they are in [Stats].
	Longest int
	Bounded bool
	// Allowed of the known calls are always allowed, whatever their arguments.
	// For Bitmap of them the kernel sees that, and does not run the program
	// (5.11, see [bpf.Filter.ConstantAllow]). It cannot on x32 and MIPS.
	Allowed, Bitmap int
	// Tests is how many tests of the number a call meets on the average, and
	// Optimal how many in the tree of "at least" comparisons with the lowest
	// such average for the same ranges of numbers: by weight, or of all known
	// calls alike where the ABI has no weights.
	Tests, Optimal float64
}

// maxWays bounds how many steps are looked at to find the longest way.
const maxWays = 1 << 14

// Measure measures a program that [Compile] has made of p for machines of the
// given byte order. The errors are [policy.ErrTooLarge], and one for a program
// that was made in another way.
func Measure(p *policy.Policy, program bpf.Program, order binary.ByteOrder, weights Weights) (Stats, error) {
	t, err := newTracer(policy.NewSpace(0), program, order)
	if err != nil {
		return Stats{}, err
	}
	at, err := t.arrivals()
	if err != nil {
		return Stats{}, err
	}
	s := Stats{Instructions: len(program)}
	s.Longest, s.Bounded = t.longest(policy.True)
	reached := make([]int, len(program)) // by how many ABIs
	var sets []policy.Node
	for _, abi := range ABIs(p, order) {
		set := t.callsOf(abi)
		sets = append(sets, set)
		for pc := range program {
			if t.reaches(at[pc], set) {
				reached[pc]++
			}
		}
		s.ABIs = append(s.ABIs, ABIStats{ABI: abi})
	}
	for pc := range program {
		if reached[pc] > 1 {
			s.Shared++
		}
	}
	filter, err := bpf.Load(program, order)
	if err != nil {
		return Stats{}, err
	}
	for i := range s.ABIs {
		a := &s.ABIs[i]
		for pc := range program {
			if t.reaches(at[pc], sets[i]) {
				a.Instructions++
				if reached[pc] == 1 {
					a.Own++
				}
			}
		}
		a.Longest, a.Bounded = t.longest(sets[i])
		a.bitmap(p, filter)
		a.executed(t, weights[a.ABI])
		if a.Optimal, err = optimal(p, a.ABI, weights[a.ABI]); err != nil {
			return Stats{}, err
		}
	}
	return s, nil
}

// ABIs are those of the rules of p, or for a policy without rules those of a byte
// order that it answers with more than one action.
func ABIs(p *policy.Policy, order binary.ByteOrder) []seccomp.ABI {
	if rules, ok := p.Rules(); ok {
		return rules.ABIs
	}
	return slices.DeleteFunc(seccomp.ABIs(), func(abi seccomp.ABI) bool {
		return abi.ByteOrder() != order || p.Space().Terminal(p.Space().Fix(p.Root(), policy.WordArch, abi.Arch()))
	})
}

// callsOf is the set of the calls of an ABI.
func (t *tracer) callsOf(abi seccomp.ABI) policy.Node {
	low, high := numberSpace(abi)
	nr := register{policy.WordNR, 0xffffffff}
	set := t.And(t.atLeast(nr, uint64(low)), t.Not(t.atLeast(nr, uint64(high)+1)))
	return t.And(t.Equal(policy.WordArch, abi.Arch()), set)
}

// numberSpace are the first and the last number of an ABI, but for the -1 of
// x86_64, which is no call.
func numberSpace(abi seccomp.ABI) (low, high uint32) {
	switch abi {
	case seccomp.X86_64:
		return 0, seccomp.X32.Base() - 1
	case seccomp.X32:
		return abi.Base(), 0xfffffffe
	}
	return 0, 0xffffffff
}

// reaches reports whether any call of a set is among arrivals.
func (t *tracer) reaches(at []arrival, calls policy.Node) bool {
	return slices.ContainsFunc(at, func(a arrival) bool { return t.And(a.calls, calls) != policy.False })
}

// longest is how many instructions a call of a set executes at the most. It
// follows each way as long as some call takes it and it can become the longest.
func (t *tracer) longest(calls policy.Node) (n int, bounded bool) {
	behind := make([]int, len(t.program)) // on the longest way from an instruction on
	for pc, i := range slices.Backward(t.program) {
		behind[pc] = 1
		for _, to := range t.targets(pc, i) {
			behind[pc] = max(behind[pc], 1+behind[to])
		}
	}
	ways := 0
	var walk func(pc, before int, a register, calls policy.Node)
	walk = func(pc, before int, a register, calls policy.Node) {
		if calls == policy.False || before+behind[pc] <= n || ways > maxWays {
			return
		}
		ways++
		i := t.program[pc]
		if i.IsReturn() {
			n = before + 1
			return
		}
		next, holds, fails := t.execute(a, i), calls, calls
		if i.IsJump() {
			holds, fails = t.split(calls, a, i)
		}
		yes, no := i.Targets(pc)
		if behind[no] > behind[yes] {
			yes, no, holds, fails = no, yes, fails, holds
		}
		walk(yes, before+1, next, holds)
		walk(no, before+1, next, fails)
	}
	walk(0, 0, register{}, calls)
	if ways > maxWays || t.Full() {
		return behind[0], true
	}
	return n, false
}

// targets are where an instruction leads.
func (t *tracer) targets(pc int, i bpf.Instruction) []int {
	if i.IsReturn() {
		return nil
	}
	holds, fails := i.Targets(pc)
	return []int{holds, fails}
}

// bitmap counts the calls that are always allowed.
func (a *ABIStats) bitmap(p *policy.Policy, filter *bpf.Filter) {
	numbers := p.Space().Fix(p.Root(), policy.WordArch, a.ABI.Arch())
	for nr := range syscalls.All(a.ABI) {
		if action, ok := p.Space().Action(p.Space().Fix(numbers, policy.WordNR, nr)); !ok || action != seccomp.Allow {
			continue
		}
		a.Allowed++
		if hasBitmap(a.ABI, nr) && filter.ConstantAllow(a.ABI.Arch(), nr) {
			a.Bitmap++
		}
	}
}

// hasBitmap reports whether kernels keep a bit for a number of an ABI. ARM's
// private numbers lie behind the end of its table.
func hasBitmap(abi seccomp.ABI, nr uint32) bool {
	const (
		elfMIPS    = 8 // the lowest bits of an AUDIT_ARCH value
		armPrivate = 0xf0000
	)
	return abi != seccomp.X32 && abi.Arch()&0xffff != elfMIPS && nr < armPrivate
}

// executed counts what calls execute.
func (a *ABIStats) executed(t *tracer, weights map[uint32]uint64) {
	var alike, weighed average
	for nr := range syscalls.All(a.ABI) {
		n, tests := t.count(a.ABI, nr)
		if alike.add(1, n, tests); a.Min == 0 {
			a.Min = n
		}
		a.Min, a.Max = min(a.Min, n), max(a.Max, n)
	}
	a.Calls, a.Mean, a.Tests = int(alike.calls), alike.of(alike.instructions), alike.of(alike.tests)
	for nr, w := range weights {
		n, tests := t.count(a.ABI, nr)
		weighed.add(min(w, maxCount), n, tests)
	}
	if weighed.calls > 0 {
		a.Weighted, a.Tests = weighed.of(weighed.instructions), weighed.of(weighed.tests)
	}
}

// average sums up calls. It is whole numbers, so that their order does not count.
type average struct{ calls, instructions, tests uint64 }

func (a *average) add(calls uint64, instructions, tests int) {
	a.calls += calls
	a.instructions += calls * uint64(instructions)
	a.tests += calls * uint64(tests)
}

func (a *average) of(sum uint64) float64 { return float64(sum) / float64(max(a.calls, 1)) }

// count is how many instructions a call without arguments executes, and how many
// of them test the number.
func (t *tracer) count(abi seccomp.ABI, nr uint32) (instructions, tests int) {
	steps, _, _ := t.program.Trace(t.order, seccomp.Data{Arch: abi.Arch(), NR: nr})
	var a register
	for _, s := range steps {
		i := t.program[s.PC]
		if i.IsJump() && a.word == policy.WordNR {
			tests++
		}
		a = t.execute(a, i)
	}
	return len(steps), tests
}

// optimal is how many comparisons a call of an ABI meets on the average in the
// best tree for the ranges of numbers that p tells apart.
func optimal(p *policy.Policy, abi seccomp.ABI, weights map[uint32]uint64) (float64, error) {
	s := p.Space()
	regions, ok := s.Regions(s.Fix(p.Root(), policy.WordArch, abi.Arch()), policy.WordNR, s.Limit())
	if !ok {
		return 0, policy.ErrTooLarge
	}
	low, high := numberSpace(abi)
	regions = slices.DeleteFunc(regions, func(r policy.Region) bool { return r.High < low || r.Low > high })
	leaves := make([]uint64, len(regions))
	var all uint64
	add := func(nr uint32, w uint64) {
		i, _ := slices.BinarySearchFunc(regions, nr, func(r policy.Region, nr uint32) int { return cmp.Compare(r.High, nr) })
		if i < len(regions) {
			leaves[i] += w
			all += w
		}
	}
	for nr, w := range weights {
		add(nr, min(w, maxCount))
	}
	if all == 0 {
		for nr := range syscalls.All(abi) {
			add(nr, 1)
		}
	}
	return float64(cheapest(leaves)) / float64(max(all, 1)), nil
}

// cheapest is the cost of the cheapest binary tree over leaves in their order: the
// sum of what each weighs, times its depth. It is the algorithm of Garsia and
// Wachs (Knuth, "The Art of Computer Programming", volume 3, 6.2.2): the first
// two neighbours that weigh no more together than the second and the one behind
// it become one, which moves left to where as much stands. What was joined is
// the cost. It takes n^2 steps at the worst and mostly few more than n.
func cheapest(leaves []uint64) (cost uint64) {
	w := slices.Clone(leaves)
	for len(w) > 1 {
		i := 1
		for i+1 < len(w) && w[i-1] > w[i+1] {
			i++
		}
		sum := w[i-1] + w[i]
		cost += sum
		w = slices.Delete(w, i-1, i+1)
		for i--; i > 0 && w[i-1] < sum; i-- {
		}
		w = slices.Insert(w, i, sum)
	}
	return cost
}
