package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/seccomp"
)

func running() (seccomp.Version, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return seccomp.Version{}, err
	}
	return seccomp.ParseVersion(unix.ByteSliceToString(name.Release[:]))
}
