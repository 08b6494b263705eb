package profile_test

import (
	"encoding/json"
	"testing"

	moby "github.com/moby/profiles/seccomp"

	"github.com/callgate/callgate/profile"
)

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
	got, err := profile.Default("docker:default")
	if err != nil {
		t.Fatal(err)
	}
	sameResolved(t, got, want)
}
