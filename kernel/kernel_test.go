package kernel_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/callgate/callgate/kernel"
)

func TestVersion(t *testing.T) {
	for in, want := range map[string]kernel.Version{
		"5.11":              {5, 11},
		"6.1.0-18-amd64":    {6, 1},
		"6.18.44-fc-v595":   {6, 18},
		"3.10.0-1160.el7":   {3, 10},
		"5.15.153.1-WSL2+x": {5, 15},
	} {
		if got, err := kernel.ParseVersion(in); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "5", "x.y", "-5.1", "5.-1"} {
		if got, err := kernel.ParseVersion(bad); err == nil {
			t.Errorf("ParseVersion(%q) = %v, want an error", bad, got)
		}
	}
	ordered := []kernel.Version{{}, {2, 6}, {3, 5}, {3, 17}, {5, 0}, {5, 19}, {6, 0}}
	for i, v := range ordered {
		for j, w := range ordered {
			if got := v.Compare(w); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%v.Compare(%v) = %d", v, w, got)
			}
		}
	}
}

func TestFlag(t *testing.T) {
	for _, f := range kernel.Flags() {
		for _, text := range []string{f.String(), "SECCOMP_FILTER_FLAG_" + f.String(), " " + f.String()} {
			if got, err := kernel.ParseFlag(text); err != nil || got != f {
				t.Errorf("ParseFlag(%q) = %v, %v, want %v", text, got, err, f)
			}
		}
		if f.Since() == (kernel.Version{}) {
			t.Errorf("%v came with no kernel", f)
		}
	}
	if got, want := (kernel.TSync | kernel.Log | 1<<20).String(), "TSYNC|LOG|0x100000"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	for _, bad := range []string{"", "0", "SYNC", "TSYNC|LOG"} {
		if got, err := kernel.ParseFlag(bad); err == nil {
			t.Errorf("ParseFlag(%q) = %v, want an error", bad, got)
		}
	}
}

func TestError(t *testing.T) {
	err := error(&kernel.Error{
		Op: "do it", Errno: syscall.EINVAL, Reason: "it is not there",
		Since: kernel.Version{Major: 5, Minor: 14}, Missing: true, Err: kernel.ErrGone,
	})
	for _, target := range []error{errors.ErrUnsupported, syscall.EINVAL, kernel.ErrGone} {
		if !errors.Is(err, target) {
			t.Errorf("%v is not %v", err, target)
		}
	}
	if got, want := err.Error(), "do it: "+syscall.EINVAL.Error()+": it is not there: the notified call waits no more (needs Linux 5.14)"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if errors.Is(&kernel.Error{Op: "do it", Errno: syscall.EINVAL}, errors.ErrUnsupported) {
		t.Error("every EINVAL is a missing feature")
	}
}
