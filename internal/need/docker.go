package need

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// answerTime is how long a Docker daemon or a compiler may take to answer
// before it counts as missing.
const answerTime = 30 * time.Second

// Docker returns the path of the docker client, and skips the test unless a
// daemon answers it (thing "docker").
func Docker(t testing.TB) string {
	t.Helper()
	docker, err := exec.LookPath("docker")
	if err != nil {
		Missing(t, "docker", "no program docker in PATH")
	}
	if out, err := try(t, nil, docker, "version", "--format", "{{.Server.Version}}"); err != nil {
		Missing(t, "docker", "the Docker daemon does not answer: "+lastLine(out))
	}
	return docker
}

// Libseccomp returns the path of gcc, and skips the test unless gcc can
// compile and link a program against libseccomp (thing "libseccomp").
func Libseccomp(t testing.TB) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		Missing(t, "libseccomp", "no program gcc in PATH")
	}
	const program = "#include <seccomp.h>\nint main(void) { return seccomp_version() == 0; }\n"
	out, err := try(t, strings.NewReader(program), gcc, "-x", "c", "-", "-o", os.DevNull, "-lseccomp")
	if err != nil {
		Missing(t, "libseccomp", "gcc cannot link a program against libseccomp: "+lastLine(out))
	}
	return gcc
}

// try runs a command and returns what it wrote to both its outputs.
func try(t testing.TB, stdin *strings.Reader, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), answerTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	return cmd.CombinedOutput()
}

// lastLine is the line of a program's output that says what went wrong.
func lastLine(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(lines[len(lines)-1])
}
