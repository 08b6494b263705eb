package need

import (
	"os/exec"
	"regexp"
	"testing"
)

// Runc is the version of runc, and of the libseccomp that it uses. The test skips
// where there is none (thing "runc").
func Runc(t testing.TB) (runc, libseccomp string) {
	t.Helper()
	out, err := exec.Command(Program(t, "runc"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)runc version (\d+\.\d+\.\d+).*libseccomp: (\S+)`).FindStringSubmatch(string(out))
	if m == nil {
		t.Fatalf("runc says %q", out)
	}
	return m[1], m[2]
}

// DockerRelease is the version of the daemon that a docker client speaks to.
func DockerRelease(t testing.TB, docker string) string {
	t.Helper()
	out, err := exec.Command(docker, "version", "--format", "{{.Server.Version}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`^\d+\.\d+\.\d+`).FindString(string(out))
	if release == "" {
		t.Fatalf("docker says %q", out)
	}
	return release
}
