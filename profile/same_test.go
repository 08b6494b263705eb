package profile_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// sameResolved compares what two profiles come to in many circumstances.
func sameResolved(t *testing.T, got, want *profile.Profile) {
	t.Helper()
	kernels := []seccomp.Version{{}, {Major: 3, Minor: 10}, {Major: 4, Minor: 7}, {Major: 4, Minor: 8}, {Major: 6, Minor: 18}}
	for _, goarch := range goarches {
		abi, _ := seccomp.NativeABI(goarch)
		for _, engine := range profile.Readings() {
			for _, kernel := range kernels {
				same(t, got, want, profile.Env{Engine: engine, ABI: abi, Caps: profile.DockerCaps, Kernel: kernel})
			}
		}
		if !strings.Contains("amd64 s390x riscv64", goarch) {
			continue // capabilities and machines are combined for s390x only
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
