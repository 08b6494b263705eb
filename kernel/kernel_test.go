package kernel_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

func TestFlag(t *testing.T) {
	for _, f := range kernel.Flags() {
		for _, text := range []string{f.String(), "SECCOMP_FILTER_FLAG_" + f.String(), " " + f.String()} {
			if got, err := kernel.ParseFlag(text); err != nil || got != f {
				t.Errorf("ParseFlag(%q) = %v, %v, want %v", text, got, err, f)
			}
		}
		if f.Since() == (seccomp.Version{}) {
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
		Since: seccomp.Version{Major: 5, Minor: 14}, Missing: true, Err: kernel.ErrGone,
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
