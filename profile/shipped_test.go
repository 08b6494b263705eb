package profile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/profile"
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
