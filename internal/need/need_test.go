package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestRequired(t *testing.T) {
	for _, c := range []struct {
		list, thing string
		want        bool
	}{
		{"", "root", false},
		{"docker", "root", false},
		{"docker, root", "root", true},
		{"rooted", "root", false},
		{"all", "strace", true},
	} {
		if got := required(c.list, c.thing); got != c.want {
			t.Errorf("required(%q, %q) = %v, want %v", c.list, c.thing, got, c.want)
		}
	}
}

// judge is a test's T that notes how the test ended instead of ending it.
type judge struct {
	testing.TB
	failed, skipped string
}

func (j *judge) Fatalf(format string, _ ...any) { j.failed = format; panic(j) }
func (j *judge) Skipf(format string, _ ...any)  { j.skipped = format; panic(j) }

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		require string
		fails   bool
	}{{"", false}, {"data", false}, {"no-such-program", true}, {"all", true}} {
		t.Setenv(Variable, c.require)
		j := &judge{TB: t}
		func() {
			defer func() { _ = recover() }()
			Program(j, "no-such-program")
		}()
		if fails := j.failed != ""; fails != c.fails || fails == (j.skipped != "") {
			t.Errorf("%s=%s: failed %q, skipped %q, want failure: %v", Variable, c.require, j.failed, j.skipped, c.fails)
		}
	}
}

func TestModuleRoot(t *testing.T) {
	root := ModuleRoot(t)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(mod), "module github.com/callgate/callgate\n") {
		t.Errorf("%s is not the root of this module", root)
	}
}

func TestImage(t *testing.T) {
	docker, image := Image(t)
	out, err := exec.CommandContext(t.Context(), docker, "run", "--rm", image, "grep", "Seccomp:", "/proc/self/status").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "Seccomp:\t2" {
		t.Errorf("a container says %q (%v), want seccomp mode 2", out, err)
	}
}
