package bench

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/internal/need"
)

var traces = flag.String("traces", "../../shared/data/traces", "folder that says which calls workloads make: README.md has the form")

// TestLongestPath finds a way that no call can take, one behind a mask, and ways
// that meet.
func TestLongestPath(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"one answer", "ret ALLOW", 1},
		{"tests that exclude each other", `
			ld nr
			jeq #1, 2, 5
			2: jeq #2, 3, 5
			3: ld arch
			ld [16]
			5: ret ALLOW`, 4},
		{"a mask", `
			ld [16]
			and #0xf0
			jgt #0xef, 3, 7
			3: jset #0xf, 4, 7
			4: ld arch
			ld arch
			ld arch
			7: ret ALLOW`, 5},
		{"the longer of two ways to one end", `
			ld nr
			jge #10, 2, 4
			2: ld arch
			ld nr
			4: jgt #8, 5, 7
			5: ld nr
			ld nr
			7: ret ALLOW`, 8},
		{"the accumulator of another way", `
			ld nr
			jeq #1, 2, 3
			2: ld [16]
			3: jeq #1, 4, 5
			4: ld nr
			5: ret ALLOW`, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := bpf.Assemble(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if path := longest(t, p); path.Instructions != c.want {
				t.Errorf("%d instructions, want %d", path.Instructions, c.want)
			}
		})
	}
}

// longest is the longest path, which its call takes.
func longest(t *testing.T, p bpf.Program) Path {
	t.Helper()
	path, err := LongestPath(p)
	if err != nil {
		t.Fatal(err)
	}
	steps, _, err := p.Trace(binary.LittleEndian, path.Call)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != path.Instructions {
		t.Errorf("%+v executes %d instructions, not %d", path.Call, len(steps), path.Instructions)
	}
	return path
}

// TestCost looks for calls that take a longer path than the longest, among calls
// of the rules with arguments about their constants.
func TestCost(t *testing.T) {
	eachFilter(t, func(t *testing.T, p Problem, f filter) {
		most := longest(t, f.program).Instructions
		r := arbitrary.New(1)
		for range 20000 {
			d := arbitrary.Call(r, p.Rules)
			if steps, _, err := f.program.Trace(order, d); err != nil || len(steps) > most {
				t.Fatalf("%+v executes %d instructions, more than %d (%v)", d, len(steps), most, err)
			}
		}
		c, err := CostOf(f.program)
		if err != nil {
			t.Fatal(err)
		}
		if c.Longest != most || c.Mean <= 2 || c.Mean >= float64(c.Max) || c.Max > c.Longest {
			t.Errorf("%+v, the longest path has %d", c, most)
		}
	})
}

// TestReadWorkloads reads tables, and weights by them.
func TestReadWorkloads(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("syscalls.tsv", "workload\tnr\tname\tcount\nweb\t0\tread\t6\nweb\t41\tsocket\t3\ngit\t41\tsocket\t1\n")
	write("arg0.tsv", "workload\tnr\tname\targ0\tcount\nweb\t41\tsocket\t1\t2\n")
	all, err := ReadWorkloads(dir)
	if err != nil || len(all) != 2 || len(all[0].Calls) != 3 {
		t.Fatalf("%v %v, want two workloads, the first with three calls", all, err)
	}
	program, err := bpf.Assemble(`
		ld nr
		jeq #0, 4, 2
		2: ld [16]
		jeq #1, 5, 4
		4: ret ALLOW
		5: ld nr
		ret ALLOW`)
	if err != nil {
		t.Fatal(err)
	}
	const want = (6*3 + 2*6 + 1*5) / 9.
	if mean, err := all[0].Mean(program); err != nil || mean != want {
		t.Errorf("mean %v, %v, want %v", mean, err, want)
	}
	write("arg0.tsv", "workload\tnr\tname\targ0\tcount\nweb\t41\tsocket\t1\t4\n")
	if _, err := ReadWorkloads(dir); err == nil {
		t.Error("more calls with a first argument than calls")
	}
}

// TestTraces reads the workloads that the benchmarks weight by.
func TestTraces(t *testing.T) {
	all, err := ReadWorkloads(need.Path(t, "data", *traces))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, w := range all {
		if len(w.Calls) < 5 {
			t.Errorf("%s has only the calls %v", w.Name, w.Calls)
		}
	}
}
