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
	"github.com/callgate/callgate/seccomp"
)

// simulation is a test of libseccomp's own: rules, and the verdicts on calls.
type simulation struct {
	Filter struct {
		Default string
		Arches  []string
		Attrs   map[string]any
		Rules   []struct {
			Action, Name string
			Args         []struct {
				Arg  int
				Cmp  string
				A, B uint64
			}
			Exact  bool
			Arches []string
		}
	}
	Vectors []struct {
		Line   int
		Arch   string
		NR     [2]int64
		Args   [6]*[2]uint64
		Expect string
	}
}

var compares = map[string]libseccomp.Op{
	"NE": libseccomp.NE, "LT": libseccomp.LT, "LE": libseccomp.LE, "EQ": libseccomp.EQ,
	"GE": libseccomp.GE, "GT": libseccomp.GT, "MASKED_EQ": libseccomp.MaskedEQ,
}

// TestSimulations has the model of 2.6.1 pass the tests of 2.6.1: those whose
// rules all hold for all ABIs, and that of the order of rules on one argument
// above all.
func TestSimulations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "libseccomp-vectors"), "tests", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	passed, verdicts, order := 0, 0, false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s simulation
		if err := json.Unmarshal(text, &s); err != nil {
			continue // numbers that are no arguments of a runtime
		}
		f := s.filter(t)
		if f == nil {
			continue
		}
		name := filepath.Base(file)
		passed++
		order = order || strings.HasPrefix(name, "43-")
		verdicts += s.check(t, name, f)
	}
	t.Logf("%d tests, %d verdicts", passed, verdicts)
	if !order {
		t.Error("the test of the order of rules is not among them")
	}
}

// filter is the filter that the test makes, nil where it is made in steps that
// are not told by its rules.
func (s simulation) filter(t *testing.T) *libseccomp.Filter {
	t.Helper()
	var abis []seccomp.ABI
	for _, name := range s.Filter.Arches {
		abi, err := seccomp.ParseABI(name)
		if err != nil {
			return nil
		}
		abis = append(abis, abi)
	}
	fallback, err := seccomp.ParseAction(s.Filter.Default)
	if err != nil || len(s.Filter.Attrs) > 0 || !slices.Contains(abis, seccomp.X86_64) {
		return nil
	}
	f, err := libseccomp.New(libseccomp.V2_6_1, seccomp.X86_64, fallback)
	if err != nil {
		return nil
	}
	for _, abi := range abis {
		if abi != seccomp.X86_64 && f.AddABI(abi) != nil {
			return nil
		}
	}
	for _, r := range s.Filter.Rules {
		action, err := seccomp.ParseAction(r.Action)
		if err != nil || r.Name == "" || r.Exact || len(r.Arches) != len(abis) {
			return nil
		}
		rule := libseccomp.Rule{Name: r.Name, Action: action}
		for _, a := range r.Args {
			rule.Args = append(rule.Args, libseccomp.Arg{Index: a.Arg, Op: compares[a.Cmp], Value: a.A, ValueTwo: a.B})
		}
		if err := f.AddRule(rule); err != nil {
			return nil
		}
	}
	return f
}

// check asks about the first and the last call of each line.
func (s simulation) check(t *testing.T, name string, f *libseccomp.Filter) int {
	t.Helper()
	n := 0
	for _, v := range s.Vectors {
		abi, err := seccomp.ParseABI(v.Arch)
		want, err2 := seccomp.ParseAction(v.Expect)
		if err != nil || err2 != nil {
			t.Fatalf("%s:%d: %v %v", name, v.Line, err, err2)
		}
		for end := range 2 {
			d := seccomp.Data{Arch: abi.Arch(), NR: uint32(v.NR[end])}
			for i, a := range v.Args {
				if a != nil {
					d.Args[i] = a[end]
				}
			}
			n++
			if got := f.Decide(d).Action; got.Canonical() != want.Canonical() {
				t.Errorf("%s:%d: %+v gets %v, want %v", name, v.Line, d, got, want)
			}
		}
	}
	return n
}
