package need

import (
	"os"
	"testing"
)

// Path returns path, and skips the test unless that directory or file can be
// read (thing: a word for what it is, as in "tracefs").
func Path(t testing.TB, thing, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		missing(t, thing, err.Error())
	}
	f.Close()
	return path
}
