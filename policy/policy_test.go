package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// random calls f with many random policies and their rules.
func random(t *testing.T, n int, f func(t *testing.T, seed uint64, rules policy.Rules, p *policy.Policy)) {
	t.Helper()
	for seed := range uint64(n) {
		rules := arbitrary.Rules(arbitrary.New(seed), 8)
		p, err := policy.Build(rules)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		f(t, seed, rules, p)
	}
}

// The diagram and the rules evaluated one by one are two ways to one answer.
func TestDiagramIsRules(t *testing.T) {
	reasons := map[policy.Reason]int{}
	random(t, 2000, func(t *testing.T, seed uint64, rules policy.Rules, p *policy.Policy) {
		r := arbitrary.New(seed ^ 1<<40)
		for range 100 {
			d := arbitrary.Call(r, rules)
			want, err := p.Decide(d)
			if err != nil {
				t.Fatal(err)
			}
			reasons[want.Reason]++
			if got := p.Eval(d); got != want.Action {
				t.Fatalf("seed %d: %+v: diagram %v, rules %v\n%v", seed, d, got, want.Action, rules.Rules)
			}
		}
	})
	for _, reason := range []policy.Reason{policy.ByRule, policy.ByDefault, policy.ByUnlisted} {
		if reasons[reason] < 1000 {
			t.Errorf("reason %d was met only %d times: the test says little", reason, reasons[reason])
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	random(t, 1000, func(t *testing.T, seed uint64, rules policy.Rules, p *policy.Policy) {
		text := p.String()
		again, err := policy.Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if same, err := policy.Equal(p, again); err != nil || !same {
			t.Fatalf("seed %d: the text means something else (%v)\n%s", seed, err, text)
		}
		if diff := cmp.Diff(text, again.String()); diff != "" {
			t.Fatalf("seed %d: equal policies are written differently:\n%s", seed, diff)
		}
	})
}

func TestDiffWitness(t *testing.T) {
	random(t, 1000, func(t *testing.T, seed uint64, rules policy.Rules, p *policy.Policy) {
		other := arbitrary.Rules(arbitrary.New(seed+1), 8)
		q, err := policy.Build(other)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := policy.Diff(p, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences {
			if p.Eval(d.Call) != d.A || q.Eval(d.Call) != d.B || d.A == d.B {
				t.Fatalf("seed %d: %+v: got %v and %v", seed, d, p.Eval(d.Call), q.Eval(d.Call))
			}
		}
		// Whatever calls show to differ stands in the list.
		r := arbitrary.New(seed ^ 1<<41)
		for range 50 {
			call := arbitrary.Call(r, rules)
			a, b := p.Eval(call), q.Eval(call)
			if a != b && !lists(differences, call, a, b) {
				t.Fatalf("seed %d: %+v: %v against %v is not in the list %+v", seed, call, a, b, differences)
			}
		}
		if same, _ := policy.Equal(p, q); same != (len(differences) == 0) {
			t.Fatalf("seed %d: equal is %v with %d differences", seed, same, len(differences))
		}
	})
}

func lists(differences []policy.Difference, call seccomp.Data, a, b seccomp.Action) bool {
	for _, d := range differences {
		if d.A != a || d.B != b || d.Arch != call.Arch && !d.OtherArch {
			continue
		}
		for _, n := range d.Numbers {
			if d.Truncated || n.Low <= call.NR && call.NR <= n.High {
				return true
			}
		}
	}
	return false
}

func TestCombine(t *testing.T) {
	random(t, 500, func(t *testing.T, seed uint64, rules policy.Rules, p *policy.Policy) {
		q, err := policy.Build(arbitrary.Rules(arbitrary.New(seed+1), 8))
		if err != nil {
			t.Fatal(err)
		}
		both, err := policy.Intersect(p, q)
		if err != nil {
			t.Fatal(err)
		}
		either, err := policy.Union(p, q)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string][2]*policy.Policy{
			"intersection in first": {both, p}, "intersection in second": {both, q},
			"first in union": {p, either}, "second in union": {q, either},
		} {
			if ok, call, err := policy.Subset(c[0], c[1]); !ok || err != nil {
				t.Fatalf("seed %d: %s: not for %+v (%v)", seed, name, call, err)
			}
		}
		if ok, call, _ := policy.Subset(p, q); !ok && !p.Eval(call).Allows() && p.Eval(call).Kind() != seccomp.Notify && p.Eval(call).Kind() != seccomp.Trace {
			t.Fatalf("seed %d: witness %+v is stopped", seed, call)
		}
		r := arbitrary.New(seed ^ 1<<42)
		for range 50 {
			d := arbitrary.Call(r, rules)
			a, b := p.Eval(d), q.Eval(d)
			strict, lax := b, a
			if a.Stricter(b) {
				strict = a
			}
			if a.Stricter(b) {
				lax = b
			}
			if both.Eval(d) != strict || either.Eval(d) != lax {
				t.Fatalf("seed %d: %+v: %v and %v give %v and %v", seed, d, a, b, both.Eval(d), either.Eval(d))
			}
		}
	})
}

func TestSubset(t *testing.T) {
	allow := func(names ...string) *policy.Policy {
		p, err := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64).Allow(names...).Build()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	small, large := allow("read"), allow("read", "write")
	if ok, _, err := policy.Subset(small, large); !ok || err != nil {
		t.Errorf("a smaller list is no subset (%v)", err)
	}
	ok, call, err := policy.Subset(large, small)
	if ok || err != nil || call.NR != 1 || call.Arch != seccomp.X86_64.Arch() {
		t.Errorf("a larger list is a subset: %v %+v %v; want write as the witness", ok, call, err)
	}
}

func TestRuleMeaning(t *testing.T) {
	arg := policy.Arg(0)
	eperm, enosys := seccomp.ReturnErrno(1), seccomp.ReturnErrno(38)
	for _, c := range []struct {
		name string
		b    *policy.Builder
		abi  seccomp.ABI
		nr   uint32
		args [6]uint64
		want seccomp.Action
	}{
		{"a range on one argument", policy.New(seccomp.Allow, seccomp.X86_64).
			Rule(eperm, "personality", arg.GE(10), arg.LE(20)), seccomp.X86_64, 135, [6]uint64{21}, seccomp.Allow},
		{"the stricter of two rules, first last", policy.New(seccomp.Allow, seccomp.X86_64).
			Allow("read").Deny(1, "read").Allow("read"), seccomp.X86_64, 0, [6]uint64{}, eperm},
		{"the first of two errnos", policy.New(seccomp.Allow, seccomp.X86_64).
			Deny(38, "read").Deny(1, "read"), seccomp.X86_64, 0, [6]uint64{}, enosys},
		{"an unlisted ABI", policy.New(seccomp.Allow, seccomp.X86_64), seccomp.X86, 1, [6]uint64{}, seccomp.KillThread},
		{"x32 is not x86_64", policy.New(seccomp.Allow, seccomp.X86_64), seccomp.X32, 0x40000001, [6]uint64{}, seccomp.KillThread},
		{"the skipped call -1 is x86_64's", policy.New(seccomp.Allow, seccomp.X86_64), seccomp.X86_64, 0xffffffff, [6]uint64{}, seccomp.Allow},
		{"socket through socketcall", policy.New(seccomp.Allow, seccomp.X86).Deny(1, "socket"),
			seccomp.X86, 102, [6]uint64{1}, eperm},
		{"connect is not socket", policy.New(seccomp.Allow, seccomp.X86).Deny(1, "socket"),
			seccomp.X86, 102, [6]uint64{3}, seccomp.Allow},
		{"arguments in memory do not tell", policy.New(seccomp.Allow, seccomp.X86).Rule(eperm, "socket", arg.EQ(40)),
			seccomp.X86, 102, [6]uint64{1, 40}, seccomp.Allow},
		{"semget's key in a register of ipc", policy.New(seccomp.Allow, seccomp.X86).Rule(eperm, "semget", arg.EQ(77)),
			seccomp.X86, 117, [6]uint64{0x10002, 77}, eperm},
		{"negative numbers on 32 bits", policy.New(seccomp.Allow, seccomp.X86).Rule(eperm, "read", arg.EQ(^uint64(0))),
			seccomp.X86, 3, [6]uint64{0xffffffff}, eperm},
		{"64-bit numbers on 32 bits", policy.New(seccomp.Allow, seccomp.X86).Rule(eperm, "read", arg.LT(1<<32)),
			seccomp.X86, 3, [6]uint64{5}, eperm},
		{"a value outside the mask", policy.New(seccomp.Allow, seccomp.X86_64).Rule(eperm, "read", arg.Masked(0xf0, 0x11f)),
			seccomp.X86_64, 0, [6]uint64{0x17}, eperm},
	} {
		p, err := c.b.Build()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		d := seccomp.Data{Arch: c.abi.Arch(), NR: c.nr, Args: c.args}
		if got := p.Eval(d); got != c.want {
			t.Errorf("%s: %v, want %v\n%v", c.name, got, c.want, p)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	for _, c := range []struct {
		b    *policy.Builder
		want []string
	}{
		{policy.New(seccomp.Allow), []string{"no ABI is listed"}},
		{policy.New(seccomp.Allow, seccomp.X86, seccomp.X86), []string{"x86 is listed twice"}},
		{policy.New(seccomp.Allow, seccomp.X86_64).Allow("mkdri", "raed"), []string{`"mkdri": is it mkdir?`, `"raed": is it read?`}},
		{policy.New(seccomp.Allow, seccomp.X86_64).Rule(seccomp.Log, "read", policy.Arg(6).EQ(1)), []string{"argument 6"}},
		{policy.New(seccomp.Allow, seccomp.X86_64).Add(policy.Rule{
			Syscall: "read", When: []policy.Condition{{}}, Origin: policy.Origin{File: "f.json", Line: 3, Column: 7}}), []string{"f.json:3:7: ", "no operator"}},
	} {
		_, err := c.b.Build()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q in it", err, want)
			}
		}
	}
}

// A policy whose diagram grows without bound is refused.
func TestTooLarge(t *testing.T) {
	b := policy.New(seccomp.Allow, seccomp.X86_64)
	for i := range 30 {
		b.Rule(seccomp.ReturnErrno(1), "read", policy.Arg(0).Masked(1<<i, 1<<i), policy.Arg(1).Masked(1<<i, 1<<i))
	}
	_, err := policy.NewSpace(1 << 16).Build(b.Allow("write").Rules())
	if !errors.Is(err, policy.ErrTooLarge) || !strings.Contains(err.Error(), "30 rules for read of x86_64") {
		t.Errorf("error %v, want ErrTooLarge for read", err)
	}
}

// Thousands of conditions without a pattern fit, whatever arguments they are
// about, and mean what they say.
func TestManyConditions(t *testing.T) {
	r := arbitrary.New(1)
	for _, args := range []int{1, 6} {
		var values []uint64
		b := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64, seccomp.ARM)
		for i := range 5000 {
			v := r.Uint64() >> (i % 2 * 32)
			values = append(values, v, v+1)
			b.Rule(seccomp.Allow, "write", policy.Arg(i%args).EQ(v))
		}
		b.Rule(seccomp.Log, "write", policy.Arg(0).LE(1<<20), policy.Arg(5).NE(values[0]))
		p, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values[:2000] {
			d := seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 1}
			if i%3 == 0 {
				d.Arch, d.NR, v = seccomp.ARM.Arch(), 4, v&0xffffffff
			}
			d.Args[i/2%args] = v
			decided, err := p.Decide(d)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Eval(d); got != decided.Action {
				t.Errorf("%+v: diagram %v, rules %v", d, got, decided.Action)
			}
		}
	}
}

// One sample of each way to ask, as it is written and read back.
func TestTextIsReadable(t *testing.T) {
	const text = `@1 {
	a0.low == 40: ERRNO(EIO)
	else: ALLOW
}

x86 {
	@1: socket
	socketcall {
		a0.low == 1: ERRNO(EIO)
		else: ALLOW
	}
	else: ALLOW
}
x86_64 {
	ALLOW: 600..700, 0x3fffffff, close, read
	ERRNO(ENOSYS): clone3
	clone {
		a0 & 0x7e020000 == 0: ALLOW
		else: ERRNO(EPERM)
	}
	ioctl {
		a1 in 0x5401, 0x5410, 0x5413..0x5414, 0x541b, 0x5421, 0x5450..0x5451, 0x80045430,
			0x8004667e, 0xc0045878: ALLOW
		else: ERRNO(EPERM)
	}
	personality {
		a0.low in 0, 8, 0x20000, 0x20008, 0xffffffff: ALLOW
		else: ERRNO(EPERM)
	}
	prctl {
		a0 <= 20: ALLOW
		a0 == 22: TRACE(1)
		a0 >= 0xfffffffffffffff0: LOG
		else: ERRNO(EPERM)
	}
	socket {
		a0 in 0..37, 39: ALLOW
		else: ERRNO(EPERM)
	}
	write {
		a0 == 1 {
			a2 & 0xffff in 1..512: ALLOW
			else: KILL_PROCESS
		}
		else: KILL_PROCESS
	}
	else: ERRNO(EPERM)
}
x32, arm {
	KILL_THREAD: mkdir
	@1: socket
	else: ALLOW
}
arch == 7: LOG
else: KILL_PROCESS
`
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, p.String()); diff != "" {
		t.Error(diff)
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "1:1: want an architecture",
		"else ALLOW":                  `1:6: want ":"`,
		"else: MAYBE":                 "1:7: want an action",
		"else: ALLOW else: ALLOW":     "1:13: nothing may follow else",
		"x86_64 {\n}\nelse: ALLOW":    "2:1: the block from line 1 has no else",
		"x86_64 {\n\tmkdri: ALLOW\n":  "2:2: x86_64 has no system call mkdri",
		"x86_64 {\n\ta0 = 5: ALLOW\n": "2:5: want ==",
		"x86_64 { a0 == 0x1ffffffffffffffff: LOG":  "1:16: want a number",
		"arch == 5 { read: ALLOW":                  "only the block of an architecture",
		"else: @1":                                 "@1 is not defined above",
		"@1 { else: ALLOW } @1 { else: LOG }":      "1:20: @1 is defined twice",
		"sparc { else: ALLOW }":                    "1:1: want an architecture",
		"x86, arm, x86 { else: ALLOW }":            "1:11: x86 is named twice",
		"x86, { else: ALLOW }":                     "1:6: want an architecture",
		"a0.mid == 1: LOG":                         "1:1: want an architecture",
		"a0 in 1, 2.. : LOG":                       "1:14: want a number",
		strings.Repeat("a", 1<<20):                 strings.Repeat("a", 60) + `"`,
		strings.Repeat("x86 {a0 == 1", 1):          "want \":\"",
		"x86 " + strings.Repeat("{ a0 == 1 ", 600): "blocks nest deeper",
	} {
		_, err := policy.Parse(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q): error %v, want %q in it", in, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for seed := range uint64(8) {
		p, err := policy.Build(arbitrary.Rules(arbitrary.New(seed), 4))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.String())
	}
	f.Add("@1 { ip & 0xf in 3..5: TRACE(7) else: LOG }\narch >= 7: @1\nx32 { nr & 1 == 1 { a5 != 3: @1 else: ALLOW } 7..9, read: LOG else: TRAP }\nelse: ERRNO(0)")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.NewSpace(1 << 18).Parse(text)
		if err != nil {
			return
		}
		written := p.String()
		again, err := policy.Parse(written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if same, err := policy.Equal(p, again); !same {
			t.Fatalf("the text means something else (%v)\n%s", err, written)
		}
		if diff := cmp.Diff(written, again.String()); diff != "" {
			t.Fatalf("equal policies are written differently:\n%s", diff)
		}
	})
}

// dockerDefault is Docker's default profile on the three ABIs of x86_64.
func dockerDefault(t testing.TB) policy.Rules {
	t.Helper()
	src, err := source.Open("docker:default", source.Options{
		Env: profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6, Minor: 12}),
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := src.Policy()
	if err != nil {
		t.Fatal(err)
	}
	rules, _ := p.Rules()
	return rules
}

func BenchmarkBuild(b *testing.B) {
	rules := dockerDefault(b)
	var p *policy.Policy
	for b.Loop() {
		var err error
		if p, err = policy.Build(rules); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(p.Space().Size(p.Root())), "nodes")
}

func BenchmarkText(b *testing.B) {
	p, err := policy.Build(dockerDefault(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("String", func(b *testing.B) {
		for b.Loop() {
			_ = p.String()
		}
	})
	text := p.String()
	b.Run("Parse", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := policy.Parse(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEval(b *testing.B) {
	rules := arbitrary.Rules(arbitrary.New(7), 40)
	p, err := policy.Build(rules)
	if err != nil {
		b.Fatal(err)
	}
	d := arbitrary.Call(arbitrary.New(8), rules)
	for b.Loop() {
		p.Eval(d)
	}
}

func Example() {
	p, err := policy.New(seccomp.Allow, seccomp.X86_64).
		Deny(seccomp.EPERM, "mkdir", "mkdirat").
		Rule(seccomp.ReturnErrno(97), "socket", policy.Arg(0).EQ(40)).
		Build()
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Eval(seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 41, Args: [6]uint64{40}}))
	fmt.Print(p)
	// Output:
	// ERRNO(EAFNOSUPPORT)
	// x86_64 {
	// 	ERRNO(EPERM): mkdir, mkdirat
	// 	socket {
	// 		a0 == 40: ERRNO(EAFNOSUPPORT)
	// 		else: ALLOW
	// 	}
	// 	else: ALLOW
	// }
	// else: KILL_THREAD
}

func ExampleDiff() {
	with := policy.New(seccomp.Allow, seccomp.X86_64).Deny(seccomp.EPERM, "mkdir")
	without := policy.New(seccomp.Allow, seccomp.X86_64)
	a, _ := with.Build()
	b, _ := without.Build()
	differences, err := policy.Diff(a, b)
	if err != nil {
		panic(err)
	}
	for _, d := range differences {
		fmt.Printf("%v %v: %v against %v\n", d.ABI, d.Numbers, d.A, d.B)
	}
	// Output: x86_64 [{83 83}]: ERRNO(EPERM) against ALLOW
}

func ExampleParse() {
	p, err := policy.Parse(`
		x86_64, aarch64 {
			ERRNO(EAFNOSUPPORT): io_uring_setup # a comment
			socket { a0 in 38, 40: ERRNO(EPERM) else: ALLOW }
			else: ALLOW
		}
		else: KILL_PROCESS`)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Eval(seccomp.Data{Arch: seccomp.AARCH64.Arch(), NR: 198, Args: [6]uint64{40}}))
	// Output: ERRNO(EPERM)
}

func ExampleSubset() {
	lax, err := policy.New(seccomp.Allow, seccomp.X86_64).Deny(seccomp.EPERM, "mkdir").Build()
	if err != nil {
		panic(err)
	}
	strict, err := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64).Allow("read", "mkdir").Build()
	if err != nil {
		panic(err)
	}
	ok, call, err := policy.Subset(strict, lax)
	if err != nil {
		panic(err)
	}
	fmt.Println(ok, "number", call.NR)
	// Output: false number 83
}

// BenchmarkBuildLarge builds what grows in one direction: values of one
// argument of one call, rules on different arguments, ABIs.
func BenchmarkBuildLarge(b *testing.B) {
	r := arbitrary.New(1)
	values := func(n, args int) *policy.Builder {
		p := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64)
		for i := range n {
			p.Rule(seccomp.Allow, "write", policy.Arg(i%args).EQ(r.Uint64()))
		}
		return p
	}
	every := policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.ABIs()...).Add(dockerDefault(b).Rules...)
	for _, c := range []struct {
		name string
		p    *policy.Builder
	}{
		{"values=1500", values(1500, 1)},
		{"values=3000", values(3000, 1)},
		{"values=20000", values(20000, 1)},
		{"arguments=5000", values(5000, 6)},
		{"abis=23", every},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.p.Build(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// IfEqual and IfAtLeast are IfThenElse with the sets that they ask about.
func TestIf(t *testing.T) {
	s := policy.NewSpace(0)
	r := arbitrary.New(1)
	for range 2000 {
		w := []policy.Word{policy.WordNR, policy.ArgHigh(0), policy.ArgLow(0)}[r.IntN(3)]
		n := func() policy.Node {
			n := s.Return(seccomp.Action(r.IntN(3)) << 16)
			for range r.IntN(4) {
				n = s.IfThenElse(s.AtLeast(max(w, policy.Word(r.IntN(6))), r.Uint32()>>r.IntN(32)), n, s.Return(seccomp.Action(r.IntN(3))<<16))
			}
			return n
		}
		k, yes, no := r.Uint32()>>r.IntN(32), n(), n()
		if got, want := s.IfEqual(w, k, yes, no), s.IfThenElse(s.Equal(w, k), yes, no); got != want {
			t.Fatalf("%v == %#x: %v, want %v", w, k, got, want)
		}
		if got, want := s.IfAtLeast(w, k, yes, no), s.IfThenElse(s.AtLeast(w, k), yes, no); got != want {
			t.Fatalf("%v >= %#x: %v, want %v", w, k, got, want)
		}
	}
}
