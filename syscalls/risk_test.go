package syscalls

import (
	"slices"
	"strings"
	"testing"
)

func TestRisk(t *testing.T) {
	for _, c := range []struct{ name, class, why string }{
		{"bpf", RiskKernel, "loads programs into the kernel"},
		{"finit_module", RiskKernel, "needs CAP_SYS_MODULE"},
		{"kexec_file_load", RiskKernel, "needs CAP_SYS_BOOT"},
		{"userfaultfd", RiskKernel, "races"},
		{"mount", RiskEscape, "needs CAP_SYS_ADMIN"},
		{"open_by_handle_at", RiskEscape, "needs CAP_DAC_READ_SEARCH"},
		{"clock_settime64", RiskHost, "clock"},
		{"iopl", RiskHardware, "needs CAP_SYS_RAWIO"},
		{"process_vm_writev", RiskProcesses, "memory of other processes"},
		{"io_uring_setup", RiskBypass, "no filter sees"},
		{"clone3", RiskBypass, "no filter sees"},
		{"vm86old", RiskKernel, "16-bit"}, // the last of the table
	} {
		why, ok := Risk(c.name)
		if class := RiskClass(c.name); !ok || class != c.class || !strings.Contains(why, c.why) {
			t.Errorf("Risk(%q) = %q, %v of class %q, want %q of class %q", c.name, why, ok, class, c.why, c.class)
		}
	}
	for _, name := range []string{"read", "mmap", "clone", "socket", "execve", "getpid", "no_such_call", ""} {
		why, ok := Risk(name)
		if class := RiskClass(name); ok || why != "" || class != "" {
			t.Errorf("Risk(%q) = %q, %v of class %q, want none", name, why, ok, class)
		}
	}
}

// TestRiskTable checks that every entry is about a call that kernels have, can
// be found, and reads as Risk says.
func TestRiskTable(t *testing.T) {
	if !slices.IsSortedFunc(risks[:], func(a, b risk) int { return strings.Compare(a.name, b.name) }) {
		t.Error("the table is not in byte order of the names")
	}
	classes := []string{RiskKernel, RiskEscape, RiskHost, RiskHardware, RiskProcesses, RiskBypass}
	seen := map[string]bool{}
	for _, r := range risks {
		if seen[r.name] {
			t.Errorf("%s has two entries", r.name)
		}
		seen[r.name] = true
		if p := Purpose(r.name); p == "" || p == "obsolete" {
			t.Errorf("%s has a risk, and the purpose %q", r.name, p)
		}
		if !slices.Contains(classes, r.class) {
			t.Errorf("%s has the class %q", r.name, r.class)
		}
		if got, ok := Risk(r.name); !ok || got != r.why {
			t.Errorf("Risk(%q) = %q, %v", r.name, got, ok)
		}
		if len(r.why) > 115 || strings.ContainsAny(r.why, "\n\t") || strings.HasSuffix(r.why, ".") {
			t.Errorf("the text of %s, %q, is no line of a list", r.name, r.why)
		}
	}
}

// TestRiskOfSystemd holds the table to a list that others made: the sets of
// systemd that only programs which run the machine need.
func TestRiskOfSystemd(t *testing.T) {
	sets := systemdSets(t)
	for _, set := range []string{"@clock", "@keyring", "@module", "@mount", "@raw-io", "@reboot", "@swap"} {
		if len(sets[set]) == 0 {
			t.Errorf("no set %s", set)
		}
		for _, name := range sets[set] {
			if _, ok := Risk(name); !ok {
				t.Errorf("%s of %s has no risk", name, set)
			}
		}
	}
}
