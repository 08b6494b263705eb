package syscalls

import "github.com/callgate/callgate/seccomp"

// release is a kernel version as the table holds it: major, minor, patch.
type release [3]uint8

// Since is the kernel that first had the named call on any ABI: 1.0 stands for
// every kernel up to that one. Other ABIs may have got the call later. ok is
// false where the name or its history is unknown.
func Since(name string) (v seccomp.Version, ok bool) {
	id, ok := lookup(name)
	if !ok {
		return seccomp.Version{}, false
	}
	r := since[id]
	return seccomp.Version{Major: int(r[0]), Minor: int(r[1]), Patch: int(r[2])}, r != release{}
}
