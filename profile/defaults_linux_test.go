package profile_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	moby "github.com/moby/profiles/seccomp"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

const dockerHeader = `# Docker's default profile, as of github.com/moby/profiles/seccomp v0.2.4.
# The facts are those of The Moby Authors, Apache-2.0: see NOTICE.
# Written by: go test ./profile -run TestDockerDefault -update
`

// mobyDefault is the profile of the upstream module, read as a user would.
func mobyDefault(t testing.TB) *profile.Profile {
	text, err := json.Marshal(moby.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	p, found, err := profile.Parse("moby", text, profile.Docker)
	if err != nil || len(found) > 0 {
		t.Fatalf("Docker's own default profile: %v %v", err, found)
	}
	return p
}

// TestDockerDefault holds docker:default to the upstream module: the same
// result on every machine, around the kernel that it asks for, with every
// capability there and missing.
func TestDockerDefault(t *testing.T) {
	want := mobyDefault(t)
	if *update {
		if err := os.WriteFile("defaults/docker/default.txt", []byte(compactText(dockerHeader, want)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := profile.Default("docker:default")
	if err != nil {
		t.Fatal(err)
	}
	sameResolved(t, got, want)
}

// sameResolved compares what two profiles come to in many circumstances.
func sameResolved(t *testing.T, got, want *profile.Profile) {
	t.Helper()
	kernels := []seccomp.Version{{}, {Major: 3, Minor: 10}, {Major: 4, Minor: 7}, {Major: 4, Minor: 8}, {Major: 6, Minor: 18}}
	for _, goarch := range goarches {
		abi, _ := seccomp.NativeABI(goarch)
		for _, engine := range profile.Engines() {
			for _, kernel := range kernels {
				same(t, got, want, profile.Env{Engine: engine, ABI: abi, Caps: profile.DockerCaps, Kernel: kernel})
			}
		}
		for _, caps := range capSets() {
			same(t, got, want, profile.Env{ABI: abi, Caps: caps, Kernel: kernels[4]})
		}
	}
}

func same(t *testing.T, got, want *profile.Profile, env profile.Env) {
	t.Helper()
	if g, w := resolved(t, got, env), resolved(t, want, env); g != w {
		t.Errorf("%v differs:\n%s", env, cmp.Diff(w, g))
	}
}

// resolved is the OCI object that a profile comes to.
func resolved(t testing.TB, p *profile.Profile, env profile.Env) string {
	t.Helper()
	r, err := p.Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
