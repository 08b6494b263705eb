package syscalls_test

import (
	"regexp"
	"testing"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/syscalls"
)

// TestRiskCapabilities checks that the capabilities which the texts name exist.
func TestRiskCapabilities(t *testing.T) {
	capability, found := regexp.MustCompile(`CAP_\w*`), 0
	for _, name := range syscalls.Names() {
		why, _ := syscalls.Risk(name)
		for _, word := range capability.FindAllString(why, -1) {
			found++
			if _, err := profile.ParseCapability(word); err != nil {
				t.Errorf("Risk(%q): %v", name, err)
			}
		}
	}
	if found == 0 {
		t.Error("no text names a capability")
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
