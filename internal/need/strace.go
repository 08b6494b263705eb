package need

import "testing"

// Strace returns the path of strace, and skips the test unless it can trace a
// program (thing "strace"): a sandbox may forbid ptrace.
func Strace(t testing.TB) string {
	t.Helper()
	strace := Program(t, "strace")
	if out, err := try(t, nil, strace, "-o", "/dev/null", Program(t, "true")); err != nil {
		Missing(t, "strace", "strace cannot trace: "+lastLine(out))
	}
	return strace
}
