package libseccomp_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// simulation is one of libseccomp's own simulation tests: a filter and what
// the library expects of it.
type simulation struct {
	Filter struct {
		Default, BadArch string
		Arches           []string
		Attrs            map[string]any
		Rules            []struct {
			Action string
			NR     int32
			Args   []struct {
				Arg  int
				Cmp  string
				A, B uint64
			}
			Arches []string
		}
	}
	Vectors []struct {
		Line   int
		Arch   string
		NR     [2]int64
		Args   [6]*[2]uint64
		Expect string
		Count  int
	}
}

// TestSimulations holds the model of 2.6.1 to the tests of that release.
func TestSimulations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "libseccomp-vectors"), "tests", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d tests: %v", len(files), err)
	}
	total, compared := 0, 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var sim simulation
			if err := json.Unmarshal(text, &sim); err != nil {
				t.Fatal(err)
			}
			for _, v := range sim.Vectors {
				total += v.Count
			}
			compared += sim.check(t)
		})
	}
	if compared != total {
		t.Errorf("%d verdicts were compared, of %d", compared, total)
	}
	t.Logf("%d tests, %d verdicts, each by Decide and by the diagram", len(files), compared)
}

func (s simulation) check(t *testing.T) (compared int) {
	filters := map[string]*libseccomp.Filter{}
	diagrams := map[string]*policy.Policy{}
	for _, v := range s.Vectors {
		f := filters[v.Arch]
		if f == nil {
			f = s.filter(t, v.Arch)
			space := policy.NewSpace(0)
			n, err := f.Build(space)
			if err != nil {
				t.Fatal(err)
			}
			filters[v.Arch], diagrams[v.Arch] = f, space.FromNode(n)
		}
		want, err := seccomp.ParseAction(v.Expect)
		if err != nil {
			t.Fatal(err)
		}
		d := seccomp.Data{Arch: parseABI(t, v.Arch).Arch()}
		expand(v.NR, v.Args, &d, func() {
			compared++
			decided, diagram := f.Decide(d).Action.Canonical(), diagrams[v.Arch].Eval(d)
			if decided != want || diagram != want {
				t.Errorf("line %d: %s %+v: %v, by the diagram %v, want %v", v.Line, v.Arch, d, decided, diagram, want)
			}
		})
	}
	return compared
}

// filter is the filter with the rules that its ABIs got: all of them where each
// rule was added to all. Rules that were added to some of the ABIs, or merged
// from another filter, are looked at for the ABI in question alone.
func (s simulation) filter(t *testing.T, arch string) *libseccomp.Filter {
	f, err := libseccomp.New(libseccomp.V2_6_1, seccomp.X86_64, parseAction(t, s.Filter.Default))
	if err != nil {
		t.Fatal(err)
	}
	arches := s.Filter.Arches
	for _, r := range s.Filter.Rules {
		if len(r.Arches) != len(arches) && slices.Contains(arches, arch) {
			arches = []string{arch}
		}
	}
	if len(arches) > 0 && !slices.Contains(arches, "x86_64") {
		must(t, f.RemoveABI(seccomp.X86_64))
	}
	for _, a := range arches {
		if a != "x86_64" {
			must(t, f.AddABI(parseABI(t, a)))
		}
	}
	must(t, f.SetBadABI(parseAction(t, s.Filter.BadArch)))
	if s.Filter.Attrs["CTL_OPTIMIZE"] == 2.0 {
		must(t, f.SetOptimize(2))
	}
	f.SetSkip(s.Filter.Attrs["API_TSKIP"] == 1.0)
	for _, r := range s.Filter.Rules {
		if !slices.Contains(r.Arches, arches[0]) {
			continue
		}
		rule := libseccomp.Rule{Number: r.NR, Action: parseAction(t, r.Action)}
		for _, a := range r.Args {
			rule.Args = append(rule.Args, libseccomp.Arg{Index: a.Arg, Op: ops["SCMP_CMP_"+a.Cmp], Value: a.A, ValueTwo: a.B})
		}
		must(t, f.AddRule(rule))
	}
	return f
}

// expand calls f for each combination of the numbers and arguments.
func expand(nr [2]int64, args [6]*[2]uint64, d *seccomp.Data, f func()) {
	var arg func(i int)
	arg = func(i int) {
		if i == len(args) {
			f()
			return
		}
		if args[i] == nil {
			d.Args[i] = 0
			arg(i + 1)
			return
		}
		for v := args[i][0]; ; v++ {
			d.Args[i] = v
			arg(i + 1)
			if v == args[i][1] {
				return
			}
		}
	}
	for n := nr[0]; n <= nr[1]; n++ {
		d.NR = uint32(n)
		arg(0)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parseABI(t *testing.T, s string) seccomp.ABI {
	t.Helper()
	a, err := seccomp.ParseABI(s)
	must(t, err)
	return a
}

func parseAction(t *testing.T, s string) seccomp.Action {
	t.Helper()
	a, err := seccomp.ParseAction(s)
	must(t, err)
	return a
}
