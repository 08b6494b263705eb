package compile_test

import (
	"slices"
	"testing"

	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// The demonstration of the README has 19 instructions, and no program that loads
// words and compares them with constants has fewer. Each of its three answers takes
// a return, the architecture a load and a test, the number a load. On the way of a
// write that is allowed, each of the four words of its two arguments is loaded and
// tested, and no way comes to an instruction twice. The numbers take five tests, as
// a search finds, and none of them can be one of the former: these tell 0, 1, or
// what is not above 512 from the rest, and answer ALLOW or go on to arguments,
// which for read is wrong, and tells the other numbers of the search apart from
// none.
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
	least := returns + head + arguments + leastTests(map[uint32]int{0: read, 1: write, 12: allowed, 39: allowed, 231: allowed})
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
		if got := leastTests(test.answers); got != test.want {
			t.Errorf("%v: %d tests, not %d", test.answers, got, test.want)
		}
	}
}

// leastTests is a number of comparisons with constants than which no fewer tell
// some numbers from those with another answer and from all that are not there.
// Only these numbers are looked at, and those that differ from them by one or in
// one of three bits.
func leastTests(answers map[uint32]int) int {
	const values = 512 // of which the numbers are
	var points []uint32
	for v := range answers {
		for _, p := range []uint32{v, v - 1, v + 1, v ^ 1<<2, v ^ 1<<3, v ^ 1<<5} {
			if p < values && !slices.Contains(points, p) {
				points = append(points, p)
			}
		}
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
	for n := 1; ; n++ {
		var asked [maxTests]uint64
		asked[maxTests-n] = all
		if g.suffices(asked, n) {
			return n
		}
	}
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
// answer. Those that are not left have all points.
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
