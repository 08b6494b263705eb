package enforce_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// TestRefused has profiles with which a container does not start, or only with
// one of the runtimes.
func TestRefused(t *testing.T) {
	number := func(n uint64) *uint64 { return &n }
	rule := func(action string, errnoRet *uint64, names ...string) profile.ResolvedRule {
		return profile.ResolvedRule{Names: names, Action: action, ErrnoRet: errnoRet}
	}
	allow := func(rules ...profile.ResolvedRule) profile.Resolved {
		return profile.Resolved{Native: seccomp.X86_64, DefaultAction: "SCMP_ACT_ALLOW", Syscalls: rules}
	}
	with := func(r profile.Resolved, f func(*profile.Resolved)) profile.Resolved {
		f(&r)
		return r
	}
	mkdir := rule("SCMP_ACT_ERRNO", nil, "mkdir")
	on := func(r profile.ResolvedRule, args ...profile.ResolvedArg) profile.ResolvedRule {
		r.Args = args
		return r
	}
	one := profile.ResolvedArg{Index: 1, Value: 1, Op: "SCMP_CMP_EQ"}
	for _, c := range []struct {
		name            string
		resolved        profile.Resolved
		runc, old, crun string // what the error says; "" for none
	}{
		{"nothing wrong", allow(mkdir), "", "", ""},
		{"flags", with(allow(mkdir), func(r *profile.Resolved) { r.Flags = []string{"SECCOMP_FILTER_FLAG_LOG"} }), "", "takes no flags", ""},
		{"an unknown flag", with(allow(mkdir), func(r *profile.Resolved) { r.Flags = []string{"LOG"} }), "unknown flag", "takes no flags", "unknown flag"},
		{"an architecture in lower case", with(allow(mkdir), func(r *profile.Resolved) { r.Architectures = []string{"x86"} }), "unknown architecture", "unknown architecture", ""},
		{"an architecture's prefix in lower case", with(allow(mkdir), func(r *profile.Resolved) { r.Architectures = []string{"scmp_arch_x86"} }), "unknown architecture", "unknown architecture", "unknown architecture"},
		{"another byte order", with(allow(mkdir), func(r *profile.Resolved) { r.Architectures = []string{"SCMP_ARCH_S390X"} }), "cannot be filtered together", "cannot be filtered together", "cannot be filtered together"},
		{"errnoRet without use", allow(rule("SCMP_ACT_KILL", number(1), "mkdir")), "", "", "returns no errno"},
		{"errnoRet that is cut", allow(rule("SCMP_ACT_ERRNO", number(65541), "mkdir")), "", "", ""},
		{"errnoRet too large", allow(rule("SCMP_ACT_ERRNO", number(4095), "mkdir")), "takes no errno 4095", "takes no errno 4095", "takes no errno 4095"},
		{"no names", allow(rule("SCMP_ACT_ERRNO", nil)), "", "", "without names"},
		{"an empty name", allow(rule("SCMP_ACT_ERRNO", nil, "")), "empty string", "empty string", ""},
		{"an unknown name", allow(rule("SCMP_ACT_ERRNO", nil, "nothing")), "", "", ""},
		{"an unknown action", allow(rule("ERRNO", nil, "mkdir")), "unknown action", "unknown action", "unknown action"},
		{"an unknown operator", allow(on(mkdir, profile.ResolvedArg{Op: "=="})), "unknown operator", "unknown operator", "unknown operator"},
		{"a seventh argument", allow(on(mkdir, profile.ResolvedArg{Index: 6, Op: "SCMP_CMP_EQ"})), "6 arguments", "6 arguments", "6 arguments"},
		{"notify as the default", with(allow(), func(r *profile.Resolved) { r.DefaultAction = "SCMP_ACT_NOTIFY" }), "default action", "default action", ""},
		{"notify for write", with(allow(rule("SCMP_ACT_NOTIFY", nil, "write")), func(r *profile.Resolved) { r.ListenerPath = "/l" }), "for write", "for write", ""},
		{"notify without a listener", allow(rule("SCMP_ACT_NOTIFY", nil, "mkdir")), "without listenerPath", "without listenerPath", ""},
		{"a contradiction", allow(on(mkdir, one), on(rule("SCMP_ACT_LOG", nil, "mkdir"), one)), "contradicts", "contradicts", "contradicts"},
	} {
		for runtime, want := range map[enforce.Runtime]string{enforce.Runc: c.runc, enforce.Runc1_1: c.old, enforce.Crun: c.crun} {
			_, err := enforce.New(c.resolved, enforce.Stack{Runtime: runtime})
			var refused *profile.Error
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %v refuses it: %v", c.name, runtime, err)
			case want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), want)):
				t.Errorf("%s: %v says %v, want %q", c.name, runtime, err, want)
			}
		}
	}
}

// TestCut has an errno of which a filter has 16 bits.
func TestCut(t *testing.T) {
	n := uint64(65541)
	f, err := enforce.New(profile.Resolved{Native: seccomp.X86_64, DefaultAction: "SCMP_ACT_ALLOW", Syscalls: []profile.ResolvedRule{
		{Names: []string{"mkdir"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &n},
	}}, enforce.Stack{})
	if err != nil {
		t.Fatal(err)
	}
	d := f.Decide(seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 83})
	if d.Action != seccomp.ReturnErrno(5) || d.Rule == nil || d.Rule.Syscall != "mkdir" {
		t.Errorf("%+v", d)
	}
}

// TestFlags are those with which a filter gets installed.
func TestFlags(t *testing.T) {
	const tsync, log, specAllow = 1, 2, 4
	for _, c := range []struct {
		runtime enforce.Runtime
		flags   []string
		want    uint
	}{
		{enforce.Runc, nil, specAllow},
		{enforce.Runc, []string{}, 0},
		{enforce.Runc, []string{"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"}, log},
		{enforce.Crun, []string{"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"}, tsync | log},
		{enforce.Crun, nil, specAllow},
		{enforce.Runc1_1, nil, 0},
	} {
		f, err := enforce.New(profile.Resolved{Native: seccomp.X86_64, DefaultAction: "SCMP_ACT_ALLOW", Flags: c.flags}, enforce.Stack{Runtime: c.runtime})
		if err != nil || f.Flags() != c.want {
			t.Errorf("%v %q: %#x, %v, want %#x", c.runtime, c.flags, f.Flags(), err, c.want)
		}
	}
}

// TestUnconfined is a profile that is none.
func TestUnconfined(t *testing.T) {
	f, err := enforce.New(profile.Resolved{Native: seccomp.X86_64, Unconfined: true}, enforce.Stack{})
	if err != nil || f.Confined() || f.Decide(seccomp.Data{}).Reason != enforce.ByNothing {
		t.Fatalf("%v, %v", f, err)
	}
	if same, err := f.Says(policy.Constant(seccomp.Allow)); !same || err != nil {
		t.Errorf("%v, %v", same, err)
	}
}

// TestTooLong has profiles of which the kernel does not take the filter, or
// perhaps not.
func TestTooLong(t *testing.T) {
	for _, c := range []struct {
		calls  int
		doubts bool
		want   string
	}{{200, false, ""}, {290, true, ""}, {325, false, "refuses the profile: the filter has at least"}} {
		r := profile.Resolved{Native: seccomp.X86_64, DefaultAction: "SCMP_ACT_ALLOW"}
		for nr := range uint32(c.calls) {
			name, ok := syscalls.Name(seccomp.X86_64, nr)
			if !ok {
				t.Fatal(nr)
			}
			for i := range uint64(3) {
				r.Syscalls = append(r.Syscalls, profile.ResolvedRule{Names: []string{name}, Action: "SCMP_ACT_ERRNO", Args: []profile.ResolvedArg{
					{Index: i, Value: uint64(nr+1)<<32 | uint64(nr)<<2 | i, Op: "SCMP_CMP_EQ"},
				}})
			}
		}
		for _, runtime := range enforce.Runtimes() {
			f, err := enforce.New(r, enforce.Stack{Runtime: runtime})
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%d calls, %v: %v", c.calls, runtime, err)
				}
			case err != nil:
				t.Errorf("%d calls, %v: %v", c.calls, runtime, err)
			case (len(f.Doubts()) > 0) != c.doubts:
				t.Errorf("%d calls, %v: %v", c.calls, runtime, f.Doubts())
			}
		}
	}
}
