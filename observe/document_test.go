package observe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
)

// TestDocumentedFormat holds the document on the format to the code: its
// example can be read, and is written again as it stands there.
func TestDocumentedFormat(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(need.ModuleRoot(t), "docs", "observations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```json\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("the document has no example")
	}
	o, err := observe.Read("observations.md", strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(example, "\n"), "\n")
	got := strings.SplitAfter(strings.TrimSuffix(text(t, o), "\n"), "\n")
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("(-document +written):\n%s", diff)
	}
}
