//go:build amd64 || arm64

package ebpf

import (
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
)

// BenchmarkDD compares a program that does nothing but make calls, recorded,
// beside the recorder, and unrecorded, in turns: the ratios are those of the
// fastest runs.
func BenchmarkDD(b *testing.B) {
	need.Root(b)
	need.Program(b, "dd")
	const bytes = 300_000 // two calls each
	run := func(r *Recorder) time.Duration {
		cmd := []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=" + strconv.Itoa(bytes), "status=none"}
		if r == nil {
			began := time.Now()
			if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			return time.Since(began)
		}
		held := start(b, r, cmd...)
		began := time.Now()
		if err := held.Detach(); err != nil {
			b.Fatal(err)
		}
		if _, err := held.Wait(nil); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	for _, v := range variants(b) {
		for _, o := range []struct {
			name string
			Options
		}{{"plain", Options{}}, {"mark", Options{Mark: 1<<40 + 1}}, {"arguments", Options{Arguments: true}}} {
			b.Run(v.name+"/"+o.name, func(b *testing.B) {
				best := map[string]time.Duration{}
				note := func(what string, d time.Duration) {
					if best[what] == 0 || d < best[what] {
						best[what] = d
					}
				}
				for b.Loop() {
					note("none", run(nil))
					r, err := open(o.Options, defaultSizes, v.probe)
					if err != nil {
						b.Fatal(err)
					}
					note("recorded", run(r))
					note("beside", run(nil))
					if err := r.Close(); err != nil {
						b.Fatal(err)
					}
					note("detached", run(nil))
				}
				none := best["none"].Seconds()
				b.ReportMetric(best["recorded"].Seconds()/none, "recorded/none")
				b.ReportMetric(best["beside"].Seconds()/none, "beside/none")
				b.ReportMetric(best["detached"].Seconds()/none, "detached/none")
				b.ReportMetric(none/(2*bytes)*1e9, "ns/call")
			})
		}
	}
}
