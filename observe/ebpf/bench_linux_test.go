//go:build amd64 || arm64

package ebpf

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/tracee"
)

// BenchmarkCopy compares a program that does nothing but make calls: recorded,
// beside a recorder that does not follow it, and after the recorder is closed,
// with the same alone, in turns.
func BenchmarkCopy(b *testing.B) {
	need.Root(b)
	program := compiled(b, "copy.c")
	for _, v := range variants(b) {
		for _, c := range []struct {
			name string
			Options
			watch bool // the ends of calls too, as for a program under a filter
		}{{"plain", Options{}, false}, {"filtered", Options{}, true}, {"mark", Options{Mark: 1<<40 + 1}, true}, {"arguments", Options{Arguments: true}, false}} {
			b.Run(v.name+"/"+c.name, func(b *testing.B) {
				var none, recorded, beside, detached []float64
				for b.Loop() {
					none = append(none, alone(b, program))
					r, err := open(c.Options, defaultSizes, v.probe)
					if err != nil {
						b.Fatal(err)
					}
					if c.watch {
						if err := r.watch(); err != nil {
							b.Fatal(err)
						}
					}
					recorded = append(recorded, followed(b, r, program))
					beside = append(beside, alone(b, program))
					if err := r.Close(); err != nil {
						b.Fatal(err)
					}
					detached = append(detached, alone(b, program))
				}
				b.ReportMetric(slices.Min(none), "ns/call")
				b.ReportMetric(slices.Min(recorded)/slices.Min(none), "recorded/none")
				b.ReportMetric(slices.Min(beside)/slices.Min(none), "beside/none")
				b.ReportMetric(slices.Min(detached)/slices.Min(none), "detached/none")
			})
		}
	}
}

// alone is how many nanoseconds a call of the program took.
func alone(b *testing.B, program string) float64 {
	cmd := exec.Command(program)
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	return nanoseconds(b, out)
}

// followed is the same for a program that is recorded.
func followed(b *testing.B, r *Recorder, program string) float64 {
	in, out, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	held, err := tracee.Start(tracee.Command{
		Path: program, Args: []string{program}, FDs: []uintptr{out.Fd(), out.Fd(), out.Fd()},
	}, tracee.Options{ExitKill: true})
	out.Close()
	if err != nil {
		b.Fatal(err)
	}
	defer held.Close()
	if err := r.FollowStart(held.PID()); err != nil {
		b.Fatal(err)
	}
	if err := held.Detach(); err != nil {
		b.Fatal(err)
	}
	n := nanoseconds(b, in)
	if _, err := held.Wait(nil); err != nil {
		b.Fatal(err)
	}
	return n
}

func nanoseconds(b *testing.B, out io.Reader) float64 {
	text, err := io.ReadAll(out)
	if err != nil {
		b.Fatal(err)
	}
	var n float64
	if _, err := fmt.Sscan(string(text), &n); err != nil {
		b.Fatalf("%q: %v", text, err)
	}
	return n
}

// BenchmarkSnapshot is what a look at a recording costs.
func BenchmarkSnapshot(b *testing.B) {
	r := opened(b, variants(b)[0], Options{Arguments: true}, defaultSizes)
	record(b, r, "sh", "-c", "for i in 1 2 3 4 5; do ls -l /etc | sort > /dev/null; done")
	for b.Loop() {
		if _, err := r.Snapshot(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is what it takes to be ready, and to be gone.
func BenchmarkOpen(b *testing.B) {
	need.Root(b)
	for b.Loop() {
		r, err := Open(Options{Mark: 1<<40 + 1})
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
