package seccomp_test

import (
	"testing"

	. "github.com/callgate/callgate/seccomp"
)

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]Version{
		"5.11":              {Major: 5, Minor: 11},
		"6.1.0-18-amd64":    {Major: 6, Minor: 1},
		"6.18.44-fc-v595":   {Major: 6, Minor: 18},
		"3.12-1-amd64":      {Major: 3, Minor: 12},
		"4.8.0-rc1":         {Major: 4, Minor: 8},
		"5.15.153.1-WSL2+x": {Major: 5, Minor: 15},
	} {
		if got, err := ParseVersion(in); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "5", "six.one", "-5.1", "5.-1"} {
		if got, err := ParseVersion(bad); err == nil {
			t.Errorf("ParseVersion(%q) = %v, want an error", bad, got)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	ascending := []Version{
		{}, {Major: 1}, {Major: 2, Minor: 4, Patch: 18}, {Major: 2, Minor: 6}, {Major: 2, Minor: 6, Patch: 16},
		{Major: 3, Minor: 5}, {Major: 3, Minor: 17}, {Major: 5}, {Major: 5, Minor: 19}, {Major: 6},
	}
	for i, v := range ascending {
		for j, w := range ascending {
			if got := v.Compare(w); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("(%v).Compare(%v) = %d", v, w, got)
			}
		}
	}
}
