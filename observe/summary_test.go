package observe_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// second is a time of the tests' recordings, in nanoseconds.
func second(n int64) int64 { return (1_000_000_000 + n) * 1e9 }

// served is an observation of a server, in two recordings.
func served() observe.Observation {
	a := observe.Recording{ID: strings.Repeat("a", 32), Start: second(0), End: second(100), Lost: 2, Limits: []string{"b", "a"}}
	key := func(phase observe.Phase, path string, nr uint32) observe.Key {
		return observe.Key{Phase: phase, Executable: path, ABI: seccomp.X86_64, NR: nr}
	}
	a.Add(key(observe.Runtime, "", 59), observe.Seen{Count: 1, First: second(0), Last: second(0)})
	a.Add(key(observe.Workload, "/bin/sh", 59), observe.Seen{Count: 1, First: second(1), Last: second(1)})
	a.Add(key(observe.Workload, "/bin/srv", 0), observe.Seen{Count: 9, First: second(1), Last: second(99)})
	a.Add(key(observe.Workload, "/bin/srv", 101), observe.Seen{Count: 1, First: second(2), Last: second(2)})
	a.Add(key(observe.Workload, "/bin/srv", 250), observe.Seen{Denied: 3, First: second(50), Last: second(60)})
	b := observe.Recording{ID: strings.Repeat("b", 32), Start: second(200), End: second(300), Limits: []string{"a"}}
	b.Add(key(observe.Workload, "/bin/srv", 0), observe.Seen{Count: 1, First: second(202), Last: second(202)})
	b.Add(key(observe.Workload, "/bin/srv", 101), observe.Seen{Count: 1, First: second(201), Last: second(203)})
	b.Add(observe.Key{ABI: seccomp.X86, NR: 999}, observe.Seen{Count: 1})
	return observe.Observation{Recordings: []observe.Recording{a, b}}
}

func TestSummary(t *testing.T) {
	docker, err := profile.Default("docker:default")
	if err != nil {
		t.Fatal(err)
	}
	got, err := served().Summary(observe.SummaryOptions{
		StartUp:   5 * time.Second,
		Reference: docker,
		Env:       profile.DockerEnv(0, seccomp.Version{Major: 4, Minor: 4}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Reference < 350 || got.Reference > 420 {
		t.Errorf("docker:default allows %d calls on two ABIs", got.Reference)
	}
	for i, c := range got.Calls {
		if (c.Risk != "") != (c.Name == "ptrace" || c.Name == "keyctl") {
			t.Errorf("the risk of %s is %q", c.Name, c.Risk)
		}
		got.Calls[i].Risk = ""
	}
	got.Reference = 0
	want := observe.Summary{
		Recordings: 2, Distinct: 3, Made: 15, Denied: 3, Lost: 2,
		ABIs: []seccomp.ABI{seccomp.X86, seccomp.X86_64},
		Calls: []observe.CallSummary{
			{ABI: seccomp.X86, NR: 999, Made: 1, Workload: true, Beyond: true, Executables: []string{""}},
			{ABI: seccomp.X86_64, NR: 0, Name: "read", Made: 10, First: second(1), Last: second(202), Workload: true, Executables: []string{"/bin/srv"}},
			{ABI: seccomp.X86_64, NR: 59, Name: "execve", Made: 2, First: second(0), Last: second(1), Workload: true, Runtime: true, StartUp: true, Executables: []string{"", "/bin/sh"}},
			{ABI: seccomp.X86_64, NR: 101, Name: "ptrace", Made: 2, First: second(2), Last: second(203), Workload: true, StartUp: true, Beyond: true, Executables: []string{"/bin/srv"}},
			{ABI: seccomp.X86_64, NR: 250, Name: "keyctl", Denied: 3, First: second(50), Last: second(60), Workload: true, Beyond: true, Executables: []string{"/bin/srv"}, Stopped: []observe.Program{{Path: "/bin/srv"}}},
		},
		Executables: []observe.ExecutableSummary{
			{Path: "", Distinct: 1, Made: 1},
			{Phase: observe.Runtime, Path: "", Distinct: 1, Made: 1},
			{Path: "/bin/sh", Distinct: 1, Made: 1},
			{Path: "/bin/srv", Distinct: 3, Made: 12, Denied: 3},
		},
		Limits: []string{"a", "b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStartUp: what is not known to be made at the start only is not said to.
func TestStartUp(t *testing.T) {
	for _, c := range []struct {
		what       string
		start, end int64
		last       int64
		d          time.Duration
		want       bool
	}{
		{"at the start", second(0), second(9), second(1), time.Second, true},
		{"later", second(0), second(9), second(2), time.Second, false},
		{"the recording ended", second(0), second(1), second(1), time.Second, false},
		{"no such time asked for", second(0), second(9), second(0), 0, false},
		{"the time is not known", second(0), second(9), 0, time.Second, false},
		{"the start is not known", 0, second(9), second(1), time.Second, false},
	} {
		r := observe.Recording{ID: strings.Repeat("0", 32), Start: c.start, End: c.end}
		r.Add(observe.Key{ABI: seccomp.X86_64}, observe.Seen{Count: 1, First: c.last, Last: c.last})
		s, err := observe.Observation{Recordings: []observe.Recording{r}}.Summary(observe.SummaryOptions{StartUp: c.d})
		if err != nil || s.Calls[0].StartUp != c.want {
			t.Errorf("%s: %v, %v", c.what, s.Calls[0].StartUp, err)
		}
	}
}

func TestSummaryOfNothing(t *testing.T) {
	docker, err := profile.Default("docker:default")
	if err != nil {
		t.Fatal(err)
	}
	s, err := observe.Observation{}.Summary(observe.SummaryOptions{Reference: docker})
	if diff := cmp.Diff(observe.Summary{}, s); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestSummaryOfManyCalls adds counts that have no sum in 64 bits.
func TestSummaryOfManyCalls(t *testing.T) {
	var o observe.Observation
	for _, id := range []string{"a", "b"} {
		r := observe.Recording{ID: strings.Repeat(id, 32), Lost: math.MaxUint64}
		r.Add(observe.Key{ABI: seccomp.X86_64, NR: 0}, observe.Seen{Count: math.MaxUint64 - 1, Denied: math.MaxUint64})
		r.Add(observe.Key{ABI: seccomp.X86_64, NR: 9999}, observe.Seen{Count: math.MaxUint64})
		o.Merge(observe.Observation{Recordings: []observe.Recording{r}})
	}
	s, err := o.Summary(observe.SummaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const most = math.MaxUint64
	if s.Made != most || s.Denied != most || s.Lost != most || s.Calls[0].Made != most || s.Calls[0].Denied != most || s.Executables[0].Made != most {
		t.Errorf("%+v", s)
	}
	d, err := o.Profile(observe.ProfileOptions{})
	if err != nil || !strings.Contains(strings.Join(d.Notes, "\n"), "was called 18446744073709551615 times") {
		t.Errorf("%q, %v", d.Notes, err)
	}
}
