package libseccomp_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Environment variables that make the random tests longer, or repeat one.
const (
	countVariable = "CALLGATE_LIBSECCOMP_PROFILES" // how many profiles; 20,000 unless set
	seedVariable  = "CALLGATE_LIBSECCOMP_SEED"
)

func number(t *testing.T, variable string, unset uint64) uint64 {
	text := os.Getenv(variable)
	if text == "" {
		return unset
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// TestDifferential compares the model with the installed library on random
// profiles for x86_64, x86 and x32: the same errors, and a program that lifts
// to the same diagram.
func TestDifferential(t *testing.T) {
	differential(t, 20000, func(r *rand.Rand) ([]seccomp.ABI, bool) {
		abis := []seccomp.ABI{seccomp.X86, seccomp.X32}
		r.Shuffle(len(abis), func(i, j int) { abis[i], abis[j] = abis[j], abis[i] })
		return abis[:r.IntN(3)], r.IntN(8) == 0
	})
}

// TestDifferentialForeign does so for the other ABIs, of one byte order.
func TestDifferentialForeign(t *testing.T) {
	differential(t, 6000, func(r *rand.Rand) ([]seccomp.ABI, bool) {
		all := seccomp.ABIs()
		first := all[r.IntN(len(all))]
		abis := []seccomp.ABI{first}
		for range r.IntN(3) {
			if a := all[r.IntN(len(all))]; a.ByteOrder() == first.ByteOrder() {
				abis = append(abis, a)
			}
		}
		return abis, r.IntN(4) > 0
	})
}

func differential(t *testing.T, count uint64, abis func(*rand.Rand) ([]seccomp.ABI, bool)) {
	o := ask(t)
	seed, count := number(t, seedVariable, 1), number(t, countVariable, count)
	hangs, rules, refused, failed := 0, 0, 0, 0
	for n := range count {
		r := rand.New(rand.NewPCG(seed, n))
		p := random(r, o.version, abis)
		diff, model := p.check(t, o)
		if diff != "" && failed < 5 {
			small := shrink(p, func(p profile) bool { d, _ := p.check(t, o); return d != "" })
			diff, _ = small.check(t, o)
			t.Errorf("profile %d of %s=%d: %s\n%v", n, seedVariable, seed, diff, small)
		}
		if diff != "" {
			failed++
		}
		if model == nil {
			hangs++
			continue
		}
		rules += len(p.rules)
		for _, e := range model {
			if e != 0 {
				refused++
			}
		}
	}
	t.Logf("libseccomp %v: %d profiles, %d rules, %d operations refused, %d profiles not asked because the library hangs", o.version, count, rules, refused, hangs)
	if failed > 0 {
		t.Errorf("%d profiles differ", failed)
	}
}

// TestHangs has the example of ErrHangs, and the pair the other way round.
func TestHangs(t *testing.T) {
	o := ask(t)
	rule := func(second int) libseccomp.Rule {
		return libseccomp.Rule{Name: "kcmp", Action: seccomp.Err | 1, Args: []libseccomp.Arg{
			{Index: 0, Op: libseccomp.NE, Value: 1}, {Index: second, Op: libseccomp.EQ, Value: 1},
		}}
	}
	for _, second := range [][2]int{{1, 2}, {2, 1}} {
		p := profile{fallback: seccomp.Allow, badABI: seccomp.KillThread, optimize: 1, rules: []libseccomp.Rule{rule(second[0]), rule(second[1])}}
		want := second[0] < second[1]
		if _, _, hangs := p.model(o.version); hangs != want {
			t.Errorf("the model hangs: %v, for\n%v", hangs, p)
		}
		if v := o.judge(t, p); v.hangs != want {
			t.Errorf("the library hangs: %v, for\n%v", v.hangs, p)
		}
	}
}

// TestRare has profiles that random ones seldom are like: the smallest that the
// model once was wrong about.
func TestRare(t *testing.T) {
	o := ask(t)
	arg := func(index int, op libseccomp.Op, value uint64) libseccomp.Arg {
		return libseccomp.Arg{Index: index, Op: op, Value: value, ValueTwo: 1}
	}
	const most, half = 1<<64 - 1, 1<<63 - 1
	for _, test := range []struct {
		name string
		profile
	}{
		{"a shared list is gone from both exits", profile{rules: []libseccomp.Rule{
			{Name: "clone", Action: seccomp.Trap, Args: []libseccomp.Arg{arg(1, libseccomp.EQ, half), arg(0, libseccomp.LT, most)}},
			{Name: "clone", Action: seccomp.Trap, Args: []libseccomp.Arg{arg(1, libseccomp.NE, half), arg(0, libseccomp.NE, most)}},
		}}},
		{"a masked test is the same code", profile{drop: true, abis: []seccomp.ABI{seccomp.X32, seccomp.X86}, rules: []libseccomp.Rule{
			{Name: "semop", Action: seccomp.Notify, Args: []libseccomp.Arg{arg(0, libseccomp.MaskedEQ, half)}},
			{Name: "semop", Action: seccomp.Err | 4094, Args: []libseccomp.Arg{arg(0, libseccomp.NE, 1<<33-1), arg(1, libseccomp.LE, 0)}},
			{Name: "semtimedop", Action: seccomp.KillThread, Args: []libseccomp.Arg{arg(1, libseccomp.LT, 1)}},
		}}},
		{"the lower half of an action is gone", profile{rules: []libseccomp.Rule{
			{Name: "socket", Action: seccomp.Err | 5, Args: []libseccomp.Arg{arg(0, libseccomp.GE, 255), arg(1, libseccomp.LE, half+1)}},
			{Name: "socket", Action: seccomp.Err | 5, Args: []libseccomp.Arg{arg(1, libseccomp.LE, half+1)}},
			{Name: "socket", Action: seccomp.Notify, Args: []libseccomp.Arg{arg(1, libseccomp.LE, half+2), arg(0, libseccomp.GT, 255)}},
		}}},
	} {
		p := test.profile
		p.fallback, p.badABI, p.optimize = seccomp.Err|1, seccomp.KillProcess, 1
		if diff, _ := p.check(t, o); diff != "" {
			t.Errorf("%s: %s\n%v", test.name, diff, p)
		}
	}
}

// check returns how the model and the library differ on p, and the errnos of
// the model; nil where the library would hang.
func (p profile) check(t *testing.T, o *oracle) (diff string, errnos []int) {
	f, errnos, hangs := p.model(o.version)
	if hangs && o.hangs >= 3 {
		return "", nil // it takes too long to see each
	}
	v := o.judge(t, p)
	switch {
	case v.hangs && hangs:
		o.hangs++
		return "", nil
	case hangs:
		return "the library returns, the model says it does not", nil
	case v.hangs:
		return "the library hangs", errnos
	case !slices.Equal(v.errnos, errnos):
		return fmt.Sprintf("errors %v, the library says %v", errnos, v.errnos), errnos
	case len(f.ABIs()) == 0:
		return "", errnos
	}
	if least, most := f.Length(); len(v.code)/8 < least || len(v.code)/8 > most {
		return fmt.Sprintf("%d instructions, expected were %d to %d", len(v.code)/8, least, most), errnos
	}
	return compare(f, v.code, f.ABIs()[0].ByteOrder()), errnos
}

// shrink leaves out of p what does not matter.
func shrink(p profile, fails func(profile) bool) profile {
	for {
		i := slices.IndexFunc(p.smaller(), fails)
		if i < 0 {
			return p
		}
		p = p.smaller()[i]
	}
}

// smaller are the profiles that lack one thing.
func (p profile) smaller() []profile {
	var all []profile
	for i := range p.rules {
		q := p
		q.rules = slices.Delete(slices.Clone(p.rules), i, i+1)
		all = append(all, q)
	}
	for i := range p.abis {
		q := p
		q.abis = slices.Delete(slices.Clone(p.abis), i, i+1)
		all = append(all, q)
	}
	for i := range p.rules {
		for k := range p.rules[i].Args {
			q := p
			q.rules = slices.Clone(p.rules)
			q.rules[i].Args = slices.Delete(slices.Clone(p.rules[i].Args), k, k+1)
			all = append(all, q)
		}
	}
	return all
}

var actions = []seccomp.Action{
	seccomp.Allow, seccomp.Log, seccomp.KillThread, seccomp.KillProcess, seccomp.Trap, seccomp.Err | 1, seccomp.Err | 5,
	seccomp.Err, seccomp.Err | 4094, seccomp.Trace | 7, seccomp.Trace, seccomp.Notify,
}

// odd are actions that the library refuses.
var odd = []seccomp.Action{seccomp.Err | 4095, seccomp.Err | 0x8000, seccomp.Allow | 1, seccomp.Trap | 5, 0x12340000}

// random is a profile. The calls and constants of one are few, so that rules
// meet.
func random(r *rand.Rand, v libseccomp.Version, abis func(*rand.Rand) ([]seccomp.ABI, bool)) profile {
	p := profile{fallback: pick(r, actions), badABI: pick(r, actions), optimize: 1}
	p.abis, p.drop = abis(r)
	p.dropFirst = len(p.abis) > 0 && (p.abis[0].ByteOrder() != seccomp.X86_64.ByteOrder() || r.IntN(2) == 0)
	if r.IntN(4) == 0 {
		p.optimize = 2
	}
	names := callNames(r)
	g := generator{r, bases(r), 1 + r.IntN(4), actions}
	if r.IntN(2) == 0 {
		g.actions = []seccomp.Action{pick(r, actions), pick(r, actions)}
	}
	for range 1 + r.IntN(12) {
		p.rules = append(p.rules, g.rule(pick(r, names)))
	}
	return p
}

var families = [][]string{
	{"socket", "socketcall", "connect", "accept", "send", "recv"}, {"ipc", "shmget", "semop", "semtimedop", "msgrcv"},
	{"chown32", "mkdir", "chown"}, {"read", "write", "_llseek"}, {"switch_endian", "sys_debug_setcontext"}, {"clone", "mmap2", "mmap"},
}

func callNames(r *rand.Rand) []string {
	names := slices.Clone(pick(r, families))
	all := syscalls.Names()
	for range r.IntN(3) {
		names = append(names, pick(r, all))
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:1+r.IntN(len(names))]
}

// A generator makes the rules of one profile.
type generator struct {
	*rand.Rand
	bases   []uint64
	indexes int // of arguments
	actions []seccomp.Action
}

func (g generator) rule(name string) libseccomp.Rule {
	rule := libseccomp.Rule{Name: name, Action: pick(g.Rand, g.actions)}
	if g.IntN(50) == 0 {
		rule.Action = pick(g.Rand, odd)
	}
	if g.IntN(40) == 0 {
		rule.Name, rule.Number = "", pick(g.Rand, []int32{0, 1, 1000, 41, -101, -1, -10001, 0x40000000, 0x40000001})
	}
	perm := g.Perm(6)
	for _, i := range perm[:g.IntN(5)] {
		if i %= g.indexes; !slices.ContainsFunc(rule.Args, func(a libseccomp.Arg) bool { return a.Index == i }) || g.IntN(60) == 0 {
			rule.Args = append(rule.Args, libseccomp.Arg{Index: i, Op: libseccomp.Op(1 + g.IntN(7)), Value: g.value(), ValueTwo: g.value()})
		}
	}
	return rule
}

func bases(r *rand.Rand) []uint64 {
	all := []uint64{0, 1, 5, 40, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 32, 2 << 32, 0x7e020000, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+r.IntN(3)]
}

// value is a constant near one of the profile's.
func (g generator) value() uint64 {
	v := pick(g.Rand, g.bases)
	switch g.IntN(8) {
	case 0:
		v++
	case 1:
		v--
	case 2:
		v = v<<32 | v>>32
	case 3:
		v = uint64(int64(int32(v)))
	case 4:
		v |= uint64(g.IntN(3)) << 32
	}
	return v
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }
