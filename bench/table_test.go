package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	library "github.com/seccomp/libseccomp-golang"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
)

// noFilter is the row of a process without a filter.
const noFilter = "unfiltered"

// table is what the benchmarks have measured.
var table results

// results are the rows of each problem in the order in which they came.
type results []*row

// row is what is known of one compiler's filter for one problem. The times are
// in nanoseconds.
type row struct {
	problem  Problem
	compiler string
	absent   error

	program   bpf.Program
	cost      Cost
	workloads []weighted

	text, rules          samples // processor time
	load, plain, checked samples
}

// weighted is the mean cost of a workload.
type weighted struct {
	name string
	mean float64
}

// samples are measurements of one quantity.
type samples []float64

func (s *samples) add(v ...float64) { *s = append(*s, v...) }

// least is the least of them, 0 where nothing was measured: whatever else a
// machine does only adds to a time.
func (s samples) least() float64 {
	if len(s) == 0 {
		return 0
	}
	return slices.Min(s)
}

func (t *results) row(p Problem, compiler string) *row {
	for _, r := range *t {
		if r.problem.Name == p.Name && r.compiler == compiler {
			return r
		}
	}
	r := &row{problem: p, compiler: compiler}
	*t = append(*t, r)
	return r
}

// examine fills in what does not depend on time, once.
func (r *row) examine(p bpf.Program, workloads []Workload) (err error) {
	if r.program != nil {
		return nil
	}
	for _, w := range workloads {
		mean, err := w.Mean(p)
		if err != nil {
			return err
		}
		r.workloads = append(r.workloads, weighted{w.Name, mean})
	}
	r.cost, err = CostOf(p)
	r.program = p
	return err
}

// write writes all rows, and nothing where there are none.
func (t results) write(w io.Writer) error {
	if len(t) == 0 {
		return nil
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, "\n%s\n", circumstances())
	for len(t) > 0 {
		name := t[0].problem.Name
		other := func(r *row) bool { return r.problem.Name != name }
		same := slices.DeleteFunc(slices.Clone(t), other)
		same.writeProblem(b)
		t = slices.DeleteFunc(slices.Clone(t), func(r *row) bool { return !other(r) })
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeProblem writes the rows of one problem.
func (t results) writeProblem(b *strings.Builder) {
	p := t[0].problem
	none := t.row(p, noFilter)
	fmt.Fprintf(b, "\n%s, without a filter %s %s ns, %s %s ns\n", p.Name,
		p.Plain.Name, number(none.plain.least(), 0), p.Checked.Name, number(none.checked.least(), 0))
	line(b, "", "insns", "mean", "max", "longest", "text", "rules", "load", p.Plain.Name, p.Checked.Name)
	for _, w := range t[0].workloads {
		fmt.Fprintf(b, " %7s", w.name)
	}
	b.WriteByte('\n')
	for _, r := range t {
		if r.compiler != noFilter {
			r.write(b, none)
		}
	}
}

func (r *row) write(b *strings.Builder, none *row) {
	if r.absent != nil {
		fmt.Fprintf(b, "%-22s  n/a: %v\n", r.compiler, r.absent)
		return
	}
	line(b, r.compiler,
		number(float64(len(r.program)), 0), number(r.cost.Mean, 2), number(float64(r.cost.Max), 0), number(float64(r.cost.Longest), 0),
		number(r.text.least()/1000, 0), number(r.rules.least()/1000, 0), number(r.load.least()/1000, 0),
		over(r.plain, none.plain), over(r.checked, none.checked))
	for _, w := range r.workloads {
		fmt.Fprintf(b, " %7s", number(w.mean, 2))
	}
	b.WriteByte('\n')
}

func line(b *strings.Builder, name string, columns ...string) {
	fmt.Fprintf(b, "%-22s", name)
	for i, c := range columns {
		width := 7
		if i == len(columns)-1 {
			width = len("personality")
		}
		fmt.Fprintf(b, " %*s", width, c)
	}
}

// number is a measured value; "-" stands for what was not measured.
func number(v float64, digits int) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, v)
}

// over is what a call takes more than without a filter.
func over(with, without samples) string {
	if len(with) == 0 {
		return "-"
	}
	return fmt.Sprintf("%+.0f", with.least()-without.least())
}

// circumstances are when, on what and of what the table is.
func circumstances() string {
	release := "unknown"
	if v, err := kernel.Running(); err == nil {
		release = v.String()
	}
	major, minor, micro := library.GetLibraryVersion()
	lines := []string{
		fmt.Sprintf("%s, %s, Linux %s, %s", time.Now().Format(time.DateOnly), processor(), release, runtime.Version()),
		fmt.Sprintf("libseccomp %d.%d.%d", major, minor, micro),
	}
	if out, err := exec.Command("runc", "--version").Output(); err == nil {
		lines = append(lines, strings.Replace(string(firstLine(out)), "version ", "", 1))
	}
	return strings.Join(lines, "\n")
}

// processor is the kernel's name for the processor.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	if m := regexp.MustCompile(`model name\s*: (.+)`).FindSubmatch(info); m != nil {
		return string(m[1])
	}
	return "unknown processor"
}

func firstLine(out []byte) []byte {
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return line
}
