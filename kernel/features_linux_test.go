package kernel_test

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// TestFeatures fails where the kernel is new enough for a feature and it is
// reported missing all the same.
func TestFeatures(t *testing.T) {
	running, err := kernel.Running()
	if err != nil {
		t.Fatal(err)
	}
	features := kernel.Features()
	for _, f := range features {
		t.Logf("%-12s %-36s %-5v %v", f.Group, f.Name, f.Since, f.Err)
		missing := errors.Is(f.Err, errors.ErrUnsupported)
		switch newEnough := running.Compare(f.Since) >= 0; {
		case newEnough && missing && f.Name == "BTF":
			t.Logf("BTF is missing: the kernel is built without CONFIG_DEBUG_INFO_BTF")
		case newEnough && missing:
			t.Errorf("Linux %v lacks %s, which came with %v: %v", running, f.Name, f.Since, f.Err)
		case newEnough && f.Err != nil && os.Getuid() == 0:
			t.Logf("restricted: %s: %v", f.Name, f.Err)
		case !newEnough && f.Err == nil:
			t.Errorf("Linux %v has %s, which came with %v", running, f.Name, f.Since)
		}
	}
	if len(features) != 4+8+6+5+5 {
		t.Errorf("%d features", len(features))
	}
}

// TestFeaturesLeaveNoTrace holds the probes to changing nothing.
func TestFeaturesLeaveNoTrace(t *testing.T) {
	before, err := kernel.ReadStatus(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		kernel.Features()
	}
	after, err := kernel.ReadStatus(os.Getpid())
	if err != nil || after.Mode != before.Mode || after.Filters != before.Filters || after.NoNewPrivs != before.NoNewPrivs {
		t.Errorf("status is %+v, %v, was %+v", after, err, before)
	}
}

func TestUnknown(t *testing.T) {
	if err := kernel.HasAction(0x12340000); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an action that no kernel knows: %v", err)
	}
	if err := kernel.HasFlag(1 << 30); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a flag that no kernel knows: %v", err)
	}
}

func TestLoggedActions(t *testing.T) {
	actions, err := kernel.LoggedActions()
	if err != nil {
		t.Skip(err)
	}
	for _, name := range actions {
		if _, err := seccomp.ParseAction(name); err != nil {
			t.Errorf("the kernel logs %q: %v", name, err)
		}
	}
}

func TestLSMs(t *testing.T) {
	names, err := kernel.LSMs()
	if err != nil {
		t.Skip(err)
	}
	if !slices.Contains(names, "capability") {
		t.Errorf("LSMs = %q, want capability among them: it cannot be left out", names)
	}
}
