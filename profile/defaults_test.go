package profile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// TestDefaultsData holds the built-in profiles to those that the engines
// shipped: every reading makes the same of both, rule by rule in their order,
// on every machine and around every condition. Names that open a part are the
// last of the branch.
func TestDefaultsData(t *testing.T) {
	const podman = "podman/debian12-usr-share-containers-seccomp.json"
	for _, c := range []struct{ name, file string }{
		{"docker:19.03", "moby-default/v19.03.15"},
		{"docker:19.03.15", "moby-default/v19.03.15"},
		{"docker:20.10.0", "moby-default/v20.10.0"},
		{"docker:20.10.3", "moby-default/v20.10.0"},
		{"docker:20.10.10", "moby-default/v20.10.10"},
		{"docker:20.10.17", "moby-default/v20.10.10"},
		{"docker:20.10.24+dfsg1", "moby-default/v20.10.24"},
		{"docker:20.10", "moby-default/v20.10.24"},
		{"docker:23.0.0", "moby-default/v23.0.0"},
		{"docker:24.0.0", "moby-default/v24.0.0"},
		{"docker:25.0.0", "moby-default/v25.0.0"},
		{"docker:25", "moby-default/v26.0.0"},
		{"docker:26.0.0", "moby-default/v26.0.0"},
		{"docker:27", "moby-default/v27.0.1"},
		{"docker:28.0", "moby-default/v28.0.0"},
		{"docker:28.1.1", "moby-default/v28.0.0"},
		{"docker:v28.5.2", "moby-default/v28.5.2"},
		{"docker:28", "moby-default/v28.5.2"},
		{"docker:29.0", "moby-default/docker-v29.0.0"},
		{"docker:29.4.3", "moby-default/docker-v29.4.3"},
		{"docker:29.7.2", "moby-default/docker-v29.7.2"},
		{"docker:29", "moby-default/docker-v29.7.2"},
		{"podman:4.3", podman},
		{"podman:4.9.4", podman},
		{"podman:5.7", "podman/containers-common-HEAD-seccomp.json"},
		{"podman:5.5.0", "podman/containers-common-HEAD-seccomp.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !strings.HasSuffix(c.file, ".json") {
				c.file += "/default.json"
			}
			sameResolved(t, defaultOf(t, c.name), parseFile(t, c.file))
		})
	}
}

func defaultOf(t *testing.T, name string) *profile.Profile {
	t.Helper()
	p, err := profile.Default(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parseFile reads a profile of the data as the newest engine of its kind does:
// what older readings ignore must be there to be ignored.
func parseFile(t *testing.T, file string) *profile.Profile {
	t.Helper()
	data, err := os.ReadFile(need.Data(t, file))
	if err != nil {
		t.Fatal(err)
	}
	engine := profile.Docker
	if strings.HasPrefix(file, "podman") {
		engine = profile.Podman
	}
	p, _, err := profile.Parse(file, data, engine)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestContainerdDefault holds containerd's profile to what its code makes, for
// every recorded capability set; whoever reads it, since it is no file.
func TestContainerdDefault(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "golden-resolve"), "containerd__builtin__*.json"))
	if err != nil || len(files) != len(goldenCaps) {
		t.Fatalf("%d recorded outputs, %v", len(files), err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		env := goldenEnv(t, strings.Split(strings.TrimSuffix(filepath.Base(file), ".json"), "__"))
		env.Kernel = seccomp.Version{Major: 6, Minor: 18}
		for _, env.Engine = range profile.Readings() {
			r, err := defaultOf(t, "containerd:2.3.6").Resolve(env)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := sorted(t, r), sorted(t, resolvedOf(t, want, env)); got != want {
				t.Errorf("%s: %v differs:\n%s", filepath.Base(file), env.Engine, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
			}
		}
	}
}

// resolvedOf reads an object that an engine wrote.
func resolvedOf(t *testing.T, object []byte, env profile.Env) profile.Resolved {
	t.Helper()
	p, _, err := profile.Parse("object", object, profile.OCI)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Resolve(profile.Env{Engine: profile.OCI, ABI: env.ABI})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sorted is r without the order of rules: that of containerd's is the order in
// which a container lists its capabilities.
func sorted(t *testing.T, r profile.Resolved) string {
	t.Helper()
	slices.SortFunc(r.Syscalls, func(a, b profile.ResolvedRule) int {
		return strings.Compare(fmt.Sprint(a.Names, a.Args), fmt.Sprint(b.Names, b.Args))
	})
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestContainerdMachines: what containerd's code asks for GOARCH and the kernel.
func TestContainerdMachines(t *testing.T) {
	for _, c := range []struct {
		goarch, arches string
		kernel         seccomp.Version
		has, lacks     string
	}{
		{"amd64", "[SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32]", seccomp.Version{Major: 4, Minor: 8}, "ptrace arch_prctl modify_ldt", "riscv_hwprobe swapcontext"},
		{"386", "[]", seccomp.Version{Major: 4, Minor: 7}, "modify_ldt", "arch_prctl ptrace"},
		{"arm64", "[SCMP_ARCH_AARCH64 SCMP_ARCH_ARM]", seccomp.Version{}, "cacheflush", "ptrace"},
		{"mips64", "[SCMP_ARCH_MIPS64 SCMP_ARCH_MIPS SCMP_ARCH_MIPS64N32]", seccomp.Version{}, "read", "modify_ldt"},
		{"mips64le", "[]", seccomp.Version{}, "read", "modify_ldt"},
		{"ppc64le", "[]", seccomp.Version{}, "swapcontext sync_file_range2", "set_tls"},
		{"riscv64", "[SCMP_ARCH_RISCV64]", seccomp.Version{}, "riscv_hwprobe riscv_flush_icache", "set_tls"},
		{"loong64", "[SCMP_ARCH_LOONGARCH64]", seccomp.Version{}, "read", "riscv_hwprobe"},
		{"s390x", "[SCMP_ARCH_S390X SCMP_ARCH_S390]", seccomp.Version{}, "s390_runtime_instr clone", "set_tls"},
	} {
		abi, _ := seccomp.NativeABI(c.goarch)
		r, err := defaultOf(t, "containerd:default").Resolve(profile.Env{Engine: profile.Containerd, ABI: abi, Kernel: c.kernel})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.Architectures); got != c.arches {
			t.Errorf("%s: %s, want %s", c.goarch, got, c.arches)
		}
		for _, name := range strings.Fields(c.has) {
			if !names(r)[name] {
				t.Errorf("%s: no rule for %s", c.goarch, name)
			}
		}
		for _, name := range strings.Fields(c.lacks) {
			if names(r)[name] {
				t.Errorf("%s: a rule for %s", c.goarch, name)
			}
		}
	}
}

// names are the calls that an object has rules for.
func names(r profile.Resolved) map[string]bool {
	set := map[string]bool{}
	for _, s := range r.Syscalls {
		for _, n := range s.Names {
			set[n] = true
		}
	}
	return set
}

// TestCRIODefault: Podman's profile, in which unshare is for those who have
// CAP_SYS_ADMIN.
func TestCRIODefault(t *testing.T) {
	podman, crio := defaultOf(t, "podman:default"), defaultOf(t, "cri-o:default")
	for _, caps := range capSets() {
		env := profile.Env{Engine: profile.CRIO, ABI: seccomp.X86_64, Caps: caps}
		want, err := podman.Resolve(env)
		if err != nil {
			t.Fatal(err)
		}
		got, err := crio.Resolve(env)
		if err != nil {
			t.Fatal(err)
		}
		if names(got)["unshare"] != caps.Has("CAP_SYS_ADMIN") || !names(want)["unshare"] {
			t.Errorf("%v: unshare %v", caps, names(got)["unshare"])
		}
		if diff := cmp.Diff(withoutCall(t, want, "unshare"), withoutCall(t, got, "unshare")); diff != "" {
			t.Errorf("%v differs:\n%s", caps, diff)
		}
	}
}

// withoutCall is an object without what it says of one call.
func withoutCall(t *testing.T, r profile.Resolved, name string) string {
	t.Helper()
	var rules []profile.ResolvedRule
	for _, s := range r.Syscalls {
		s.Names = slices.DeleteFunc(slices.Clone(s.Names), func(n string) bool { return n == name })
		if len(s.Names) > 0 {
			rules = append(rules, s)
		}
	}
	r.Syscalls = rules
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDefaults: every name that is told is known, has a profile that differs
// from the one before, and is the engine's that it begins with.
func TestDefaults(t *testing.T) {
	const want = "docker:19.03 docker:20.10.0 docker:20.10.4 docker:20.10.10 docker:20.10 docker:23.0.0 docker:23.0.7 docker:23 " +
		"docker:24.0.0 docker:24 docker:25.0.0 docker:25 docker:28.2 docker:29.4.2 docker:29.4 docker:default " +
		"podman:4.3 podman:5.0 podman:5.2 podman:5.5 podman:5.8 podman:default cri-o:default containerd:2.3.4 containerd:2.3 containerd:2.4.0 containerd:2.4 containerd:default"
	if got := strings.Join(profile.Defaults(), " "); got != want {
		t.Errorf("there are\n%s\nwant\n%s", got, want)
	}
	before := ""
	for _, name := range profile.Defaults() {
		p := defaultOf(t, name)
		if len(p.Syscalls) == 0 || p.DefaultAction.Value == "" || p.File != name || !profile.HasDefault(name) {
			t.Errorf("%s: %v", name, p)
		}
		engine, err := profile.DefaultEngine(name)
		if scheme, _, _ := strings.Cut(name, ":"); err != nil || !strings.HasPrefix(engine.String(), scheme) {
			t.Errorf("%s is read by %v, %v", name, engine, err)
		}
		now := resolved(t, p, profile.Env{Engine: engine, ABI: seccomp.X86_64, Caps: profile.AllCaps &^ 1})
		if now == before && !strings.HasSuffix(name, ":default") {
			t.Errorf("%s is the same as the one before", name)
		}
		before = now
	}
}

// TestDefaultEngine: a default is read by the version that ships it.
func TestDefaultEngine(t *testing.T) {
	for name, want := range map[string]profile.Engine{
		"docker:default": profile.Docker, "docker:29": profile.Docker, "docker:29.1": profile.Docker28, "docker:28": profile.Docker28,
		"docker:26": profile.Docker23, "docker:20.10": profile.Docker2010, "docker:20.10.9": profile.Docker20100, "docker:19.03": profile.Docker1903,
		"podman:4.3": profile.Podman, "cri-o:default": profile.CRIO, "containerd:default": profile.Containerd,
	} {
		if got, err := profile.DefaultEngine(name); err != nil || got != want {
			t.Errorf("%s is read by %v, %v, want %v", name, got, err, want)
		}
	}
}

// TestNoDefault: an error says what there is, the nearest first.
func TestNoDefault(t *testing.T) {
	for name, want := range map[string]string{
		"":                               "want one of docker:19.03, ",
		"docker":                         "want one of docker:19.03, ",
		"docker/default":                 "want one of docker:19.03, ",
		"docker:":                        "want one of docker:",
		"docker:1.0":                     "want one of docker:19.03, ",
		"docker:18.09.9":                 "want one of docker:19.03, ",
		"docker:31":                      "want one of docker:default, docker:29.4, ",
		"docker:defualt":                 "want one of docker:default, ",
		"docker:20.10.x":                 "want one of docker:20.10.",
		"docker:20.10.1.2":               "want one of docker:20.10.",
		"docker:99999999999999999999":    "want one of docker:",
		"docker:65535":                   "want one of docker:",
		"docker:../docker":               "want one of docker:",
		"podman:3.4":                     "want one of podman:4.3, ",
		"podman:6":                       "want one of podman:default, podman:5.8, ",
		"cri-o:1.30":                     "want cri-o:default, the newest",
		"docker:21":                      "want one of docker:default, ",
		"docker:22.06":                   "want one of docker:default, ",
		"docker:foo":                     "want one of docker:default, docker:29.4, docker:29.4.2, docker:28.2, ",
		"containerd:1.7":                 "want one of containerd:2.3.4, ",
		"docker:" + longName:             "want one of docker:",
		"Docker:default":                 "want one of docker:19.03, ",
		"docker:24.0.7-really-not\x00<>": "",
	} {
		_, err := profile.Default(name)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, profile.ErrNoDefault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
		if _, err := profile.DefaultEngine(name); !errors.Is(err, profile.ErrNoDefault) {
			t.Errorf("%q: the engine's error is %v", name, err)
		}
	}
}

var longName = strings.Repeat("x", 1<<16)
