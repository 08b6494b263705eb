package kernel

import "github.com/callgate/callgate/seccomp"

// Running is the version of the running kernel.
func Running() (seccomp.Version, error) { return running() }

// version is short for the tables of this package.
func version(major, minor int) seccomp.Version {
	return seccomp.Version{Major: major, Minor: minor}
}
