package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Mode is the seccomp mode of a thread, as /proc/PID/status shows it.
type Mode uint8

// The modes of linux/seccomp.h, and one of the kernel's own
// (kernel/seccomp.c).
const (
	ModeDisabled Mode = 0 // no seccomp
	ModeStrict   Mode = 1 // read, write, exit and sigreturn only
	ModeFilter   Mode = 2 // one filter or more
	ModeDead     Mode = 3 // seccomp has killed the thread, which is about to end; 5.17
)

var modeNames = [...]string{"disabled", "strict", "filter", "dead"}

// String is "disabled", "strict", "filter" or "dead".
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// Status is what /proc/PID/status tells of a thread and seccomp.
type Status struct {
	Mode Mode
	// Filters is how many filters are stacked on the thread; -1 before
	// Linux 5.9, which does not say.
	Filters int
	// NoNewPrivs is the thread's no_new_privs bit; false before 4.10, which
	// does not say.
	NoNewPrivs bool
	// State is the letter of the thread's state, as in R (runs), S (sleeps),
	// T (stopped), t (held by a tracer), Z (ended); 0 where it is not known.
	State byte
	// Tracer is the process that traces the thread; 0 where none does.
	Tracer int
}

// ReadStatus reads the Status of a process, or of a thread by its id. It
// needs no privilege. The error matches [os.ErrNotExist] where no such
// process is.
func ReadStatus(pid int) (Status, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Status{}, err
	}
	return parseStatus(string(text))
}

func parseStatus(text string) (Status, error) {
	s := Status{Filters: -1}
	seen := false
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); key == "State" && value != "" {
			s.State = value[0]
		}
		n, err := strconv.ParseInt(value, 10, 32)
		switch key {
		case "Seccomp":
			s.Mode, seen = Mode(n), true
		case "Seccomp_filters":
			s.Filters = int(n)
		case "NoNewPrivs":
			s.NoNewPrivs = n == 1
		case "TracerPid":
			s.Tracer = int(n)
		default:
			continue
		}
		if err != nil {
			return Status{}, fmt.Errorf("line %q of a status file: want a number", strings.TrimSpace(line))
		}
	}
	if !seen {
		return Status{}, &Error{Op: "read the seccomp mode", Reason: "the kernel shows none: it is built without seccomp, or this is not Linux", Since: version(3, 8), Missing: true}
	}
	return s, nil
}
