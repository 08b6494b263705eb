package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// TestCondition: what is said about the arguments under which a call differs,
// for both ABIs alike; nothing where it is about more than one argument.
func TestCondition(t *testing.T) {
	for _, c := range []struct{ call, a, b, want string }{
		{"socket", "else: ALLOW", "a0 == 40: KILL_PROCESS\nelse: ALLOW", "family == AF_VSOCK"},
		{"socket", "else: ALLOW", "a0 == 40: ALLOW\nelse: KILL_PROCESS", "family != AF_VSOCK"},
		{"socket", "else: ALLOW", "a0 in 38, 40: KILL_PROCESS\nelse: ALLOW", "family in AF_ALG, AF_VSOCK"},
		{"socket", "else: ALLOW", "a0 in 38, 40: ALLOW\nelse: KILL_PROCESS", "family not in AF_ALG, AF_VSOCK"},
		{"socket", "else: ALLOW", "a0 <= 39: ALLOW\nelse: KILL_PROCESS", "family > AF_NFC"},
		{"socket", "else: ALLOW", "a0 <= 39: KILL_PROCESS\nelse: ALLOW", "family <= AF_NFC"},
		{"socket", "a0 == 40: LOG\nelse: ALLOW", "a0 in 38, 40: KILL_PROCESS\nelse: ALLOW", "family == AF_ALG"},
		{"clone", "else: ALLOW", "a0 & 0x7e020000 == 0: ALLOW\nelse: KILL_PROCESS",
			"clone_flags & CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET != 0"},
		{"write", "else: ALLOW", "a0 == 1 {\n a2 == 5: KILL_PROCESS\n else: ALLOW\n}\nelse: ALLOW", ""},
	} {
		for _, abi := range []seccomp.ABI{seccomp.X86_64, seccomp.X86} {
			d := differenceOf(t, abi, c.call, c.a, c.b)
			var both comparison
			both.a.policy, both.b.policy = parsePolicy(t, abi, c.call, c.a), parsePolicy(t, abi, c.call, c.b)
			if got := both.condition(d, d.Call, c.call); got != c.want {
				t.Errorf("%v %s: %s | %s: %q, want %q", abi, c.call, c.a, c.b, got, c.want)
			}
		}
	}
}

func parsePolicy(t *testing.T, abi seccomp.ABI, call, rules string) *policy.Policy {
	t.Helper()
	if abi == seccomp.X86 {
		rules = strings.NewReplacer("a0 ", "a0.low ", "a2 ", "a2.low ").Replace(rules)
	}
	p, err := policy.Parse(abi.String() + " {\n" + call + " {\n" + rules + "\n}\nelse: ALLOW\n}\nelse: KILL_THREAD\n")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// differenceOf is the one difference from ALLOW to death.
func differenceOf(t *testing.T, abi seccomp.ABI, call, a, b string) policy.Difference {
	t.Helper()
	found, err := policy.Diff(parsePolicy(t, abi, call, a), parsePolicy(t, abi, call, b))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		if d.A == seccomp.Allow && d.B == seccomp.KillProcess {
			return d
		}
	}
	t.Fatalf("no difference from %s to %s: %+v", a, b, found)
	return policy.Difference{}
}

// TestWitnesses asks both policies about each call that diff shows as an example,
// which has a name where its entry has names.
func TestWitnesses(t *testing.T) {
	few := filepath.Join(t.TempDir(), "few.json")
	if err := os.WriteFile(few, []byte(`{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	policies := []string{"docker:20.10", "docker:29", "podman:default", "containerd:default", "unconfined", few}
	for i, a := range policies {
		for _, b := range policies[:i] {
			env := envFlags{arch: archFlag{abi: seccomp.X86_64}, kernel: "6.1"}
			env.reading.enforced = true
			c, err := env.compared(&terminal{}, []string{a, b})
			if err != nil {
				t.Fatal(err)
			}
			found, err := c.differences(false)
			if err != nil {
				t.Fatal(err)
			}
			g := gatherer{comparison: c, items: map[itemKey]*item{}}
			for _, d := range found {
				g.add(d)
			}
			for _, e := range g.entries() {
				if x, y := c.a.policy.Eval(e.call), c.b.policy.Eval(e.call); x != e.a || y != e.b {
					t.Errorf("%s %s: %v %v: %v, such as %s, for which it is %v -> %v", a, b, e.place, e.list(), e.change, witnessText(e.call), x, y)
				}
				abi, _ := e.call.ABI()
				if _, named := syscalls.Name(abi, e.call.NR); named != (len(e.calls) > 0) {
					t.Errorf("%s %s: %v %v, such as %s", a, b, e.place, e.list(), witnessText(e.call))
				}
			}
		}
	}
}
