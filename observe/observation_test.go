package observe_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// arbitrary is an observation of up to n recordings, with IDs out of a few, so
// that two share some.
func arbitrary(rng *rand.Rand, n int) observe.Observation {
	var o observe.Observation
	for range rng.IntN(n + 1) {
		r := observe.Recording{
			ID:         fmt.Sprintf("%032x", rng.IntN(4)),
			Recorder:   "ebpf",
			Target:     []string{"sh", "-c", fmt.Sprint("exit ", rng.IntN(2))},
			Start:      rng.Int64N(1 << 60),
			End:        rng.Int64N(1 << 60),
			Boundary:   rng.IntN(2) == 0,
			NoNewPrivs: rng.IntN(2) == 0,
			Lost:       rng.Uint64N(3),
			Calls:      map[observe.Key]observe.Seen{},
		}
		for range rng.IntN(20) {
			k, s := arbitraryCall(rng)
			r.Add(k, s)
		}
		o.Merge(observe.Observation{Recordings: []observe.Recording{r}})
	}
	return o
}

func arbitraryCall(rng *rand.Rand) (observe.Key, observe.Seen) {
	k := observe.Key{
		Phase:      observe.Phase(rng.IntN(2)),
		Executable: []string{"", "/bin/sh", "/bin/ls \"\n"}[rng.IntN(3)],
		ABI:        []seccomp.ABI{seccomp.X86_64, seccomp.X86, seccomp.X32}[rng.IntN(3)],
		NR:         []uint32{0, 41, 56, 54, 1<<30 + 3, 1<<32 - 1}[rng.IntN(6)],
	}
	s := observe.Seen{Count: rng.Uint64N(9), Denied: rng.Uint64N(3), First: rng.Int64N(1 << 60), Last: rng.Int64N(1 << 60)}
	if n := len(observe.Interesting(k.ABI, k.NR)); n > 0 {
		for range rng.IntN(50) {
			t := make([]uint64, n)
			for i := range t {
				t[i] = rng.Uint64() >> rng.IntN(64)
			}
			s.Values.Tuples = append(s.Values.Tuples, t)
		}
		s.Values = s.Values.Union(observe.Values{})
	}
	return k, s
}

func text(t *testing.T, o observe.Observation) string {
	t.Helper()
	var b bytes.Buffer
	if err := o.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func merged(os ...observe.Observation) observe.Observation {
	var o observe.Observation
	o.Merge(os...)
	return o
}

// TestMerge holds the promise of the package: in any order, any number of
// times, the same bytes.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		a, b, c := arbitrary(rng, 3), arbitrary(rng, 3), arbitrary(rng, 3)
		before := text(t, a)
		want := text(t, merged(a, b, c))
		for what, got := range map[string]observe.Observation{
			"another order":        merged(c, a, b),
			"other parentheses":    merged(a, merged(c, b)),
			"several times":        merged(a, a, b, c, b, a),
			"the result once more": merged(merged(a, b, c), merged(c, b)),
		} {
			if diff := cmp.Diff(want, text(t, got)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", what, diff)
			}
		}
		if text(t, a) != before {
			t.Fatal("an operand was changed")
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		o := arbitrary(rng, 4)
		want := text(t, o)
		got, err := observe.Read("x.obs", strings.NewReader(want))
		if err != nil {
			t.Fatalf("%v\n%s", err, want)
		}
		if diff := cmp.Diff(want, text(t, got)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		twice, err := observe.Read("x.obs", strings.NewReader(want+want))
		if err != nil || text(t, twice) != want {
			t.Fatalf("the file behind itself: %v", err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	const (
		head = `{"callgate":"observation","version":1}` + "\n"
		rec  = head + `{"recording":"000102030405060708090a0b0c0d0e0f"}` + "\n"
		call = `{"phase":"workload","arch":"x86_64","nr":`
	)
	for _, c := range []struct{ text, want string }{
		{"", "x.obs:1: not a saved observation"},
		{"\x7fELF", "x.obs:1: not a saved observation"},
		{"{}", "x.obs:1: not a saved observation"},
		{`{"defaultAction":"SCMP_ACT_ALLOW"}`, "x.obs:1: not a saved observation"},
		{`{"callgate":"observation","version":2}`, "x.obs:1: version 2 of the format; this program reads version 1"},
		{head + `{"recording":"1"}`, `x.obs:2: recording "1": want 32 hexadecimal digits`},
		{head + call + `0}`, "x.obs:2: a call without a recording above it"},
		{rec + `{}`, `x.obs:3: neither "recording" nor "nr"`},
		{rec + `{"nr":1,"colour":2}`, `x.obs:3: json: unknown field "colour"`},
		{rec + `{"nr":1}`, `x.obs:3: phase "": want "workload" or "runtime"`},
		{rec + `{"phase":"workload","arch":"vax","nr":1}`, "x.obs:3: "},
		{rec + call + `-1}`, "x.obs:3: json: cannot unmarshal"},
		{rec + call + `1} {}`, "x.obs:3: more than one value"},
		{rec + call + `1,"syscall":"read"}`, "x.obs:3: number 1 of x86_64 is write and not \"read\""},
		{rec + call + `1,"first":"now"}`, "x.obs:3: "},
		{rec + call + `41,"values":[["0x1"]]}`, "x.obs:3: values: 1 in a tuple, where 2 arguments are kept"},
		{rec + call + `41,"values":[[1,2]]}`, "x.obs:3: "},
		{rec + call + `1,"executable":"a\u0000zz"}`, `x.obs:3: executable: "a\x00zz": want a byte`},
		{rec + call + `1,"executable":"a\u00004"}`, `x.obs:3: executable: "a\x004": want a byte`},
		{rec + strings.Repeat("x", 2<<20), "x.obs:3: the line is longer than"},
	} {
		_, err := observe.Read("x.obs", strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.80q: %v, want %s", c.text, err, c.want)
		}
	}
}

// TestReadCut cuts a file at the end of each line: what is left is no smaller
// observation.
func TestReadCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		whole := text(t, arbitrary(rng, 4))
		lines := strings.SplitAfter(whole, "\n")
		for n := 1; n < len(lines)-1; n++ {
			cut := strings.Join(lines[:n], "")
			for _, file := range []string{cut, cut + whole} {
				if _, err := observe.Read("x.obs", strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), "the file was cut") {
					t.Fatalf("cut behind %d of %d lines: %v\n%s", n, len(lines)-1, err, file)
				}
			}
		}
	}
	uncounted := "{\"callgate\":\"observation\",\"version\":1}\n{\"recording\":\"000102030405060708090a0b0c0d0e0f\"}\n"
	if _, err := observe.Read("x.obs", strings.NewReader(uncounted)); err != nil {
		t.Errorf("without counts: %v", err)
	}
}

// TestBytes saves names that are not UTF-8.
func TestBytes(t *testing.T) {
	names := []string{"/opt/caf\xe9", "/opt/caf\xea", "/opt/café", "\xff\xfe", "\ufffd", "a\xc3", "a\xc3\xa9"}
	r := observe.Recording{ID: strings.Repeat("a", 32), Target: names}
	for _, name := range names {
		r.Add(observe.Key{Executable: name, ABI: seccomp.X86_64, NR: 1}, observe.Seen{Count: 1})
	}
	saved := text(t, observe.Observation{Recordings: []observe.Recording{r}})
	if !strings.Contains(saved, `"/opt/caf\u0000e9"`) || !utf8.ValidString(saved) {
		t.Errorf("saved as %s", saved)
	}
	o, err := observe.Read("x.obs", strings.NewReader(saved))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, o.Recordings[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 5 {
		var b bytes.Buffer
		if err := arbitrary(rng, 3).Write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.String())
	}
	f.Fuzz(func(t *testing.T, in string) {
		o, err := observe.Read("x.obs", strings.NewReader(in))
		if err != nil {
			return
		}
		again, err := observe.Read("x.obs", strings.NewReader(text(t, o)))
		if err != nil || text(t, again) != text(t, o) {
			t.Fatalf("not the same when read again: %v", err)
		}
	})
}

func TestValues(t *testing.T) {
	var many observe.Values
	for i := range observe.MaxValues {
		many = many.Union(observe.Values{Tuples: [][]uint64{{uint64(i)}}})
	}
	if many.More || len(many.Tuples) != observe.MaxValues {
		t.Fatalf("%d tuples, more: %v", len(many.Tuples), many.More)
	}
	if over := many.Union(observe.Values{Tuples: [][]uint64{{1000}}}); !over.More || over.Tuples != nil {
		t.Errorf("one more than MaxValues: %v", over)
	}
}

// TestInteresting holds the table to the prototypes of the calls: what is kept
// is never a pointer, on any ABI.
func TestInteresting(t *testing.T) {
	for _, abi := range seccomp.ABIs() {
		for nr, name := range syscalls.All(abi) {
			kept := observe.Interesting(abi, nr)
			args := syscalls.Registers(abi, name)
			if len(kept) > 3 || !slices.IsSorted(kept) {
				t.Errorf("%v %s: %v", abi, name, kept)
			}
			for _, i := range kept {
				if i >= len(args) || strings.Contains(args[i].Type, "*") {
					t.Errorf("%v %s: argument %d of %v", abi, name, i, args)
				}
			}
		}
	}
}

func ExampleObservation_Merge() {
	recording := func(id string, count uint64) observe.Observation {
		r := observe.Recording{ID: strings.Repeat(id, 32), Recorder: "ebpf"}
		r.Add(observe.Key{Executable: "/bin/date", ABI: seccomp.X86_64, NR: 1}, observe.Seen{Count: count})
		return observe.Observation{Recordings: []observe.Recording{r}}
	}
	var o observe.Observation
	o.Merge(recording("b", 2), recording("a", 3), recording("b", 2))
	_ = o.Write(os.Stdout)
	// Output:
	// {"callgate":"observation","version":1,"recordings":2}
	// {"recording":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","recorder":"ebpf","calls":1}
	// {"phase":"workload","executable":"/bin/date","arch":"x86_64","syscall":"write","nr":1,"count":3}
	// {"recording":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","recorder":"ebpf","calls":1}
	// {"phase":"workload","executable":"/bin/date","arch":"x86_64","syscall":"write","nr":1,"count":2}
}
