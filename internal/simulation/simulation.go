// Package simulation reads libseccomp's own simulation tests as data: a filter,
// and what the library expects of it.
package simulation

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

// Simulation is one test.
type Simulation struct {
	Name   string `json:"-"`
	Filter struct {
		Default, BadArch string
		Arches           []string
		Attrs            map[string]any
		Rules            []Rule
	}
	Vectors []Vector
}

// Rule is a rule of the filter, which was added to some of its architectures.
type Rule struct {
	Action, Name string
	NR           int32 // on x86_64, a pseudo number where it has none
	Args         []struct {
		Arg  int
		Cmp  string
		A, B uint64
	}
	Arches   []string
	Resolved map[string]struct{ NR *int64 }
}

// Vector is an expectation: of all calls in some ranges of numbers and
// arguments.
type Vector struct {
	Line   int
	Arch   string
	NR     [2]int64
	Args   [6]*[2]uint64
	Expect string
	Count  int // of calls
}

// Load reads all tests, and skips where they are not there (thing "data").
func Load(t *testing.T) []Simulation {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(need.Data(t, "libseccomp-vectors"), "tests", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d tests: %v", len(files), err)
	}
	var all []Simulation
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := Simulation{Name: strings.TrimSuffix(filepath.Base(file), ".json")}
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, s)
	}
	return all
}

// Verdicts is how many calls the vectors are about.
func (s Simulation) Verdicts() int {
	n := 0
	for _, v := range s.Vectors {
		n += v.Count
	}
	return n
}

// Each calls f for each call that the vector is about.
func (v Vector) Each(t *testing.T, f func(seccomp.Data)) {
	t.Helper()
	d := seccomp.Data{Arch: ABI(t, v.Arch).Arch()}
	var arg func(i int)
	arg = func(i int) {
		if i == len(v.Args) {
			f(d)
			return
		}
		if v.Args[i] == nil {
			d.Args[i] = 0
			arg(i + 1)
			return
		}
		for n := v.Args[i][0]; ; n++ {
			d.Args[i] = n
			arg(i + 1)
			if n == v.Args[i][1] {
				return
			}
		}
	}
	for n := v.NR[0]; n <= v.NR[1]; n++ {
		d.NR = uint32(n)
		arg(0)
	}
}

// ABI is the ABI of a name in a test.
func ABI(t *testing.T, name string) seccomp.ABI {
	t.Helper()
	a, err := seccomp.ParseABI(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Action is an action in a test.
func Action(t *testing.T, text string) seccomp.Action {
	t.Helper()
	a, err := seccomp.ParseAction(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
