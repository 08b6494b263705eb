package profile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// TestShippedProfiles: the profiles that Docker and Podman ship have no
// mistakes in the eyes of those who ship them.
func TestShippedProfiles(t *testing.T) {
	shipped := map[string]profile.Engine{"podman/*.json": profile.Podman, "moby-default/*/default.json": profile.Docker}
	for pattern, engine := range shipped {
		files, err := filepath.Glob(filepath.Join(need.Data(t, ""), filepath.FromSlash(pattern)))
		if err != nil || len(files) < 2 {
			t.Fatalf("%s: %v %v", pattern, files, err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if _, found, err := profile.Parse(f, data, engine); err != nil || len(found) > 0 {
				t.Errorf("%v", found)
			}
		}
	}
}

// TestDockerDefaultData compares docker:default with the profile of Docker
// 29.7.2, which differs only in how it lists socket families.
func TestDockerDefaultData(t *testing.T) {
	data, err := os.ReadFile(need.Data(t, "moby-default/docker-v29.7.2/default.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := profile.Parse("29.7.2", data, profile.Docker)
	if err != nil {
		t.Fatal(err)
	}
	got, err := profile.Default("docker:default")
	if err != nil {
		t.Fatal(err)
	}
	for _, caps := range capSets() {
		env := profile.Env{ABI: seccomp.X86_64, Caps: caps, Kernel: seccomp.Version{Major: 6, Minor: 18}}
		if g, w := withoutSocket(t, got, env), withoutSocket(t, want, env); g != w {
			t.Fatalf("%v differs:\n%s", env, cmp.Diff(w, g))
		}
	}
}

func withoutSocket(t *testing.T, p *profile.Profile, env profile.Env) string {
	r, err := p.Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	r.Syscalls = slices.DeleteFunc(r.Syscalls, func(s profile.ResolvedRule) bool { return slices.Contains(s.Names, "socket") })
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
