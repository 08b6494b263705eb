//go:build amd64 || arm64

package ebpf

import (
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
)

// BenchmarkDD compares a program that does nothing but make calls: recorded,
// beside a recorder that does not follow it, and after the recorder is closed,
// each divided by the same without any, in turns. The ratios are medians.
func BenchmarkDD(b *testing.B) {
	need.Root(b)
	need.Program(b, "dd")
	for _, v := range variants(b) {
		for name, o := range map[string]Options{"plain": {}, "mark": {Mark: 1<<40 + 1}, "arguments": {Arguments: true}} {
			b.Run(v.name+"/"+name, func(b *testing.B) { benchmarkDD(b, v, o) })
		}
	}
}

func benchmarkDD(b *testing.B, v variant, o Options) {
	var none, recorded, beside, detached []float64
	for b.Loop() {
		before := dd(b, nil)
		r, err := open(o, defaultSizes, v.probe)
		if err != nil {
			b.Fatal(err)
		}
		recorded = append(recorded, dd(b, r))
		beside = append(beside, dd(b, nil))
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
		none = append(none, before)
		detached = append(detached, dd(b, nil))
	}
	b.ReportMetric(median(none)/(2*ddBytes)*1e9, "ns/call")
	b.ReportMetric(median(recorded)/median(none), "recorded/none")
	b.ReportMetric(median(beside)/median(none), "beside/none")
	b.ReportMetric(median(detached)/median(none), "detached/none")
}

// ddBytes is how many bytes dd copies, with two calls each.
const ddBytes = 100_000

// dd is how many seconds dd takes, followed by r if there is one.
func dd(b *testing.B, r *Recorder) float64 {
	command := []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=" + strconv.Itoa(ddBytes), "status=none"}
	if r == nil {
		began := time.Now()
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return time.Since(began).Seconds()
	}
	held := start(b, r, command...)
	began := time.Now()
	if err := held.Detach(); err != nil {
		b.Fatal(err)
	}
	if _, err := held.Wait(nil); err != nil {
		b.Fatal(err)
	}
	return time.Since(began).Seconds()
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
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

// BenchmarkOpen is what it takes to be ready.
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
