package callgate_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/transcript"
)

var update = flag.Bool("update", false, "write into the documents what their sessions print")

// TestDocuments runs the sessions that the documents show.
func TestDocuments(t *testing.T) {
	for _, document := range []string{"README.md", "docs/background.md"} {
		t.Run(document, func(t *testing.T) {
			transcript.Test(t, document, transcript.Options{
				Programs: []string{"./examples/confine"},
				Update:   *update,
			})
		})
	}
}

// TestReadmeShowsTheExample holds the Go code of the README to the program
// that the tests compile and run.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join("examples", "confine", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(readme), "```go\n")
	code, _, ok := strings.Cut(code, "```")
	if !ok {
		t.Fatal("the README shows no Go code")
	}
	for line := range strings.Lines(code) {
		if !strings.Contains(string(program), strings.TrimSpace(line)) {
			t.Errorf("the program has no line %q", line)
		}
	}
}

// TestLinks finds links from the documents to files that are not there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):#]+)\)`)
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*/*.md"} {
		documents, err := filepath.Glob(pattern)
		if err != nil || len(documents) == 0 {
			t.Fatalf("%s: %v, %v", pattern, documents, err)
		}
		for _, document := range documents {
			text, err := os.ReadFile(document)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range link.FindAllStringSubmatch(string(text), -1) {
				if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
					t.Errorf("%s: %v", document, err)
				}
			}
		}
	}
}
