package syscalls_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/syscalls"
)

func TestRisk(t *testing.T) {
	for _, c := range []struct{ name, class, why string }{
		{"bpf", syscalls.RiskKernel, "loads programs into the kernel"},
		{"finit_module", syscalls.RiskKernel, "needs CAP_SYS_MODULE"},
		{"kexec_file_load", syscalls.RiskKernel, "needs CAP_SYS_BOOT"},
		{"userfaultfd", syscalls.RiskKernel, "races"},
		{"mount", syscalls.RiskEscape, "needs CAP_SYS_ADMIN"},
		{"open_by_handle_at", syscalls.RiskEscape, "needs CAP_DAC_READ_SEARCH"},
		{"clock_settime64", syscalls.RiskHost, "clock"},
		{"iopl", syscalls.RiskHardware, "needs CAP_SYS_RAWIO"},
		{"process_vm_writev", syscalls.RiskProcesses, "memory of other processes"},
		{"io_uring_setup", syscalls.RiskBypass, "no filter sees"},
		{"clone3", syscalls.RiskBypass, "no filter sees"},
		{"vm86old", syscalls.RiskKernel, "16-bit"}, // the last of the table
	} {
		why, ok := syscalls.Risk(c.name)
		if class := syscalls.RiskClass(c.name); !ok || class != c.class || !strings.Contains(why, c.why) {
			t.Errorf("Risk(%q) = %q, %v of class %q, want %q of class %q", c.name, why, ok, class, c.why, c.class)
		}
	}
	for _, name := range []string{"read", "mmap", "clone", "socket", "execve", "getpid", "no_such_call", ""} {
		why, ok := syscalls.Risk(name)
		if class := syscalls.RiskClass(name); ok || why != "" || class != "" {
			t.Errorf("Risk(%q) = %q, %v of class %q, want none", name, why, ok, class)
		}
	}
}

// TestRiskTexts checks each entry by the rules that Risk tells, and that a
// search finds it: the table has no doubles and no unknown names.
func TestRiskTexts(t *testing.T) {
	classes := []string{
		syscalls.RiskKernel, syscalls.RiskEscape, syscalls.RiskHost,
		syscalls.RiskHardware, syscalls.RiskProcesses, syscalls.RiskBypass,
	}
	capability := regexp.MustCompile(`CAP_[A-Z_]+`)
	used := map[string]bool{}
	for _, name := range syscalls.Names() {
		why, ok := syscalls.Risk(name)
		if !ok {
			continue
		}
		class := syscalls.RiskClass(name)
		used[class] = true
		if why == "" || len(why) > 115 || strings.ContainsAny(why, "\n\t") || strings.HasSuffix(why, ".") || strings.ToLower(why[:1]) != why[:1] {
			t.Errorf("Risk(%q) = %q", name, why)
		}
		if !slices.Contains(classes, class) {
			t.Errorf("RiskClass(%q) = %q", name, class)
		}
		for _, word := range capability.FindAllString(why, -1) {
			if _, err := profile.ParseCapability(word); err != nil {
				t.Errorf("Risk(%q): %v", name, err)
			}
		}
		if syscalls.Purpose(name) == "obsolete" {
			t.Errorf("%s has a risk, but no code in current kernels", name)
		}
	}
	if len(used) != len(classes) {
		t.Errorf("classes in use: %v", used)
	}
}

// TestRiskOfDocker holds the table to a list that others made: what Docker's
// default allows only with a capability, unless it is named here.
func TestRiskOfDocker(t *testing.T) {
	harmless := map[string]string{
		"get_mempolicy":           "concerns the caller",
		"set_mempolicy":           "concerns the caller",
		"set_mempolicy_home_node": "concerns the caller",
		"lsm_get_self_attr":       "shows what /proc/self/attr does",
		"lsm_set_self_attr":       "sets what /proc/self/attr does, by the rules of the security module",
		"lsm_list_modules":        "shows what /sys/kernel/security/lsm does",
	}
	docker, err := profile.Default("docker:default")
	if err != nil {
		t.Fatal(err)
	}
	plain, gated := map[string]bool{}, map[string]bool{}
	for _, r := range docker.Syscalls {
		for _, name := range r.Names {
			if r.Includes == nil || r.Includes.Caps == nil {
				plain[name.Value] = true
			} else {
				gated[name.Value] = true
			}
		}
	}
	compared := 0
	for name := range gated {
		if plain[name] || syscalls.Purpose(name) == "obsolete" {
			continue
		}
		compared++
		_, risky := syscalls.Risk(name)
		if _, excused := harmless[name]; risky == excused {
			t.Errorf("Docker allows %s with a capability only: risky %v, harmless %v", name, risky, excused)
		}
	}
	if compared < 35 {
		t.Errorf("compared only %d calls", compared)
	}
}
