package compile_test

import (
	"slices"
	"testing"

	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// The demonstration of the README has 19 instructions, and no program that loads
// each word once and compares words with constants has fewer. Its three answers
// take a return each, and its six words a load each. The load of the number is the
// same for all calls and forgets what was known, so that the architecture is told
// before it, by a test of its own, and the arguments are loaded behind it. The
// numbers take five tests, as a search finds. On the way of a write that is
// allowed, let T be the first test of a word of an argument. A number that comes
// to T is answered as that write would be with the number for the word. So it is
// not 0 where the word must be 0, for read is not allowed, nor 1 where the word
// must be 1, for write would come to T twice: it gets KILL, or ALLOW if it is at
// most 512 and the word the lower half of argument 2. No such test is among the
// five, which tell smaller numbers apart, and each of the four words has its own.
func TestDemonstrationIsShortest(t *testing.T) {
	p, err := policy.New(seccomp.KillThread, seccomp.X86_64).
		Allow("exit_group", "getpid", "brk").
		Rule(seccomp.Allow, "write", policy.Arg(0).EQ(1), policy.Arg(2).LE(512)).
		Deny(seccomp.EBADF, "read").
		Build()
	if err != nil {
		t.Fatal(err)
	}
	const returns, head, arguments = 3, 2 + 1, 4 * 2
	read, write, allowed := 1, 2, 3
	least := returns + head + arguments + leastTests(t, map[uint32]int{0: read, 1: write, 12: allowed, 39: allowed, 231: allowed})
	for _, goal := range []compile.Goal{compile.Speed, compile.Size} {
		program, err := compile.Compile(p, compile.Options{Optimize: goal})
		if err != nil {
			t.Fatal(err)
		}
		if len(program) != least {
			t.Errorf("goal %d: %d instructions, %d are possible", goal, len(program), least)
		}
	}
}

func TestLeastTests(t *testing.T) {
	for _, test := range []struct {
		answers map[uint32]int
		want    int
	}{
		{nil, 0},
		{map[uint32]int{5: 1}, 1},
		{map[uint32]int{0: 1, 1: 1}, 1},
		{map[uint32]int{0: 1, 1: 2}, 2},
		{map[uint32]int{12: 1, 13: 1}, 2},
		{map[uint32]int{8: 1, 12: 1, 40: 1, 44: 1}, 2}, // no bits but three, and one of them
		{map[uint32]int{8: 1, 12: 2, 40: 1, 44: 2}, 3},
		{map[uint32]int{12: 1, 39: 1, 231: 1}, 3},
	} {
		if got := leastTests(t, test.answers); got != test.want {
			t.Errorf("%v: %d tests, not %d", test.answers, got, test.want)
		}
	}
}

// leastTests is a number of comparisons with constants than which no fewer tell
// some numbers from those with another answer and from all that are not there.
// Only these numbers are looked at, and those that differ from them by one or in
// one of three bits. The numbers are below 512, the answers from 1 to 3, and the
// tests at most maxTests.
func leastTests(t *testing.T, answers map[uint32]int) int {
	const values = 512
	var points []uint32
	for v := range answers {
		for _, p := range []uint32{v, v - 1, v + 1, v ^ 1<<2, v ^ 1<<3, v ^ 1<<5} {
			if p < values && !slices.Contains(points, p) {
				points = append(points, p)
			}
		}
	}
	if len(points) > 63 {
		t.Fatalf("%d numbers, too many for a set", len(points))
	}
	set := func(has func(v uint32) bool) (set uint64) {
		for i, v := range points {
			if has(v) {
				set |= 1 << i
			}
		}
		return set
	}
	g := testGraph{failed: map[[maxTests]uint64]bool{}}
	for a := range g.labels {
		g.labels[a] = set(func(v uint32) bool { return answers[v] == a })
	}
	for k := range uint32(values) {
		g.tests = append(g.tests,
			set(func(v uint32) bool { return v == k }),
			set(func(v uint32) bool { return v >= k }),
			set(func(v uint32) bool { return v&k != 0 }))
	}
	slices.Sort(g.tests)
	g.tests = slices.Compact(g.tests)
	all := set(func(uint32) bool { return true })
	if g.oneAnswer(all) {
		return 0
	}
	for n := 1; n <= maxTests; n++ {
		var asked [maxTests]uint64
		asked[maxTests-n] = all
		if g.suffices(asked, n) {
			return n
		}
	}
	t.Fatalf("%v: more than %d tests", answers, maxTests)
	return 0
}

// testGraph looks for a graph of tests by trying all.
type testGraph struct {
	labels [4]uint64                 // the points of each answer
	tests  []uint64                  // the points for which each holds
	failed map[[maxTests]uint64]bool // what is left to ask did not suffice
}

const maxTests = 5

// suffices reports whether the tests that are left tell apart the points that come
// to each of them, which is asked in turn, and goes on to a later one or to an
// answer. A test that was asked has all points.
func (g *testGraph) suffices(asked [maxTests]uint64, left int) bool {
	if left == 0 {
		return true
	}
	at := maxTests - left
	now := asked[at]
	asked[at] = ^uint64(0)
	if g.oneAnswer(now) {
		return g.suffices(asked, left-1)
	}
	key := asked
	key[0] = now // was asked, or is what is asked now
	if g.failed[key] {
		return false
	}
	for _, test := range g.tests {
		yes, no := now&test, now&^test
		if yes != 0 && no != 0 && g.branch(asked, yes, no, left-1) {
			return true
		}
	}
	g.failed[key] = true
	return false
}

// branch is suffices where some points go one way and some another.
func (g *testGraph) branch(asked [maxTests]uint64, yes, no uint64, left int) bool {
	if g.oneAnswer(yes) {
		yes, no = no, 0
	}
	if g.oneAnswer(yes) {
		return g.suffices(asked, left)
	}
	for i := maxTests - left; i < maxTests; i++ {
		one := asked
		one[i] |= yes
		if g.oneAnswer(no) {
			if g.suffices(one, left) {
				return true
			}
			continue
		}
		for j := maxTests - left; j < maxTests; j++ {
			both := one
			both[j] |= no
			if g.suffices(both, left) {
				return true
			}
		}
	}
	return false
}

func (g *testGraph) oneAnswer(points uint64) bool {
	for _, l := range g.labels {
		if points&^l == 0 {
			return true
		}
	}
	return false
}
