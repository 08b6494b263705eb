package image

import "testing"

// TestWorkloads runs each job in Docker and in the runtimes, without a profile.
func TestWorkloads(t *testing.T) {
	for _, w := range Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			i := w.Image(t)
			for _, runtime := range []string{"runc", "crun"} {
				b := i.Bundle(t, runtime, Container{Args: w.Job, Capabilities: Capabilities})
				for range 2 {
					out, err := b.Run(t)
					if err != nil || string(out) != w.Want {
						t.Errorf("%s: %v, wrote:\n%s\nwant:\n%s", runtime, err, out, w.Want)
					}
				}
			}
		})
	}
}
