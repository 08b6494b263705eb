package strict_test

import (
	"flag"
	"testing"

	"github.com/callgate/callgate/internal/transcript"
)

var update = flag.Bool("update", false, "write into README.md what its sessions print")

// TestReadme runs what README.md shows.
func TestReadme(t *testing.T) {
	transcript.Test(t, "README.md", transcript.Options{Update: *update})
}
