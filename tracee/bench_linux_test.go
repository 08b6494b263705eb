//go:build amd64 || arm64 || 386

package tracee_test

import (
	"os/exec"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// BenchmarkRun compares a program that is started and waited for with one
// that gets a filter at main, which is found step by step as it is stripped.
func BenchmarkRun(b *testing.B) {
	path := need.Program(b, "true")
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command(path).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("filter at main", func(b *testing.B) {
		for b.Loop() {
			t, err := tracee.Start(tracee.Command{Path: path, Args: []string{path}}, tracee.Options{ExitKill: true})
			if err != nil {
				b.Fatal(err)
			}
			if _, err = t.RunTo(tracee.Point{Symbol: "main"}); err == nil {
				err = t.Install(bpf.Program{bpf.Ret(seccomp.Allow)}, kernel.InstallOptions{NoNewPrivs: true})
			}
			if err == nil {
				err = t.Detach()
			}
			if err == nil {
				_, err = t.Wait(nil)
			}
			if err != nil {
				b.Fatal(err)
			}
			t.Close()
		}
	})
}
