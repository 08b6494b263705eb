package profile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// engineDocument means something else to each engine.
const engineDocument = `{
	"defaultAction": "SCMP_ACT_ERRNO",
	"defaultErrno": "ENOSYS",
	"flags": [],
	"archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
	"syscalls": [
		{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
		{"name": "rmdir", "action": "SCMP_ACT_ALLOW"},
		{"names": ["chdir"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}},
		{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
		{"names": ["reboot"], "action": "SCMP_ACT_ERRNO", "errno": "22", "excludes": {"minKernel": "4.8"}}
	]
}`

func TestEngines(t *testing.T) {
	old, modern := seccomp.Version{Major: 3, Minor: 10}, seccomp.Version{Major: 4, Minor: 8}
	admin := profile.DockerCaps | 1<<21
	for _, c := range []struct {
		env  profile.Env
		want string
	}{
		{profile.Env{Engine: profile.Docker, ABI: seccomp.X86_64, Kernel: modern},
			`SCMP_ACT_ERRNO [SCMP_ARCH_X86_64 SCMP_ARCH_X86] flags nil: [rmdir] [ptrace]`},
		{profile.Env{Engine: profile.Docker, ABI: seccomp.X86_64, Kernel: old, Caps: admin},
			`SCMP_ACT_ERRNO [SCMP_ARCH_X86_64 SCMP_ARCH_X86] flags nil: [mkdir] [rmdir] [reboot]`},
		{profile.Env{Engine: profile.Docker, ABI: seccomp.S390X, Kernel: old},
			`SCMP_ACT_ERRNO [] flags nil: [rmdir] [chdir] [reboot]`},
		{profile.Env{Engine: profile.Podman, ABI: seccomp.X86_64, Kernel: old},
			`SCMP_ACT_ERRNO 38 [SCMP_ARCH_X86_64 SCMP_ARCH_X86] flags nil: [rmdir] [ptrace] [reboot] 22`},
		{profile.Env{Engine: profile.CRIO, ABI: seccomp.RISCV64, Kernel: modern},
			`SCMP_ACT_ERRNO 38 [] flags nil: [rmdir] [ptrace] [reboot] 22`},
		{profile.Env{Engine: profile.Containerd, ABI: seccomp.X86_64, Caps: admin},
			`SCMP_ACT_ERRNO [] flags nil: [mkdir] [] [chdir] [ptrace] [reboot]`},
		{profile.Env{Engine: profile.OCI, ABI: seccomp.X86_64},
			`SCMP_ACT_ERRNO [] flags []: [mkdir] [] [chdir] [ptrace] [reboot]`},
	} {
		p, _, err := profile.Parse("x.json", []byte(engineDocument), c.env.Engine)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Resolve(c.env)
		if err != nil {
			t.Fatal(err)
		}
		if got := outline(r); got != c.want {
			t.Errorf("%v:\ngot  %s\nwant %s", c.env, got, c.want)
		}
	}
}

func outline(r profile.Resolved) string {
	var b strings.Builder
	number := func(n *uint64) {
		if n != nil {
			fmt.Fprintf(&b, " %d", *n)
		}
	}
	b.WriteString(r.DefaultAction)
	number(r.DefaultErrnoRet)
	fmt.Fprintf(&b, " %v flags %v:", r.Architectures, map[bool]any{true: "nil", false: r.Flags}[r.Flags == nil])
	for _, s := range r.Syscalls {
		fmt.Fprintf(&b, " %v", s.Names)
		number(s.ErrnoRet)
	}
	return b.String()
}

// TestResolveRefuses are profiles that were read for one engine and are
// resolved for another that refuses them.
func TestResolveRefuses(t *testing.T) {
	const rule = `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[%s]}`
	leftOut := fmt.Sprintf(rule, `{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_BPF"]}}`)
	for _, c := range []struct {
		doc    string
		engine profile.Engine
		code   string
	}{
		{leftOut, profile.Docker, profile.CodeNameAndNames},
		{leftOut, profile.Podman, ""},
		{fmt.Sprintf(rule, `{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}`), profile.Podman, profile.CodeNameAndNames},
		{`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EFOO"}`, profile.Podman, profile.CodeUnknownErrno},
		{`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EFOO"}`, profile.Docker, ""},
		{`{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}`, profile.CRIO, profile.CodeArchitectures},
	} {
		p, _, err := profile.Parse("x.json", []byte(c.doc), profile.Containerd)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Resolve(profile.Env{Engine: c.engine, ABI: seccomp.X86_64})
		var refused *profile.Error
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%v refuses %s: %v", c.engine, c.doc, err)
		case c.code != "" && (!errors.As(err, &refused) || refused.Diagnostics[0].Code != c.code):
			t.Errorf("%v and %s: error %v, want %s", c.engine, c.doc, err, c.code)
		}
	}
}

func TestRules(t *testing.T) {
	const doc = `{
  "defaultAction": "SCMP_ACT_ERRNO",
  "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"],
  "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
  "syscalls": [
    {"names": ["mkdir",
      "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0},
    {"name": "socket", "action": "SCMP_ACT_TRACE", "args": [
      {"index": 0, "value": 240, "valueTwo": 16, "op": "SCMP_CMP_MASKED_EQ"},
      {"index": 1, "value": 18446744073709551615, "valueTwo": 1, "op": "SCMP_CMP_NE"}]},
    {"names": ["read"], "action": "SCMP_ACT_KILL", "errnoRet": 5}
  ]
}`
	p, _, err := profile.Parse("r.json", []byte(doc), profile.Docker)
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := p.Resolve(profile.Env{ABI: seccomp.X86_64})
	if err != nil {
		t.Fatal(err)
	}
	rules, found, err := resolved.Rules()
	if err != nil {
		t.Fatal(err)
	}
	got := []string{fmt.Sprint(rules.ABIs, " ", rules.Default, " ", rules.Unlisted)}
	for _, r := range rules.Rules {
		got = append(got, fmt.Sprintf("%v #%d %v", r.Origin, r.Origin.Rule, r))
	}
	for _, d := range found {
		got = append(got, d.String())
	}
	want := []string{
		"[x86_64 x86] ERRNO(EPERM) KILL_THREAD",
		"r.json:6:16 #0 mkdir: ERRNO(0)",
		"r.json:8:14 #1 socket when a0 & 0xf0 == 0x10 && a1 != 0xffffffffffffffff: TRACE(1)",
		"r.json:11:16 #2 read: KILL_THREAD",
		`r.json:7:7: the rule for the unknown system call "no_such_call" is left out`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if bits, err := resolved.FilterFlags(); bits != 3 || err != nil {
		t.Errorf("flags %#x, %v", bits, err)
	}
}

// TestRulesRefuse: an object that no document could be resolved to is
// refused, with everything that is wrong.
func TestRulesRefuse(t *testing.T) {
	big, cut := uint64(5000), uint64(65541)
	r := profile.Resolved{
		DefaultAction: "DENY",
		Architectures: []string{"vax"},
		Flags:         []string{"SECCOMP_FILTER_FLAG_LGO"},
		Syscalls: []profile.ResolvedRule{
			{Names: []string{"read"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &big},
			{Names: []string{"read"}, Action: "SCMP_ACT_TRACE", ErrnoRet: &cut},
			{Names: []string{"read"}, Action: "SCMP_ACT_LOG", Args: []profile.ResolvedArg{{Index: 1 << 40, Op: "=="}}},
		},
	}
	_, found, err := r.Rules()
	var refused *profile.Error
	if !errors.As(err, &refused) || len(refused.Diagnostics) != 6 || len(found) != 6 {
		t.Errorf("error %v", err)
	}
	if _, err := r.FilterFlags(); err == nil || !strings.Contains(err.Error(), "did you mean SECCOMP_FILTER_FLAG_LOG?") {
		t.Errorf("error %v", err)
	}
	rules, _, err := profile.Resolved{Unconfined: true, Native: seccomp.ARM}.Rules()
	if err != nil || rules.Default != seccomp.Allow || rules.Unlisted != seccomp.Allow {
		t.Errorf("unconfined: %v, %v", rules, err)
	}
}
