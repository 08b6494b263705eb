package kernel

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
)

// lsmNames are the LSM_ID_* of linux/lsm.h.
var lsmNames = map[uint64]string{
	100: "capability", 101: "selinux", 102: "smack", 103: "tomoyo",
	104: "apparmor", 105: "yama", 106: "loadpin", 107: "safesetid",
	108: "lockdown", 109: "bpf", 110: "landlock", 111: "ima", 112: "evm",
	113: "ipe",
}

// activeLSMs reads securityfs, and asks lsm_list_modules(2) where that is not
// mounted.
func activeLSMs() ([]string, error) {
	text, err := os.ReadFile("/sys/kernel/security/lsm")
	if err == nil {
		return strings.Split(strings.TrimSpace(string(text)), ","), nil
	}
	ids, errno := sys.ListModules()
	if errno != 0 {
		return nil, &Error{
			Op: "list the Linux security modules", Errno: errno, Err: err,
			Reason:  "mount securityfs: mount -t securityfs securityfs /sys/kernel/security",
			Missing: errno == unix.ENOSYS && errors.Is(err, os.ErrNotExist), Since: version(6, 8),
		}
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		if names[i] = lsmNames[id]; names[i] == "" {
			names[i] = "unknown"
		}
	}
	return names, nil
}
