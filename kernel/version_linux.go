package kernel

import "golang.org/x/sys/unix"

func running() (Version, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Version{}, err
	}
	return ParseVersion(unix.ByteSliceToString(name.Release[:]))
}
