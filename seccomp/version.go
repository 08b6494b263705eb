package seccomp

import (
	"cmp"
	"fmt"
)

// Version is a release of the Linux kernel, as in 5.11 or 2.6.16. Patch tells
// releases apart only before 3.0, and is 0 otherwise. The zero value is no
// release.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads the first two numbers of a kernel release, as uname(2)
// gives it, and ignores the rest: 5.11, 6.18.44-fc, 3.12-1-amd64.
func ParseVersion(release string) (Version, error) {
	var v Version
	if _, err := fmt.Sscanf(release, "%d.%d", &v.Major, &v.Minor); err != nil || v.Major < 0 || v.Minor < 0 {
		return Version{}, fmt.Errorf("kernel version %q: want two numbers as in 6.18", release)
	}
	return v, nil
}

// Compare is negative where v is older than w, 0 where they are the same and
// positive where v is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// String is v as people write it: "5.11", "2.6.16".
func (v Version) String() string {
	if v.Patch != 0 {
		return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	}
	return fmt.Sprintf("%d.%d", v.Major, v.Minor)
}
