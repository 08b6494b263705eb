package profile_test

import (
	"strings"
	"testing"

	"github.com/callgate/callgate/profile"
)

func TestAdjust(t *testing.T) {
	const docker = profile.DockerCaps
	caps := func(names ...string) profile.Capabilities {
		var set profile.Capabilities
		for _, n := range names {
			c, err := profile.ParseCapability(n)
			if err != nil {
				t.Fatal(err)
			}
			set |= c
		}
		return set
	}
	for _, c := range []struct {
		add, drop string
		want      profile.Capabilities
	}{
		{"", "", docker},
		{"SYS_ADMIN", "", docker | caps("SYS_ADMIN")},
		{"cap_sys_admin,Bpf", "chown", docker&^caps("CHOWN") | caps("SYS_ADMIN", "BPF")},
		{"CHOWN", "CHOWN", docker},
		{"", "ALL", 0},
		{"SYS_TIME", "all,CHOWN", caps("SYS_TIME")},
		{"ALL", "", profile.AllCaps},
		{"all", "SYS_ADMIN", profile.AllCaps &^ caps("SYS_ADMIN")},
		{"ALL", "ALL", profile.AllCaps},
		{"ALL,CHOWN", "ALL,CHOWN", profile.AllCaps &^ caps("CHOWN")},
	} {
		got, err := docker.Adjust(fields(c.add), fields(c.drop))
		if err != nil || got != c.want {
			t.Errorf("add %q drop %q: %v, %v, want %v", c.add, c.drop, got, err, c.want)
		}
	}
	if _, err := docker.Adjust([]string{"SYSADMIN"}, nil); err == nil || !strings.Contains(err.Error(), "--cap-add") || !strings.Contains(err.Error(), "CAP_SYS_ADMIN") {
		t.Errorf("error %v", err)
	}
	if _, err := docker.Adjust(nil, []string{""}); err == nil || !strings.Contains(err.Error(), "--cap-drop") {
		t.Errorf("error %v", err)
	}
}

func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// TestCapabilities checks the tables against what is known of them: their
// sizes, numbers of linux/capability.h here and there, and the 14 names of
// Docker's documentation.
func TestCapabilities(t *testing.T) {
	const docker = "CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_SETGID,CAP_SETUID," +
		"CAP_SETPCAP,CAP_NET_BIND_SERVICE,CAP_NET_RAW,CAP_SYS_CHROOT,CAP_MKNOD,CAP_AUDIT_WRITE,CAP_SETFCAP"
	if got := profile.DockerCaps.String(); got != docker {
		t.Errorf("Docker gives %s", got)
	}
	if n := len(profile.PodmanCaps.Names()); n != 11 {
		t.Errorf("Podman gives %d capabilities", n)
	}
	for number, name := range map[int]string{0: "CAP_CHOWN", 16: "CAP_SYS_MODULE", 21: "CAP_SYS_ADMIN", 34: "CAP_SYSLOG", 39: "CAP_BPF", 40: "CAP_CHECKPOINT_RESTORE"} {
		if c, err := profile.ParseCapability(name); err != nil || c != 1<<number || !c.Has(name) || c.Has(strings.ToLower(name)) {
			t.Errorf("%s is %#x, %v", name, uint64(c), err)
		}
	}
}
