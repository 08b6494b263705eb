package profile_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// conditional is a document of which only the outputs of the resolvers were
// recorded. It is reconstructed from them: chmod stands under all six
// capability sets; syslog only with all capabilities, so it asks for one
// that none of the smaller sets has; ptrace in all but those that have
// CAP_SYS_ADMIN (sysadmin, all). Both engines agree, so the conditions are of
// the kind that they share. Neither archMap nor architectures came out.
const conditional = `{
	"defaultAction": "SCMP_ACT_ERRNO",
	"syscalls": [
		{"names": ["chmod"], "action": "SCMP_ACT_ALLOW"},
		{"names": ["syslog"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYSLOG"]}},
		{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}}
	]
}`

// oldFormat reconstructs the other such document, from any one of its
// outputs, which are all the same: so it has no conditions. It is a profile
// of the time when a rule had one "name" and there was no archMap: each rule
// of the output has exactly one name, and the architectures are listed. The
// arguments are as they came out.
func oldFormat(t *testing.T, output []byte) []byte {
	var doc map[string]any
	d := json.NewDecoder(bytes.NewReader(output))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range doc["syscalls"].([]any) {
		rule := r.(map[string]any)
		names := rule["names"].([]any)
		if len(names) != 1 {
			t.Fatalf("%d names in a rule of the old format", len(names))
		}
		delete(rule, "names")
		rule["name"] = names[0]
		if rule["args"] == nil {
			rule["args"] = []any{}
		}
	}
	old, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return old
}

// goldenInputs are the documents that the recorded outputs were made of.
var goldenInputs = map[string]string{
	"moby-HEAD":       "moby-default/docker-v29.7.2/default.json",
	"moby-23.0.0":     "moby-default/v23.0.0/default.json",
	"moby-20.10.24":   "moby-default/v20.10.24/default.json",
	"common-HEAD":     "podman/containers-common-HEAD-seccomp.json",
	"debian12-podman": "podman/debian12-usr-share-containers-seccomp.json",
}

// goldenCaps are the capability sets of the recorded outputs.
var goldenCaps = map[string]struct {
	base profile.Capabilities
	add  []string
}{
	"nocaps":   {0, nil},
	"default":  {profile.DockerCaps, nil},
	"sysadmin": {profile.DockerCaps, []string{"SYS_ADMIN"}},
	"bpf":      {profile.DockerCaps, []string{"BPF"}},
	"perfmon":  {profile.DockerCaps, []string{"PERFMON"}},
	"all":      {0, []string{"ALL"}},
}

// TestGoldenResolve holds Resolve to the recorded outputs of the resolvers of
// moby and containers/common, byte for byte.
func TestGoldenResolve(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "golden-resolve"), "*__*.json"))
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		part := strings.Split(name, "__")
		if part[0] == "containerd" {
			continue // its built-in profile, which is Go code
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := resolveGolden(t, part, want); got != string(want) {
			t.Errorf("%s differs:\n%s", name, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
			continue
		}
		same++
	}
	if same != 100 {
		t.Errorf("%d outputs are equal, want all 100", same)
	}
}

// resolveGolden is our output for a recorded one: engine, profile,
// capabilities, GOARCH and kernel are the parts of its name.
func resolveGolden(t *testing.T, part []string, want []byte) string {
	env := goldenEnv(t, part)
	p, _, err := profile.Parse(part[1], goldenInput(t, part[1], want), env.Engine)
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := p.Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(resolved, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(got) + "\n"
}

func goldenInput(t *testing.T, name string, want []byte) []byte {
	switch name {
	case "conditional":
		return []byte(conditional)
	case "old-format":
		return oldFormat(t, want)
	}
	data, err := os.ReadFile(need.Data(t, goldenInputs[name]))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func goldenEnv(t *testing.T, part []string) profile.Env {
	engine := profile.Docker
	if part[0] == "common" {
		engine = profile.Podman
	}
	abi, ok := seccomp.NativeABI(part[3])
	if !ok {
		t.Fatalf("no ABI for GOARCH %s", part[3])
	}
	set := goldenCaps[part[2]]
	caps, err := set.base.Adjust(set.add, nil)
	if err != nil {
		t.Fatal(err)
	}
	var kernel seccomp.Version // containers/common looks at none: "k-"
	if release := strings.TrimPrefix(part[4], "k"); release != "-" {
		if kernel, err = seccomp.ParseVersion(release); err != nil {
			t.Fatal(err)
		}
	}
	return profile.Env{Engine: engine, ABI: abi, Caps: caps, Kernel: kernel}
}
