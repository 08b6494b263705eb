package kernel

import (
	"cmp"
	"fmt"
)

// Version is the number of a kernel release, as in 5.11. The zero value is
// no version.
type Version struct{ Major, Minor int }

// String is v as in "5.11".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Compare is negative where v is older than w, 0 where they are the same and
// positive where v is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor))
}

// ParseVersion reads the first two numbers of a kernel release, as uname -r
// gives it: "5.11", "6.1.0-18-amd64".
func ParseVersion(release string) (Version, error) {
	var v Version
	if n, err := fmt.Sscanf(release, "%d.%d", &v.Major, &v.Minor); n != 2 || v.Major < 0 || v.Minor < 0 {
		return Version{}, fmt.Errorf("kernel release %q: want it to start with two numbers, as in 5.11: %w", release, err)
	}
	return v, nil
}

// Running is the version of the running kernel.
func Running() (Version, error) { return running() }
