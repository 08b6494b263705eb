// Package need says what a test needs of the machine that it runs on. A test
// asks first thing; where the thing is missing the test skips with the
// reason, so that "go test ./..." passes anywhere.
//
// Continuous integration, which has installed everything, must not skip by
// accident: where the environment variable [Variable] names the missing thing
// (a comma-separated list, or "all"), the test fails instead.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Variable is the environment variable that lists what may not be missing.
// The things are called root, docker, libseccomp, data, gcc-multilib (a gcc that
// builds for 32 bits), and otherwise as the program is called: gcc, strace,
// busybox.
const Variable = "CALLGATE_REQUIRE"

// Root skips the test unless it runs as root (thing "root").
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root", "the test does not run as root")
	}
}

// Nobody returns the user and group to which a test that runs as root drops
// its privileges, and skips the test where it cannot (thing "root").
func Nobody(t testing.TB) (uid, gid uint32) {
	t.Helper()
	Root(t)
	return 65534, 65534
}

// Linux skips the test on any other system (thing "linux").
func Linux(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" {
		Missing(t, "linux", "the test is about the Linux kernel, this is "+runtime.GOOS)
	}
}

// Program returns the path of a program of the search path, and skips the
// test where there is none (thing: the name).
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name, "no program "+name+" in PATH")
	}
	return path
}

// Data returns the path of a file or folder of the facts and recordings that
// are kept beside the repository, in ../shared/data of the module's root, and
// skips the test where it is missing (thing "data").
func Data(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(ModuleRoot(t), "..", "shared", "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		Missing(t, "data", "no "+name+" in ../shared/data")
	}
	return path
}

// ModuleRoot returns the folder of the go.mod above the test's folder.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the folder of the test")
		}
		dir = parent
	}
}

// Missing ends a test that has found out by itself that a thing is missing: it
// fails where the thing is required, and skips otherwise.
func Missing(t testing.TB, thing, reason string) {
	t.Helper()
	if required(os.Getenv(Variable), thing) {
		t.Fatalf("%s, and %s requires %s", reason, Variable, thing)
	}
	t.Skipf("%s (needs %s)", reason, thing)
}

func required(list, thing string) bool {
	things := strings.Split(list, ",")
	for i := range things {
		things[i] = strings.TrimSpace(things[i])
	}
	return slices.Contains(things, thing) || slices.Contains(things, "all")
}
