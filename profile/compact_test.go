package profile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
)

// compactText writes a profile in the form of the files in defaults. It is
// how those are made, see TestDockerDefault.
func compactText(header string, p *profile.Profile) string {
	var b strings.Builder
	b.WriteString(header)
	fmt.Fprintf(&b, "default %s\n", compactAction(p.DefaultAction, p.DefaultErrnoRet))
	for _, m := range p.ArchMap {
		fmt.Fprintf(&b, "arch %s:%s\n", strings.TrimPrefix(m.Architecture.Value, "SCMP_ARCH_"), words("SCMP_ARCH_", m.SubArchitectures))
	}
	for i := range p.Syscalls {
		compactRule(&b, &p.Syscalls[i])
	}
	return b.String()
}

func compactAction(action profile.Text, errnoRet *profile.Number) string {
	s := strings.ToLower(strings.TrimPrefix(action.Value, "SCMP_ACT_"))
	if errnoRet != nil {
		s += fmt.Sprintf(" %d", errnoRet.Value)
	}
	return s
}

// words are texts with a space before each, without their common prefix.
func words(prefix string, texts []profile.Text) string {
	var b strings.Builder
	for _, t := range texts {
		b.WriteString(" " + strings.TrimPrefix(t.Value, prefix))
	}
	return b.String()
}

func compactRule(b *strings.Builder, r *profile.Rule) {
	head := compactAction(r.Action, r.ErrnoRet) + compactFilter(" if", r.Includes) + compactFilter(" unless", r.Excludes)
	for i, a := range r.Args {
		head += []string{" when ", " and "}[min(i, 1)] + compactArg(a)
	}
	names := make([]string, 0, len(r.Names))
	for _, n := range r.Names {
		names = append(names, n.Value)
	}
	if r.Name.Value != "" {
		names = append(names, r.Name.Value)
	}
	line := head + ":"
	for _, n := range names {
		if len(line)+1+len(n) > 100 {
			b.WriteString(line + "\n")
			line = "   "
		}
		line += " " + n
	}
	b.WriteString(line + "\n")
}

func compactFilter(keyword string, f *profile.Filter) string {
	if f == nil {
		return ""
	}
	s := ""
	if len(f.Caps) > 0 {
		s += keyword + " cap" + words("CAP_", f.Caps)
	}
	if len(f.Arches) > 0 {
		s += keyword + " arch" + words("", f.Arches)
	}
	if f.MinKernel != nil {
		s += keyword + " kernel " + f.MinKernel.Value
	}
	return s
}

func compactArg(a profile.Arg) string {
	ops := map[string]policy.Op{
		"SCMP_CMP_NE": policy.NE, "SCMP_CMP_LT": policy.LT, "SCMP_CMP_LE": policy.LE,
		"SCMP_CMP_EQ": policy.EQ, "SCMP_CMP_GE": policy.GE, "SCMP_CMP_GT": policy.GT,
	}
	if op, ok := ops[a.Op.Value]; ok {
		return fmt.Sprintf("a%d %v %d", a.Index.Value, op, a.Value.Value)
	}
	return fmt.Sprintf("a%d & %#x == %#x", a.Index.Value, a.Value.Value, a.ValueTwo.Value)
}

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
	if got := profile.DefaultLine(p.File, p.DefaultAction.At); got != "default errno 1" {
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
	if got := profile.DefaultLine("docker:1.0", profile.Pos{1, 1}); got != "" {
		t.Errorf("no such profile: %q", got)
	}
	names := p.Syscalls[0].Names
	for _, column := range []int32{-1, 0, 1 << 30} {
		if got := profile.DefaultLine(p.File, profile.Pos{names[len(names)-1].At.Line, column}); got != "allow: ..." {
			t.Errorf("column %d: %q", column, got)
		}
	}
}
