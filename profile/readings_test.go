package profile_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// readings are profiles that mean different things to two engines, each with a
// call to which these answer differently on x86_64 with Linux 6.1.
var readings = []struct {
	name, doc string
	a, b      profile.Engine
	abi       seccomp.ABI
	call      string
	args      [6]uint64
	forA      seccomp.Action
	forB      seccomp.Action
	// refused is the code of the mistake for which a does not take the profile
	// at all; forA is of no interest then.
	refused string
}{
	{name: "includes caps", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}`,
		abi: seccomp.X86_64, call: "mount", forA: eperm, forB: seccomp.Allow},
	{name: "excludes caps", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_BPF", "CAP_CHOWN"]}}`,
		abi: seccomp.X86_64, call: "chroot", forA: eperm, forB: seccomp.Allow},
	{name: "includes arches", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["modify_ldt"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}}`,
		abi: seccomp.X86_64, call: "modify_ldt", forA: eperm, forB: seccomp.Allow},
	{name: "excludes arches", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["modify_ldt"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd64", "x86"]}}`,
		abi: seccomp.X86_64, call: "modify_ldt", forA: eperm, forB: seccomp.Allow},
	{name: "includes minKernel", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["io_uring_setup"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.6"}}`,
		abi: seccomp.X86_64, call: "io_uring_setup", forA: eperm, forB: seccomp.Allow},
	{name: "excludes minKernel", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "4.8"}}`,
		abi: seccomp.X86_64, call: "ptrace", forA: eperm, forB: seccomp.Allow},
	{name: "name", a: profile.Docker, b: profile.Containerd,
		doc: `{"name": "mkdir", "action": "SCMP_ACT_ALLOW"}`,
		abi: seccomp.X86_64, call: "mkdir", forA: seccomp.Allow, forB: eperm},
	{name: "archMap", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW"}`,
		abi: seccomp.X86, call: "mkdir", forA: seccomp.Allow, forB: seccomp.KillThread},
	{name: "caps and arches", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}],
				"excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390", "s390x"]}},
			{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}],
				"includes": {"arches": ["s390", "s390x"]}, "excludes": {"caps": ["CAP_SYS_ADMIN"]}}`,
		abi: seccomp.X86_64, call: "clone", args: [6]uint64{0x10000000}, forA: eperm, forB: seccomp.Allow},
	{name: "a rule that is stricter where it stands", a: profile.Docker, b: profile.Containerd,
		doc: `{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "includes": {"caps": ["CAP_SYS_ADMIN"]}},
			{"names": ["clone3"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}}`,
		abi: seccomp.X86_64, call: "clone3", forA: seccomp.Allow, forB: seccomp.ReturnErrno(38)},
	{name: "name and names", a: profile.Docker, b: profile.Containerd,
		doc: `{"name": "mkdir", "names": ["rmdir"], "action": "SCMP_ACT_ALLOW"}`,
		abi: seccomp.X86_64, call: "rmdir", refused: profile.CodeNameAndNames, forB: seccomp.Allow},
	{name: "errno by name", a: profile.Docker, b: profile.Podman,
		doc: `{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS"}`,
		abi: seccomp.X86_64, call: "mkdir", forA: eperm, forB: seccomp.ReturnErrno(38)},
	{name: "minKernel for Podman", a: profile.Docker, b: profile.Podman,
		doc: `{"names": ["io_uring_setup"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.6"}}`,
		abi: seccomp.X86_64, call: "io_uring_setup", forA: eperm, forB: seccomp.Allow},
	{name: "errnoRet for 20.10.0", a: profile.Docker20100, b: profile.Docker2010,
		doc: `{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}`,
		abi: seccomp.X86_64, call: "clone3", forA: eperm, forB: seccomp.ReturnErrno(38)},
	{name: "default errno for 20.10", a: profile.Docker2010, b: profile.Docker,
		doc: `{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW"}`,
		abi: seccomp.X86_64, call: "rmdir", forA: eperm, forB: seccomp.ReturnErrno(38)},
}

const eperm = seccomp.Err | 1

// document is a whole profile around the rules of a reading.
func document(name, rules string) string {
	defaults := `"defaultAction": "SCMP_ACT_ERRNO"`
	if name == "default errno for 20.10" {
		defaults += `, "defaultErrnoRet": 38`
	}
	return `{` + defaults + `, "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
		"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}, ` + rules + `]}`
}

// TestReadingsDiffer: the two policies differ on the call, and the difference
// is found.
func TestReadingsDiffer(t *testing.T) {
	for _, c := range readings {
		t.Run(c.name, func(t *testing.T) {
			doc := document(c.name, c.doc)
			b := readAs(t, doc, c.b)
			nr, ok := syscalls.Number(c.abi, c.call)
			call := seccomp.Data{Arch: c.abi.Arch(), NR: nr, Args: c.args}
			if got := b.Eval(call); !ok || got != c.forB {
				t.Errorf("%v answers %v to %s, want %v", c.b, got, c.call, c.forB)
			}
			if c.refused != "" {
				_, _, err := profile.Parse("r.json", []byte(doc), c.a)
				if e := (*profile.Error)(nil); !errors.As(err, &e) || e.Diagnostics[0].Code != c.refused {
					t.Errorf("%v: %v, want %s", c.a, err, c.refused)
				}
				return
			}
			a := readAs(t, doc, c.a)
			if got := a.Eval(call); got != c.forA {
				t.Errorf("%v answers %v to %s, want %v", c.a, got, c.call, c.forA)
			}
			found, err := policy.Diff(a, b)
			if err != nil || !slices.ContainsFunc(found, func(d policy.Difference) bool { return explains(d, call, c.forA, c.forB) }) {
				t.Errorf("no difference is %s: %v -> %v: %+v, %v", c.call, c.forA, c.forB, found, err)
			}
		})
	}
}

// readAs is the policy that an engine makes of a document.
func readAs(t *testing.T, doc string, engine profile.Engine) *policy.Policy {
	t.Helper()
	p, _, err := profile.Parse("r.json", []byte(doc), engine)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Resolve(profile.Env{Engine: engine, ABI: seccomp.X86_64, Caps: profile.DockerCaps, Kernel: seccomp.Version{Major: 6, Minor: 1}})
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := r.Rules()
	if err != nil {
		t.Fatal(err)
	}
	built, err := policy.Build(rules)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// explains reports whether a difference is about the call.
func explains(d policy.Difference, call seccomp.Data, a, b seccomp.Action) bool {
	return d.Arch == call.Arch && d.A == a && d.B == b &&
		slices.ContainsFunc(d.Numbers, func(r policy.Range) bool { return r.Low <= call.NR && call.NR <= r.High })
}
