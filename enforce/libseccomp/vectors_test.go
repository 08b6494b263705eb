package libseccomp_test

import (
	"slices"
	"testing"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/simulation"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// TestSimulations holds the model of 2.6.1 to the tests of that release.
func TestSimulations(t *testing.T) {
	all := simulation.Load(t)
	total, compared := 0, 0
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) { compared += check(t, s) })
		total += s.Verdicts()
	}
	if compared != total {
		t.Errorf("%d verdicts were compared, of %d", compared, total)
	}
	t.Logf("%d tests, %d verdicts, each by Decide and by the diagram", len(all), compared)
}

func check(t *testing.T, s simulation.Simulation) (compared int) {
	filters := map[string]*libseccomp.Filter{}
	diagrams := map[string]*policy.Policy{}
	for _, v := range s.Vectors {
		f := filters[v.Arch]
		if f == nil {
			f = filterOf(t, s, v.Arch)
			space := policy.NewSpace(0)
			n, err := f.Build(space)
			if err != nil {
				t.Fatal(err)
			}
			filters[v.Arch], diagrams[v.Arch] = f, space.FromNode(n)
		}
		want := simulation.Action(t, v.Expect)
		v.Each(t, func(d seccomp.Data) {
			compared++
			decided, diagram := f.Decide(d).Action.Canonical(), diagrams[v.Arch].Eval(d)
			if decided != want || diagram != want {
				t.Errorf("line %d: %s %+v: %v, by the diagram %v, want %v", v.Line, v.Arch, d, decided, diagram, want)
			}
		})
	}
	return compared
}

// filterOf is the filter with the rules that its ABIs got: all of them where each
// rule was added to all. Rules that were added to some of the ABIs, or merged
// from another filter, are looked at for the ABI in question alone.
func filterOf(t *testing.T, s simulation.Simulation, arch string) *libseccomp.Filter {
	f, err := libseccomp.New(libseccomp.V2_6_1, seccomp.X86_64, simulation.Action(t, s.Filter.Default))
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
			must(t, f.AddABI(simulation.ABI(t, a)))
		}
	}
	must(t, f.SetBadABI(simulation.Action(t, s.Filter.BadArch)))
	if s.Filter.Attrs["CTL_OPTIMIZE"] == 2.0 {
		must(t, f.SetOptimize(2))
	}
	f.SetSkip(s.Filter.Attrs["API_TSKIP"] == 1.0)
	for _, r := range s.Filter.Rules {
		if !slices.Contains(r.Arches, arches[0]) {
			continue
		}
		rule := libseccomp.Rule{Number: r.NR, Action: simulation.Action(t, r.Action)}
		for _, a := range r.Args {
			rule.Args = append(rule.Args, libseccomp.Arg{Index: a.Arg, Op: ops["SCMP_CMP_"+a.Cmp], Value: a.A, ValueTwo: a.B})
		}
		must(t, f.AddRule(rule))
	}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
