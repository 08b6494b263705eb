package libseccomp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// Version is a release of libseccomp whose behaviour is modelled. The zero
// value is none.
type Version uint8

// The modelled releases.
const (
	V2_5_4 Version = 1 + iota // as in Debian 12 (2.5.4-1+deb12u1), which knows calls up to Linux 6.7
	V2_6_1
)

// Versions lists the modelled releases, oldest first.
func Versions() []Version { return []Version{V2_5_4, V2_6_1} }

// Valid reports whether v is one of [Versions].
func (v Version) Valid() bool { return v == V2_5_4 || v == V2_6_1 }

// String is the number of the release, as in 2.5.4.
func (v Version) String() string {
	switch v {
	case V2_5_4:
		return "2.5.4"
	case V2_6_1:
		return "2.6.1"
	}
	return fmt.Sprintf("Version(%d)", uint8(v))
}

// Parse reads the number of a release: 2.5.4 or 2.6.1, or 2.5 or 2.6 for the
// modelled release of that series. Other releases are refused: they may know
// other calls.
func Parse(s string) (Version, error) {
	for _, v := range Versions() {
		name := v.String()
		if s == name || s == name[:strings.LastIndexByte(name, '.')] {
			return v, nil
		}
	}
	return 0, fmt.Errorf("libseccomp %q is not modelled: want 2.5.4 or 2.6.1", s)
}

// later are the ABIs that 2.6 brought.
var later = [...]seccomp.ABI{seccomp.LoongArch64, seccomp.M68K, seccomp.SH, seccomp.SHEB}

// Supports reports whether the release can make filters for abi.
func (v Version) Supports(abi seccomp.ABI) bool {
	return v.Valid() && abi.Valid() && (v >= V2_6_1 || !slices.Contains(later[:], abi))
}
