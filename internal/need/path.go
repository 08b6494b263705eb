package need

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns path, and skips the test unless that directory or file can be
// read (thing: a word for what it is, as in "tracefs").
func Path(t testing.TB, thing, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		Missing(t, thing, err.Error())
	}
	f.Close()
	return path
}

// Dash skips the test where /bin/sh is not dash, Debian's (thing "dash"): what
// a shell says of an error is its own.
func Dash(t testing.TB) {
	t.Helper()
	if sh, err := filepath.EvalSymlinks("/bin/sh"); err != nil || filepath.Base(sh) != "dash" {
		Missing(t, "dash", "/bin/sh is not dash, whose messages the test compares")
	}
}

// PublicDir returns a directory that every user can read, and removes it when
// the test ends. That of t.TempDir is for the user of the tests alone.
func PublicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "callgate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
