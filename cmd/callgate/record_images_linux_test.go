package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
)

var (
	starts     = flag.Int("starts", 3, "how often containers are started under each recorded profile")
	recordings = flag.Int("recordings", 2, "how often a workload is recorded for its profile")
)

// TestRecordedProfiles records ten workloads in Docker, and runs them again
// under the profiles that this makes: in Docker, with and without
// no_new_privs, and in bundles with runc and crun. They do the same, and the
// kernel stops nothing.
func TestRecordedProfiles(t *testing.T) {
	need.Root(t)
	need.Unfiltered(t)
	for _, w := range image.Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			r := recordedImage{Workload: w, root: w.Image(t), dir: t.TempDir()}
			r.docker, r.name = r.root.Import(t)
			t.Run("privileges", func(t *testing.T) { r.test(t, false) })
			t.Run("no new privileges", func(t *testing.T) { r.test(t, true) })
		})
	}
}

// recordedImage is a workload with the image that was made for it.
type recordedImage struct {
	image.Workload
	root              *image.Image
	docker, name, dir string
}

func (r recordedImage) test(t *testing.T, noNewPrivs bool) {
	observation := filepath.Join(r.dir, strconv.FormatBool(noNewPrivs)+".obs")
	profile := r.record(t, observation, noNewPrivs)
	for range *starts {
		r.same(t, exec.CommandContext(t.Context(), r.docker, r.line(profile, noNewPrivs)...))
	}
	if !noNewPrivs {
		r.same(t, exec.CommandContext(t.Context(), r.docker, r.line(profile, true)...))
	}
	for range max(1, *starts/10) {
		r.undenied(t, profile, noNewPrivs)
	}
	for _, runtime := range []string{"runc", "crun"} {
		r.bundle(t, runtime, r.profileFor(t, runtime, observation), noNewPrivs)
	}
}

// line is the docker command line for the workload, but for "docker".
func (r recordedImage) line(profile string, noNewPrivs bool) []string {
	args := []string{"run", "--rm"}
	if noNewPrivs {
		args = append(args, "--security-opt", "no-new-privileges")
	}
	if profile != "" {
		args = append(args, "--security-opt", "seccomp="+profile)
	}
	return append(append(args, r.name), r.Job...)
}

// record records the workload and returns the file of the profile. It says
// that it needs no_new_privs if that is how it was recorded.
func (r recordedImage) record(t *testing.T, observation string, noNewPrivs bool) string {
	t.Helper()
	profile := strings.TrimSuffix(observation, ".obs") + ".json"
	for i := range *recordings {
		args := []string{"record", "--quiet", "-o", observation, "-o", profile}
		if i > 0 {
			args = append(args, "--merge", observation)
		}
		args = append(append(args, r.docker), r.line("", noNewPrivs)...)
		r.same(t, callgate(t, args...))
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	if says := bytes.Contains(text, []byte("no-new-privileges")); says != noNewPrivs {
		t.Errorf("recorded with no_new_privs %v, the profile says that it needs it: %v", noNewPrivs, says)
	}
	return profile
}

// same runs a command and checks that the workload did its job.
func (r recordedImage) same(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if out, err := cmd.Output(); err != nil || string(out) != r.Want {
		t.Errorf("%v: %v, %s\nwrote:\n%s\nwant:\n%s", cmd.Args, err, &errs, out, r.Want)
	}
}

// undenied records the workload under its profile: no filter stops a call of
// the workload or of the runtime.
func (r recordedImage) undenied(t *testing.T, profile string, noNewPrivs bool) {
	t.Helper()
	again := filepath.Join(t.TempDir(), "again.obs")
	r.same(t, callgate(t, append([]string{"record", "--quiet", "-o", again, r.docker}, r.line(profile, noNewPrivs)...)...))
	file, err := os.Open(again)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	o, err := observe.Read(again, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, recording := range o.Recordings {
		for key, seen := range recording.Calls {
			if seen.Denied > 0 {
				t.Errorf("%v: stopped %d times", key, seen.Denied)
			}
		}
	}
}

// profileFor makes the profile for a runtime of what was recorded with runc.
func (r recordedImage) profileFor(t *testing.T, runtime, observation string) json.RawMessage {
	t.Helper()
	out, err := callgate(t, "profile", "--runtime", runtime, "-o", "-", observation).Output()
	if err != nil {
		t.Fatalf("callgate profile: %v", err)
	}
	return out
}

// bundle runs the workload as a bundle.
func (r recordedImage) bundle(t *testing.T, runtime string, profile json.RawMessage, noNewPrivs bool) {
	t.Helper()
	b := r.root.Bundle(t, runtime, image.Container{
		Args: r.Job, Capabilities: image.Capabilities, NoNewPrivileges: noNewPrivs, Seccomp: profile,
	})
	for range *starts {
		r.same(t, b.Command(t, nil, "run", image.NewID()))
	}
}
