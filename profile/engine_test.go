package profile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

func TestParseEngine(t *testing.T) {
	for _, e := range profile.Readings() {
		if got, err := profile.ParseEngine(strings.ToUpper(e.String())); err != nil || got != e {
			t.Errorf("%v is read as %v, %v", e, got, err)
		}
	}
	if n := len(profile.Readings()); n != 10 || !slices.Equal(profile.Readings()[:5], profile.Engines()) {
		t.Errorf("%d readings: %v", n, profile.Readings())
	}
	for in, want := range map[string]profile.Engine{
		"crio": profile.CRIO, "kubernetes": profile.Containerd, "k8s-1.34": profile.Containerd, "nerdctl": profile.Containerd,
		"buildah": profile.Podman, "moby": profile.Docker, "podman-4.3.1": profile.Podman, "cri-o-1.30": profile.CRIO, "containerd-v2.1": profile.Containerd,

		"docker-19.03": profile.Docker1903, "docker-19.03.15": profile.Docker1903, "moby-19.03.0": profile.Docker1903,
		"docker-20.10.0": profile.Docker20100, "docker-20.10.9": profile.Docker20100,
		"docker-20.10.10": profile.Docker2010, "docker-20.10.24+dfsg1": profile.Docker2010, "docker-20.10": profile.Docker2010, "docker-20": profile.Docker2010, "docker-22.06": profile.Docker2010,
		"docker-23.0.0": profile.Docker23, "docker-23": profile.Docker23, "docker-24": profile.Docker23, "docker-25.0.6": profile.Docker23, "docker-26.1.5": profile.Docker23, "docker-27.2.1": profile.Docker23,
		"docker-25.0.7": profile.Docker28, "docker-25": profile.Docker28, "docker-27.3.0": profile.Docker28, "docker-28.5.2": profile.Docker28, "docker-v29.0.0-rc.1": profile.Docker28, "docker-29.4.1": profile.Docker28,
		"docker-29.4.2": profile.Docker, "docker-29.4.3": profile.Docker, "docker-29": profile.Docker, "docker-31.4": profile.Docker,
	} {
		if got, err := profile.ParseEngine(in); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"rkt":             "want docker, podman, cri-o, containerd or oci",
		"":                "want docker",
		"docker-18.09":    "nothing is known of Docker before 19.03",
		"docker-":         "unknown engine",
		"docker-20.x":     "no version",
		"docker-1.2.3.4":  "no version",
		"docker-99999999": "no version",
		"rkt-1.2":         "unknown engine",
		"Engine(77)":      "unknown engine",
	} {
		if _, err := profile.ParseEngine(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", in, err, want)
		}
	}
}

// versionDocument has every key that came to Docker one day.
const versionDocument = `{
	"defaultAction": "SCMP_ACT_ERRNO",
	"defaultErrnoRet": 38,
	"archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
		{"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": []}, {"architecture": "SCMP_ARCH_LOONGARCH64", "subArchitectures": []}],
	"flags": ["SECCOMP_FILTER_FLAG_LOG"],
	"listenerPath": "/run/agent.sock",
	"listenerMetadata": "web",
	"syscalls": [
		{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
		{"names": ["rmdir"], "action": "SCMP_ACT_NOTIFY", "includes": {"arches": ["amd64", "riscv64"]}},
		{"names": ["chdir"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["loongarch64"]}},
		{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}
	]
}`

// TestReadings: what each version of Docker, and each other engine, makes of
// one document on three machines, and of which keys it is said that they are
// ignored.
func TestReadings(t *testing.T) {
	const full = " flags [SECCOMP_FILTER_FLAG_LOG]: "
	const none = " flags nil: "
	old := [3]string{
		"SCMP_ACT_ERRNO [SCMP_ARCH_X86_64 SCMP_ARCH_X86]" + none + "[mkdir] [rmdir] [ptrace]",
		"SCMP_ACT_ERRNO []" + none + "[mkdir] [ptrace]",
		"SCMP_ACT_ERRNO []" + none + "[mkdir] [ptrace]",
	}
	everything := "SCMP_ACT_ERRNO 38 []" + full + "[mkdir] 13 [rmdir] [chdir] [ptrace]"
	x86 := "SCMP_ACT_ERRNO 38 [SCMP_ARCH_X86_64 SCMP_ARCH_X86]" + full + "[mkdir] 13 [rmdir] [ptrace]"
	for _, c := range []struct {
		engine  profile.Engine
		want    [3]string // x86_64, riscv64, loongarch64
		ignores string
	}{
		{profile.Docker1903, old, "defaultErrnoRet flags listenerPath listenerMetadata errnoRet"},
		{profile.Docker20100, old, "defaultErrnoRet flags listenerPath listenerMetadata errnoRet"},
		{profile.Docker2010, [3]string{
			"SCMP_ACT_ERRNO [SCMP_ARCH_X86_64 SCMP_ARCH_X86]" + none + "[mkdir] 13 [rmdir] [ptrace]",
			"SCMP_ACT_ERRNO []" + none + "[mkdir] 13 [ptrace]",
			"SCMP_ACT_ERRNO []" + none + "[mkdir] 13 [ptrace]",
		}, "defaultErrnoRet flags listenerPath listenerMetadata"},
		{profile.Docker23, [3]string{
			x86,
			"SCMP_ACT_ERRNO 38 []" + full + "[mkdir] 13 [ptrace]",
			"SCMP_ACT_ERRNO 38 []" + full + "[mkdir] 13 [ptrace]",
		}, ""},
		{profile.Docker28, [3]string{
			x86,
			"SCMP_ACT_ERRNO 38 [SCMP_ARCH_RISCV64]" + full + "[mkdir] 13 [rmdir] [ptrace]",
			"SCMP_ACT_ERRNO 38 []" + full + "[mkdir] 13 [ptrace]",
		}, ""},
		{profile.Docker, [3]string{
			x86,
			"SCMP_ACT_ERRNO 38 [SCMP_ARCH_RISCV64]" + full + "[mkdir] 13 [rmdir] [ptrace]",
			"SCMP_ACT_ERRNO 38 []" + full + "[mkdir] 13 [chdir] [ptrace]",
		}, ""},
		{profile.Podman, [3]string{
			x86,
			"SCMP_ACT_ERRNO 38 []" + full + "[mkdir] 13 [rmdir] [ptrace]",
			"SCMP_ACT_ERRNO 38 []" + full + "[mkdir] 13 [ptrace]",
		}, "minKernel"},
		{profile.Containerd, [3]string{everything, everything, everything}, "archMap includes includes includes"},
	} {
		p, found, err := profile.Parse("v.json", []byte(versionDocument), c.engine)
		if err != nil {
			t.Fatalf("%v: %v", c.engine, err)
		}
		for i, abi := range []seccomp.ABI{seccomp.X86_64, seccomp.RISCV64, seccomp.LoongArch64} {
			r, err := p.Resolve(profile.Env{Engine: c.engine, ABI: abi, Kernel: seccomp.Version{Major: 6}})
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(r); got != c.want[i] {
				t.Errorf("%v on %v:\ngot  %s\nwant %s", c.engine, abi, got, c.want[i])
			}
			if listener := r.ListenerPath + r.ListenerMetadata; (listener == "") != strings.Contains(c.ignores, "listener") {
				t.Errorf("%v has the listener %q", c.engine, listener)
			}
		}
		if got := ignored(found); got != c.ignores {
			t.Errorf("%v ignores %q, want %q", c.engine, got, c.ignores)
		}
	}
}

// ignored are the keys of which diagnostics say that they are ignored.
func ignored(found profile.Diagnostics) string {
	var keys []string
	for _, d := range found {
		if d.Code == profile.CodeIgnoredKey {
			_, key, _ := strings.Cut(d.Message, `"`)
			keys = append(keys, strings.TrimSuffix(key, `"`))
		}
	}
	return strings.Join(keys, " ")
}

// TestUnreadValues: what an engine does not read does no harm there, and what
// it means with the engine that reads it is said of that one alone.
func TestUnreadValues(t *testing.T) {
	const doc = `{
	"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": %s, "flags": %s, "listenerPath": 7,
	"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": %s}]}`
	for _, c := range []struct {
		defaultErrno, flags, errno string
		engine                     profile.Engine
		refused                    bool
	}{
		{"70000", `["NO_SUCH"]`, "70000", profile.Docker20100, false},
		{`"x"`, `"x"`, "-1", profile.Docker20100, false},
		{`"x"`, `"x"`, "5000", profile.Docker2010, true},
		{"70000", `["NO_SUCH"]`, "13", profile.Docker2010, false},
		{"70000", `[]`, "13", profile.Docker23, true},
	} {
		p, found, err := profile.Parse("u.json", fmt.Appendf(nil, doc, c.defaultErrno, c.flags, c.errno), c.engine)
		if (err != nil) != c.refused {
			t.Errorf("%v, %v: %v", c, found, err)
		}
		if err != nil {
			continue
		}
		r, err := p.Resolve(profile.Env{Engine: c.engine, ABI: seccomp.X86_64})
		if err != nil || r.DefaultErrnoRet != nil || r.Flags != nil || r.ListenerPath != "" {
			t.Errorf("%v: %+v, %v", c, r, err)
		}
	}
}

// TestRefusalWords: a message has the words of the engine, and the time at
// which 20.10 looks at name and names is its own.
func TestRefusalWords(t *testing.T) {
	const archs = `{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}`
	const names = `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_CHOWN"]}}]}`
	for _, c := range []struct {
		doc    string
		engine profile.Engine
		want   string // "" where the document is no mistake of Resolve
	}{
		{archs, profile.Docker, "both 'architectures' and 'archMap' are specified in the seccomp profile"},
		{archs, profile.Docker23, "both 'architectures' and 'archMap' are specified in the seccomp profile"},
		{archs, profile.Docker2010, "'architectures' and 'archMap' were specified in the seccomp profile"},
		{archs, profile.Docker1903, "'architectures' and 'archMap' were specified in the seccomp profile"},
		{archs, profile.Podman, "'architectures' and 'archMap' were specified in the seccomp profile"},
		{archs, profile.Containerd, ""},
		{names, profile.Docker23, "both 'name' and 'names' are specified in the seccomp profile"},
		{names, profile.Docker2010, ""},
		{names, profile.Docker20100, ""},
		{names, profile.CRIO, ""},
	} {
		if _, _, err := profile.Parse("x.json", []byte(c.doc), c.engine); (err == nil) != (c.want == "") {
			t.Errorf("%v parses: %v", c.engine, err)
		}
		p, _, err := profile.Parse("x.json", []byte(c.doc), profile.Containerd)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Resolve(profile.Env{Engine: c.engine, ABI: seccomp.X86_64, Caps: profile.DockerCaps})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.engine.String()+` says "`+c.want) {
			t.Errorf("%v: %v, want %q", c.engine, err, c.want)
		}
	}
}

// TestMachineNames is the table of semantics by GOARCH: the name of the machine
// in includes.arches, and whether archMap is found. An empty string in a list
// is the machine that has no name.
func TestMachineNames(t *testing.T) {
	const doc = `{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"%s"}],"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["%s"]}}]}`
	for _, c := range []struct {
		engine       profile.Engine
		goarch, name string
		mapped       bool
	}{
		{profile.Docker, "386", "x86", true}, {profile.Docker, "amd64", "amd64", true}, {profile.Docker, "arm", "arm", true},
		{profile.Docker, "arm64", "arm64", true}, {profile.Docker, "loong64", "loongarch64", false},
		{profile.Docker, "mips", "", false}, {profile.Docker, "mipsle", "mipsel", false},
		{profile.Docker, "mips64", "mips64", true}, {profile.Docker, "mips64le", "mipsel64", true},
		{profile.Docker, "ppc64", "ppc64", true}, {profile.Docker, "ppc64le", "ppc64le", true},
		{profile.Docker, "riscv64", "riscv64", true}, {profile.Docker, "s390x", "s390x", true},
		{profile.Docker28, "riscv64", "riscv64", true}, {profile.Docker28, "loong64", "", false},
		{profile.Docker23, "riscv64", "", false}, {profile.Docker2010, "riscv64", "", false},
		{profile.Docker1903, "s390x", "s390x", true},
		{profile.Podman, "386", "x86", false}, {profile.Podman, "amd64", "amd64", true}, {profile.Podman, "arm", "arm", false},
		{profile.Podman, "arm64", "arm64", true}, {profile.Podman, "mips", "mips", false}, {profile.Podman, "mipsle", "mipsel", false},
		{profile.Podman, "mips64", "mips64", true}, {profile.Podman, "mips64le", "mipsel64", true},
		{profile.Podman, "ppc64le", "ppc64le", false}, {profile.Podman, "riscv64", "riscv64", false},
		{profile.CRIO, "loong64", "loong64", false}, {profile.CRIO, "s390x", "s390x", true},
	} {
		abi, _ := seccomp.NativeABI(c.goarch)
		p, _, err := profile.Parse("m.json", fmt.Appendf(nil, doc, abi.OCI(), c.name), c.engine)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Resolve(profile.Env{Engine: c.engine, ABI: abi})
		if err != nil || len(r.Syscalls) != 1 || (len(r.Architectures) == 1) != c.mapped {
			t.Errorf("%v on %s: %+v, %v", c.engine, c.goarch, r, err)
		}
	}
}

// TestEngineCaps are the capabilities that engines give by default.
func TestEngineCaps(t *testing.T) {
	for engine, want := range map[profile.Engine]int{profile.Docker: 14, profile.Docker1903: 14, profile.Containerd: 14, profile.Podman: 11, profile.CRIO: 9} {
		if got := engine.Caps(); len(got.Names()) != want || got&^profile.DockerCaps != 0 {
			t.Errorf("%v gives %v", engine, got)
		}
	}
	if profile.CRIO.Caps().Has("CAP_SYS_CHROOT") || profile.CRIO.Caps().Has("CAP_SETFCAP") {
		t.Errorf("CRI-O gives %v", profile.CRIO.Caps())
	}
}
