package container

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMarked(t *testing.T) {
	const mark = 1<<63 | 12345
	const eq, ne = "SCMP_CMP_EQ", "SCMP_CMP_NE"
	all := `"` + strings.Join(markCalls, `", "`) + `"`
	for _, c := range []struct{ profile, call, action, op string }{
		{`{"defaultAction": "SCMP_ACT_ALLOW"}`, "nfsservctl", "SCMP_ACT_ERRNO", eq},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}`, "nfsservctl", "SCMP_ACT_ALLOW", eq},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["nfsservctl"], "action": "SCMP_ACT_LOG"}]}`, "afs_syscall", "SCMP_ACT_ALLOW", eq},
		{`{"defaultAction": "SCMP_ACT_KILL", "syscalls": [{"name": "nfsservctl", "action": "SCMP_ACT_LOG"}]}`, "afs_syscall", "SCMP_ACT_ALLOW", eq},
		{`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "syscalls": [{"names": ["mkdir", ` + all + `], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}`, "nfsservctl", "SCMP_ACT_ERRNO", ne},
		{`{"defaultAction": "SCMP_ACT_KILL", "syscalls": [{"names": ["nfsservctl"], "action": "SCMP_ACT_LOG"}, {"names": [` + all[len(`"nfsservctl", `):] + `], "action": "SCMP_ACT_LOG"}]}`, "afs_syscall", "SCMP_ACT_LOG", ne},
	} {
		data, err := Marked([]byte(c.profile), mark)
		if err != nil {
			t.Errorf("%s: %v", c.profile, err)
			continue
		}
		var before, after struct {
			DefaultAction string
			Syscalls      []struct {
				Name, Action string
				Names        []string
				Args         []struct {
					Index int
					Value uint64
					Op    string
				}
			}
		}
		if err := errors.Join(json.Unmarshal([]byte(c.profile), &before), json.Unmarshal(data, &after)); err != nil {
			t.Fatal(err)
		}
		more := 1
		if c.op == ne {
			more = 2
		}
		if len(after.Syscalls) != len(before.Syscalls)+more || after.DefaultAction != before.DefaultAction {
			t.Errorf("%s became %s", c.profile, data)
			continue
		}
		rule := after.Syscalls[len(after.Syscalls)-1]
		if rule.Names[0] != c.call || rule.Action != c.action || rule.Args[0].Value != mark || rule.Args[0].Op != c.op {
			t.Errorf("%s: the rule is %+v", c.profile, rule)
		}
	}
	for _, bad := range []string{
		"", "[]", "nonsense",
		`{"syscalls": [{"names": [` + all + `]}, {"names": [` + all + `], "action": "SCMP_ACT_LOG"}]}`,
		`{"defaultAction": "SCMP_ACT_KILL", "syscalls": [{"names": [` + all + `], "action": "SCMP_ACT_LOG", "includes": {"arches": ["arm"]}}]}`,
	} {
		if data, err := Marked([]byte(bad), mark); err == nil {
			t.Errorf("%s became %s", bad, data)
		}
	}
}

func TestAllowAll(t *testing.T) {
	for goarch, want := range map[string]string{"amd64": "SCMP_ARCH_X32", "arm64": "SCMP_ARCH_ARM", "none": "SCMP_ACT_ALLOW"} {
		if data := string(AllowAll(goarch, 1)); !strings.Contains(data, want) || !json.Valid([]byte(data)) {
			t.Errorf("%s: %s", goarch, data)
		}
	}
}

// TestCopyBundle checks that a copy says what the first one said, from another
// folder, and that the first one stays as it is.
func TestCopyBundle(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	const config = `{"root": {"path": "rootfs"}, "mounts": [
		{"destination": "/d", "source": "data", "options": ["rbind"]},
		{"destination": "/proc", "source": "proc", "type": "proc"}],
		"x-unknown": 18446744073709551615, "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}, "namespaces": [{"type": "pid"}]}}`
	if err := os.WriteFile(filepath.Join(from, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := ParseCommand([]string{"runc", "run", "-b", from, "id"})
	if err != nil {
		t.Fatal(err)
	}
	err = c.CopyBundle(to, func(own []byte) ([]byte, error) {
		if string(own) != `{"defaultAction":"SCMP_ACT_ALLOW"}` {
			t.Errorf("the profile of the bundle is %s", own)
		}
		return []byte(`{"defaultAction":"SCMP_ACT_LOG"}`), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(to, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"path":"` + filepath.Join(from, "rootfs") + `"`, `"source":"` + filepath.Join(from, "data") + `"`, `"source":"proc"`,
		`"x-unknown":18446744073709551615`, `"seccomp":{"defaultAction":"SCMP_ACT_LOG"}`, `"namespaces":[{"type":"pid"}]`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the copy has no %s: %s", want, data)
		}
	}
	if data, err := os.ReadFile(filepath.Join(from, "config.json")); err != nil || string(data) != config {
		t.Errorf("the first bundle was changed: %s, %v", data, err)
	}
	c.Bundle = filepath.Join(from, "missing")
	if err := c.CopyBundle(to, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing bundle: %v", err)
	}
}
