package profile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/profile"
)

// goarches are the machines of the tests that resolve for all of them.
var goarches = []string{
	"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le",
	"ppc64", "ppc64le", "riscv64", "s390x",
}

// capSets are the capability sets of the tests that resolve for many: those
// that one capability more or less makes of Docker's, and the extremes.
func capSets() []profile.Capabilities {
	sets := []profile.Capabilities{0, profile.DockerCaps, profile.PodmanCaps, profile.AllCaps}
	for i := range len(profile.AllCaps.Names()) {
		sets = append(sets, profile.DockerCaps^(1<<i), profile.AllCaps^(1<<i))
	}
	return slices.Compact(sets)
}

// TestDefaultLine shows lines of Docker's profile, which has rules with all
// their names on one line and rules with names on many.
func TestDefaultLine(t *testing.T) {
	p, err := profile.Default("docker:default")
	if err != nil {
		t.Fatal(err)
	}
	if got := profile.DefaultLine(p.File, p.DefaultAction.At); got != "default@23.0 errno 1" {
		t.Errorf("the default action: %q", got)
	}
	for _, r := range p.Syscalls {
		for _, n := range r.Names {
			got := profile.DefaultLine(p.File, n.At)
			if !strings.HasPrefix(got, strings.ToLower(strings.TrimPrefix(r.Action.Value, "SCMP_ACT_"))) || !strings.Contains(got, n.Value) {
				t.Errorf("%v: %s: %q", n.At, n.Value, got)
			}
		}
	}
	for _, at := range []profile.Pos{{}, {-1, 1}, {1 << 30, 1}} {
		if got := profile.DefaultLine(p.File, at); got != "" {
			t.Errorf("%v: %q", at, got)
		}
	}
	if got := profile.DefaultLine("docker:1.0", profile.Pos{Line: 1, Column: 1}); got != "" {
		t.Errorf("no such profile: %q", got)
	}
	modules := p.Syscalls[slices.IndexFunc(p.Syscalls, func(r profile.Rule) bool { return r.Names[0].Value == "delete_module" })]
	const newest, oldest = "allow if cap SYS_MODULE: delete_module init_module finit_module", " query_module@-20.10"
	if got := profile.DefaultLine("docker:default", modules.At); got != newest {
		t.Errorf("the newest line is %q", got)
	}
	if got := profile.DefaultLine("docker:19.03", modules.At); got != newest+oldest {
		t.Errorf("the oldest line is %q", got)
	}
	names := p.Syscalls[0].Names
	for _, column := range []int32{-1, 0, 1 << 30} {
		if got := profile.DefaultLine(p.File, profile.Pos{names[len(names)-1].At.Line, column}); got != "allow: ..." {
			t.Errorf("column %d: %q", column, got)
		}
	}
}
