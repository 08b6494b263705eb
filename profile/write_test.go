package profile_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// TestRoundTrip writes random policies as profiles, reads them back, and
// compares the functions. The conditions on one argument, which Parse warns
// of, stay a range in our reading.
func TestRoundTrip(t *testing.T) {
	r := arbitrary.New(1)
	written := 0
	for range 3000 {
		rules := arbitrary.Rules(r, 12)
		expressible(&rules, r)
		doc, err := profile.FromRules(rules)
		if err != nil {
			if !errors.Is(err, profile.ErrInexpressible) {
				t.Fatal(err)
			}
			continue
		}
		written++
		text := write(t, doc)
		back := readBack(t, text, rules.ABIs[0])
		if !equal(t, rules, back) {
			t.Fatalf("%+v\nis written as\n%s", rules, text)
		}
		again, err := profile.FromRules(back)
		if err != nil {
			t.Fatal(err)
		}
		if other := write(t, again); other != text {
			t.Fatalf("written again, %s\nbecomes\n%s", text, other)
		}
	}
	if written < 1000 {
		t.Errorf("only %d of 3000 policies could be written", written)
	}
}

// expressible takes most of what a profile cannot say out of random rules.
func expressible(rules *policy.Rules, r *rand.Rand) {
	rules.Unlisted = seccomp.KillThread
	fix := func(a seccomp.Action) seccomp.Action {
		a = a.Canonical()
		if a.Kind() == seccomp.Trap {
			a = seccomp.Trap
		}
		return a
	}
	rules.Default = fix(rules.Default)
	for i := range rules.Rules {
		rule := &rules.Rules[i]
		rule.Action = fix(rule.Action)
		if rule.Syscall == "" {
			rule.Syscall = "read"
		}
		if r.IntN(8) > 0 {
			rule.ABIs = nil
		}
	}
}

func write(t *testing.T, doc profile.Resolved) string {
	t.Helper()
	var b bytes.Buffer
	if err := profile.Write(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func readBack(t *testing.T, text string, native seccomp.ABI) policy.Rules {
	t.Helper()
	p, _, err := profile.Parse("written.json", []byte(text), profile.OCI)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	resolved, err := p.Resolve(profile.Env{Engine: profile.OCI, ABI: native})
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := resolved.Rules()
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func equal(t *testing.T, a, b policy.Rules) bool {
	t.Helper()
	space := policy.NewSpace(0)
	left, err := space.Build(a)
	if err != nil {
		t.Fatal(err)
	}
	right, err := space.Build(b)
	if err != nil {
		t.Fatal(err)
	}
	same, err := policy.Equal(left, right)
	if err != nil {
		t.Fatal(err)
	}
	return same
}

func TestWriteForm(t *testing.T) {
	rules := policy.Rules{
		ABIs:    []seccomp.ABI{seccomp.X86_64},
		Default: seccomp.ReturnErrno(38),
		Rules: []policy.Rule{
			{Syscall: "write", Action: seccomp.Allow},
			{Syscall: "socket", Action: seccomp.Allow, When: []policy.Condition{
				{Arg: 1, Op: policy.MaskedEQ, Mask: 0xf, Value: 0x11},
				{Arg: 0, Op: policy.LT, Value: 1<<64 - 1},
				{Arg: 1, Op: policy.MaskedEQ, Mask: 0xf, Value: 0x21},
			}},
			{Number: 0, Action: seccomp.Allow},
			{Syscall: "write", Action: seccomp.Allow},
			{Syscall: "mkdir", Action: seccomp.KillProcess},
		},
	}
	doc, err := profile.FromRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 38,
  "architectures": [
    "SCMP_ARCH_X86_64"
  ],
  "syscalls": [
    {
      "names": [
        "mkdir"
      ],
      "action": "SCMP_ACT_KILL_PROCESS"
    },
    {
      "names": [
        "read",
        "write"
      ],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "names": [
        "socket"
      ],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        {
          "index": 0,
          "value": 18446744073709551615,
          "op": "SCMP_CMP_LT"
        },
        {
          "index": 1,
          "value": 15,
          "valueTwo": 1,
          "op": "SCMP_CMP_MASKED_EQ"
        }
      ]
    }
  ]
}
`
	if got := write(t, doc); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := write(t, profile.Resolved{Unconfined: true}); got != "{}\n" {
		t.Errorf("unconfined is written as %q", got)
	}
}

// TestInexpressible are rules for which a profile has no words.
func TestInexpressible(t *testing.T) {
	both := []seccomp.ABI{seccomp.X86_64, seccomp.X86}
	allow := seccomp.Allow
	for name, rules := range map[string]policy.Rules{
		"trap data":       {ABIs: both, Default: seccomp.Trap | 7},
		"unlisted":        {ABIs: both, Default: allow, Unlisted: allow},
		"no name":         {ABIs: both, Default: allow, Rules: []policy.Rule{{Number: 9999, Action: seccomp.Log}}},
		"different names": {ABIs: both, Default: allow, Rules: []policy.Rule{{Number: 1, Action: seccomp.Log}}},
		"one ABI":         {ABIs: both, Default: allow, Rules: []policy.Rule{{Syscall: "mkdir", ABIs: both[:1], Action: seccomp.Log}}},
		"only the number": {ABIs: both[1:], Default: allow, Rules: []policy.Rule{{Number: 359, Action: seccomp.Log}}},
		"by ABI otherwise": {ABIs: both, Default: allow, Rules: []policy.Rule{
			{Syscall: "mkdir", ABIs: both[:1], Action: seccomp.ReturnErrno(1)},
			{Syscall: "mkdir", ABIs: both[1:], Action: seccomp.ReturnErrno(2)},
		}},
		"order by ABI": {ABIs: both, Default: allow, Rules: []policy.Rule{
			{Syscall: "mkdir", ABIs: both[:1], Action: seccomp.ReturnErrno(1)},
			{Syscall: "mkdir", Action: seccomp.ReturnErrno(2)},
			{Syscall: "mkdir", ABIs: both[1:], Action: seccomp.ReturnErrno(1)},
		}},
	} {
		if doc, err := profile.FromRules(rules); !errors.Is(err, profile.ErrInexpressible) {
			t.Errorf("%s: %v, error %v", name, doc, err)
		}
	}
	joined := policy.Rules{ABIs: both, Default: allow, Rules: []policy.Rule{
		{Number: 83, ABIs: both[:1], Action: seccomp.Log}, // mkdir
		{Number: 39, ABIs: both[1:], Action: seccomp.Log}, // mkdir
		{Syscall: "arch_prctl", Action: seccomp.Log},
	}}
	doc, err := profile.FromRules(joined)
	if err != nil || len(doc.Syscalls) != 1 || strings.Join(doc.Syscalls[0].Names, " ") != "arch_prctl mkdir" {
		t.Errorf("rules for each ABI are not joined: %+v, %v", doc, err)
	}
}
