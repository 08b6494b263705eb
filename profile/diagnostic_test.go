package profile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/profile"
)

// TestDiagnostics holds what is said about each bad document in
// testdata/diagnostics to the text file beside it.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/diagnostics/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			doc, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(t, filepath.Base(file), doc)
			golden := strings.TrimSuffix(file, "json") + "txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s", cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
			}
		})
	}
}

// describe lists the diagnostics of a document for Docker, and for the other
// readings those that differ from it: one that is new behind a plus, one that
// is not there behind a minus.
func describe(t *testing.T, name string, doc []byte) string {
	var b strings.Builder
	docker := list(t, name, doc, profile.Docker)
	fmt.Fprintf(&b, "docker:\n%s\n", strings.Join(docker, "\n"))
	for _, engine := range []profile.Engine{profile.Podman, profile.Containerd} {
		other := list(t, name, doc, engine)
		fmt.Fprintf(&b, "\n%v:\n", engine)
		for _, d := range without(docker, other) {
			fmt.Fprintf(&b, "- %s\n", d)
		}
		for _, d := range without(other, docker) {
			fmt.Fprintf(&b, "+ %s\n", d)
		}
	}
	return b.String()
}

// list is a line for each diagnostic, after checks of what is true of all.
func list(t *testing.T, name string, doc []byte, engine profile.Engine) []string {
	p, found, err := profile.Parse(name, doc, engine)
	failures := found.AtLeast(profile.Failure)
	var all *profile.Error
	if errors.As(err, &all) != (len(failures) > 0) || (p == nil) != (err != nil) {
		t.Errorf("%v: profile %v, error %v, with %d failures", engine, p != nil, err, len(failures))
	}
	if all != nil && len(all.Diagnostics) != len(failures) {
		t.Errorf("%v: the error holds %d of %d failures", engine, len(all.Diagnostics), len(failures))
	}
	lines := make([]string, len(found))
	for i, d := range found {
		lines[i] = fmt.Sprintf("%v %s: %v", d.Severity, d.Code, d)
		if d.Code == "" || d.File != name || !d.Pos.Written() {
			t.Errorf("%v: incomplete diagnostic %#v", engine, d)
		}
		if i > 0 && (d.Pos.Line < found[i-1].Pos.Line) {
			t.Errorf("%v: %v is out of order", engine, d)
		}
	}
	return lines
}

// without are the elements of a that b has not.
func without(a, b []string) []string {
	in := map[string]bool{}
	for _, s := range b {
		in[s] = true
	}
	var out []string
	for _, s := range a {
		if !in[s] {
			out = append(out, s)
		}
	}
	return out
}
