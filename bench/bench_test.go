package bench

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/policy"
)

// TestMain prints the table of what the benchmarks have measured.
func TestMain(m *testing.M) {
	status := m.Run()
	if err := table.write(os.Stdout); err != nil {
		status = 1
	}
	os.Exit(status)
}

// task is something to be timed, and where its samples go.
type task struct {
	name string
	to   *samples
	run  func() error
}

// tasks are what there is to be timed of a problem's filters: a filter made of
// rules, as bytes; and of text, by this module.
func tasks(b *testing.B, p Problem) []task {
	workloads := traced(b)
	all := []task{{"callgate-text", &table.row(p, "callgate").text, func() error {
		_, err := FromText(p.Text)
		return err
	}}}
	for _, f := range filters(b, p) {
		r := table.row(p, f.name)
		if r.absent = f.absent; f.absent != nil {
			continue
		}
		if err := r.examine(f.program, workloads); err != nil {
			b.Fatalf("%s: %s: %v", p.Name, f.name, err)
		}
		if f.build != nil {
			all = append(all, task{f.name + "-rules", &r.rules, func() error {
				_, err := f.build()
				return err
			}})
		}
	}
	for _, w := range workloads {
		if err := laidOut(p, w); err != nil {
			b.Fatalf("%s for %s: %v", p.Name, w.Name, err)
		}
	}
	return all
}

// laidOut fills in what a workload's calls cost by a filter that is laid out for
// them.
func laidOut(p Problem, w Workload) error {
	rules, err := policy.Build(p.Rules)
	if err != nil {
		return err
	}
	program, err := compile.Compile(rules, compile.Options{ByteOrder: order, Weights: w.Weights()})
	if err != nil {
		return err
	}
	mean, err := w.Mean(program)
	if err != nil {
		return err
	}
	r := table.row(p, "callgate-weighted")
	r.workloads = append(r.workloads, weighted{w.Name, mean})
	return nil
}

// BenchmarkCompile makes filters. Each round takes all compilers, the first at
// another place than the round before, so that what the machine does beside it
// is about the same for all.
func BenchmarkCompile(b *testing.B) {
	for _, p := range problems(b) {
		all := tasks(b, p)
		b.Run(p.Name, func(b *testing.B) {
			for first := 0; b.Loop(); first++ {
				for i := range all {
					t := all[(first+i)%len(all)]
					t.to.add(processorTime(b, t))
				}
			}
			for _, t := range all {
				b.ReportMetric(t.to.least(), t.name+"-ns")
			}
		})
	}
}

// slice is how long a sample of processor time takes: many rounds of the garbage
// collector.
const slice = 50 * time.Millisecond

// processorTime is that of one run of a task in nanoseconds: of all threads, the
// garbage collector's too.
func processorTime(b *testing.B, t task) float64 {
	runtime.GC() // what others left is not this one's
	runs := 0
	used := processorClock(b)
	for start := time.Now(); time.Since(start) < slice; runs++ {
		if err := t.run(); err != nil {
			b.Fatalf("%s: %v", t.name, err)
		}
	}
	return float64(processorClock(b)-used) / float64(runs)
}

func processorClock(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// BenchmarkKernel loads filters and makes calls under them, in such rounds.
func BenchmarkKernel(b *testing.B) {
	need.Unfiltered(b)
	for _, p := range problems(b) {
		all := []filter{{name: noFilter}}
		for _, f := range filters(b, p) {
			if f.absent == nil {
				all = append(all, f)
			}
		}
		b.Run(p.Name, func(b *testing.B) {
			for first := 0; b.Loop(); first++ {
				for i := range all {
					measured(b, p, all[(first+i)%len(all)])
				}
			}
			for _, f := range all {
				r := table.row(p, f.name)
				b.ReportMetric(r.load.least(), f.name+"-load-ns")
				b.ReportMetric(r.plain.least(), f.name+"-"+p.Plain.Name+"-ns")
				b.ReportMetric(r.checked.least(), f.name+"-"+p.Checked.Name+"-ns")
			}
		})
	}
}

func measured(b *testing.B, p Problem, f filter) {
	t, err := Measure(f.program, p.Plain, p.Checked)
	if err != nil {
		b.Fatalf("%s: %v", f.name, err)
	}
	r := table.row(p, f.name)
	r.load.add(float64(t.Load))
	r.plain.add(float64(t.Plain))
	r.checked.add(float64(t.Checked))
}

// traced are the workloads to weight by, none where there is no such folder.
func traced(b *testing.B) []Workload {
	if _, err := os.Stat(*traces); err != nil {
		return nil
	}
	all, err := ReadWorkloads(*traces)
	if err != nil {
		b.Fatal(err)
	}
	return all
}
