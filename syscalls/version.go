package syscalls

import (
	"cmp"
	"fmt"
)

// Version is a release of the Linux kernel, as in 5.11 or 2.6.16. Patch counts
// only before 3.0, where it told releases with new calls apart.
type Version struct{ Major, Minor, Patch uint8 }

// String is v as people write it: "5.11", "2.6.16".
func (v Version) String() string {
	if v.Patch != 0 {
		return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	}
	return fmt.Sprintf("%d.%d", v.Major, v.Minor)
}

// Compare is negative where v is older than w, positive where it is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// Since is the kernel that first had the named call on any ABI: 1.0 stands for
// every kernel up to that one. Other ABIs may have got the call later. ok is
// false where the name or its history is unknown.
func Since(name string) (v Version, ok bool) {
	id, ok := lookup(name)
	if !ok {
		return Version{}, false
	}
	return since[id], since[id] != Version{}
}
