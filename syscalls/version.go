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

// SinceOn is [Since] for one ABI, later where it is known that the ABI had the call
// through a multiplexer only at first: of the System V calls those that have a
// number beside ipc's got it in 5.1 (kernel commit 0d6040d46817), of the socket calls
// those of x86, s390 and s390x in 4.3 (socketcall(2); kernel commit 977108f89c98), but
// for the two that came with a number.
func SinceOn(abi seccomp.ABI, name string) (v seccomp.Version, ok bool) {
	v, ok = Since(name)
	m, through := Through(abi, name)
	if _, direct := Number(abi, name); !through || !direct {
		return v, ok
	}
	late := abi == seccomp.X86 || abi == seccomp.S390 || abi == seccomp.S390X
	switch {
	case m.By == "ipc":
		return seccomp.Version{Major: 5, Minor: 1}, true
	case late && name != "recvmmsg" && name != "sendmmsg":
		return seccomp.Version{Major: 4, Minor: 3}, true
	}
	return v, ok
}
