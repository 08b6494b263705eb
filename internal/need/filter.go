package need

import (
	"os"
	"strings"
	"testing"
)

// Unfiltered skips a test where the tests themselves run under a seccomp
// filter, as in a container (thing "unfiltered"): it can be in the way, and
// strict mode cannot be had beside it.
func Unfiltered(t testing.TB) {
	t.Helper()
	Linux(t)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		Missing(t, "unfiltered", err.Error())
	}
	if strings.Contains(string(status), "\nSeccomp:\t2\n") {
		Missing(t, "unfiltered", "the tests run under a seccomp filter themselves")
	}
}
