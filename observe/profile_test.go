package observe_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// seen is an observation of one recording, with the calls of "abi name ..."
// lines; a name with "!" was denied, one with "@" made by the runtime.
func seen(t *testing.T, r observe.Recording, lines ...string) observe.Observation {
	t.Helper()
	r.ID = strings.Repeat("0", 32)
	for _, line := range lines {
		words := strings.Fields(line)
		abi, err := seccomp.ParseABI(words[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words[1:] {
			name := strings.Trim(word, "!@")
			nr, ok := syscalls.Number(abi, name)
			if !ok {
				t.Fatalf("%v has no %s", abi, name)
			}
			k, s := observe.Key{ABI: abi, NR: nr}, observe.Seen{Count: 1}
			if strings.Contains(word, "!") {
				s = observe.Seen{Denied: 1}
			}
			if strings.Contains(word, "@") {
				k.Phase = observe.Runtime
			}
			r.Add(k, s)
		}
	}
	return observe.Observation{Recordings: []observe.Recording{r}}
}

func draft(t *testing.T, o observe.Observation, opts observe.ProfileOptions) observe.Draft {
	t.Helper()
	d, err := o.Profile(opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func document(t *testing.T, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// loaded is the policy that an engine makes of a document, which must give no
// reason for any remark.
func loaded(t *testing.T, text []byte, env profile.Env) *policy.Policy {
	t.Helper()
	p, found, err := profile.Parse("x.json", text, env.Engine)
	if err != nil || len(found) > 0 {
		t.Fatalf("%v: %v\n%s", env.Engine, found, text)
	}
	r, err := p.Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	rules, found, err := r.Rules()
	if err != nil || len(found) > 0 {
		t.Fatalf("%v: %v\n%s", env.Engine, found, text)
	}
	made, err := policy.Build(rules)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestProfileText(t *testing.T) {
	o := seen(t, observe.Recording{Boundary: true, Runtime: "crun", NoNewPrivs: true, Lost: 3},
		"x86_64 write read exit_group close close@ execve@ mkdir!")
	d := draft(t, o, observe.ProfileOptions{DefaultAction: new(seccomp.ReturnErrno(seccomp.EPERM))})
	const want = `{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 1,
  "architectures": ["SCMP_ARCH_X86_64"],
  "syscalls": [
    {
      "comment": "io: reading and writing, and open descriptors",
      "names": ["close", "read", "write"],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "comment": "processes: processes and threads: start, end, wait, identity",
      "names": ["exit_group"],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "comment": "runtime: calls of the container runtime between the filter and the workload, recorded; containers need no-new-privileges to start with these alone; of those above also close",
      "names": ["execve"],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "comment": "runtime: calls of the container runtime (crun) between the filter and the workload, only now and then, from facts",
      "names": ["brk", "mmap", "munmap", "restart_syscall"],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "comment": "processes: where there is no such call the C library makes threads with another",
      "names": ["clone3"],
      "action": "SCMP_ACT_ERRNO",
      "errnoRet": 38
    }
  ]
}
`
	if diff := cmp.Diff(want, string(document(t, d.Profile))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !d.NoNewPrivs || len(d.Notes) != 2 || !strings.HasPrefix(d.Notes[0], "3 calls") || !strings.Contains(d.Notes[1], "mkdir") {
		t.Errorf("no_new_privs needed: %v, notes: %q", d.NoNewPrivs, d.Notes)
	}
}

// names are the names in the entries with a word in their comments.
func names(p *profile.Profile, comment string) []string {
	var out []string
	for _, r := range p.Syscalls {
		for _, n := range r.Names {
			if strings.Contains(r.Comment.Value, comment) {
				out = append(out, n.Value)
			}
		}
	}
	return out
}

// TestRuntime holds which calls of runtimes are added where.
func TestRuntime(t *testing.T) {
	yes, no := new(true), new(false)
	for _, c := range []struct {
		what      string
		recording observe.Recording
		opts      observe.ProfileOptions
		facts     string // one of them that is there, "" for none
		not       string // one that is not
		needsNNP  bool
	}{
		{"no runtime seen", observe.Recording{}, observe.ProfileOptions{}, "setresuid", "", false},
		{"no runtime wanted", observe.Recording{}, observe.ProfileOptions{Runtime: "none"}, "", "execve", false},
		{"runc only", observe.Recording{}, observe.ProfileOptions{Runtime: "runc"}, "getdents64", "setresuid", false},
		{"crun only", observe.Recording{}, observe.ProfileOptions{Runtime: "crun"}, "setresuid", "getdents64", false},
		{"only with no_new_privs", observe.Recording{}, observe.ProfileOptions{Runtime: "crun", NoNewPrivs: yes}, "close", "setresuid", true},
		{"recorded", observe.Recording{Boundary: true, Runtime: "runc"}, observe.ProfileOptions{}, "", "setresuid", false},
		{"recorded, the other wanted", observe.Recording{Boundary: true, Runtime: "runc"}, observe.ProfileOptions{Runtime: "crun"}, "setresuid", "getdents64", false},
		{"recorded with no_new_privs", observe.Recording{Boundary: true, Runtime: "crun", NoNewPrivs: true}, observe.ProfileOptions{}, "", "setresuid", true},
		{"recorded with, wanted without", observe.Recording{Boundary: true, Runtime: "crun", NoNewPrivs: true}, observe.ProfileOptions{NoNewPrivs: no}, "setresuid", "", false},
		{"recorded without, wanted with", observe.Recording{Boundary: true, Runtime: "crun"}, observe.ProfileOptions{NoNewPrivs: yes}, "", "setresuid", false},
		{"which runtime is not known", observe.Recording{Boundary: true}, observe.ProfileOptions{}, "", "setresuid", false},
	} {
		t.Run(c.what, func(t *testing.T) {
			d := draft(t, seen(t, c.recording, "x86_64 brk"), c.opts)
			facts := names(d.Profile, "not recorded")
			if c.facts == "" && len(facts) > 0 || c.facts != "" && !slices.Contains(facts, c.facts) {
				t.Errorf("from facts: %v, want %q among them", facts, c.facts)
			}
			if c.not != "" && slices.Contains(facts, c.not) {
				t.Errorf("from facts: %v, want no %s", facts, c.not)
			}
			if got := len(names(d.Profile, "now and then")) > 0; got == (c.opts.Runtime == "none") {
				t.Errorf("occasional calls: %v", got)
			}
			if d.NoNewPrivs != c.needsNNP {
				t.Errorf("needs no_new_privs: %v", d.NoNewPrivs)
			}
		})
	}
}

func TestActions(t *testing.T) {
	o := seen(t, observe.Recording{}, "x86_64 read mkdir!", "x86 read")
	for _, c := range []struct {
		what           string
		opts           observe.ProfileOptions
		rmdir, newer   seccomp.Action
		mkdir, nothing seccomp.Action
	}{
		{"default", observe.ProfileOptions{},
			seccomp.ReturnErrno(1), seccomp.ReturnErrno(38), seccomp.ReturnErrno(1), seccomp.KillThread},
		{"errno", observe.ProfileOptions{DenyErrno: 13},
			seccomp.ReturnErrno(13), seccomp.ReturnErrno(38), seccomp.ReturnErrno(13), seccomp.KillThread},
		{"one action", observe.ProfileOptions{DefaultAction: new(seccomp.KillProcess)},
			seccomp.KillProcess, seccomp.KillProcess, seccomp.KillProcess, seccomp.KillThread},
		{"both", observe.ProfileOptions{DefaultAction: new(seccomp.Log), DenyErrno: 1},
			seccomp.ReturnErrno(1), seccomp.Log, seccomp.ReturnErrno(1), seccomp.KillThread},
		{"a number for the tracer", observe.ProfileOptions{DefaultAction: new(seccomp.Trace | 7)},
			seccomp.Trace | 7, seccomp.Trace | 7, seccomp.Trace | 7, seccomp.KillThread},
		{"what was denied", observe.ProfileOptions{AllowDenied: true},
			seccomp.ReturnErrno(1), seccomp.ReturnErrno(38), seccomp.Allow, seccomp.KillThread},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.opts.Runtime = "none"
			p := loaded(t, document(t, draft(t, o, c.opts).Profile), profile.DockerEnv(seccomp.X86_64, seccomp.Version{}))
			for _, call := range []struct {
				nr   uint32
				abi  seccomp.ABI
				want seccomp.Action
			}{
				{0, seccomp.X86_64, seccomp.Allow}, {3, seccomp.X86, seccomp.Allow},
				{84, seccomp.X86_64, c.rmdir}, {40, seccomp.X86, c.rmdir},
				{83, seccomp.X86_64, c.mkdir}, {39, seccomp.X86, c.mkdir},
				{9999, seccomp.X86_64, c.newer}, {0, seccomp.AARCH64, c.nothing},
			} {
				if got := p.Eval(seccomp.Data{Arch: call.abi.Arch(), NR: call.nr}); got != call.want {
					t.Errorf("%v %d: %v, want %v", call.abi, call.nr, got, call.want)
				}
			}
		})
	}
}

func TestProfileErrors(t *testing.T) {
	one := seen(t, observe.Recording{}, "x86_64 read")
	for _, c := range []struct {
		what string
		o    observe.Observation
		opts observe.ProfileOptions
		want string
	}{
		{"nothing", observe.Observation{}, observe.ProfileOptions{}, "no system call was observed"},
		{"denied only", seen(t, observe.Recording{}, "x86_64 read!"), observe.ProfileOptions{}, "no system call was observed"},
		{"allow", one, observe.ProfileOptions{DefaultAction: new(seccomp.Allow)}, "default action ALLOW"},
		{"notify", one, observe.ProfileOptions{DefaultAction: new(seccomp.Notify)}, "default action NOTIFY"},
		{"large errno", one, observe.ProfileOptions{DenyErrno: 4095}, "errno "},
		{"large default", one, observe.ProfileOptions{DefaultAction: new(seccomp.ReturnErrno(4095))}, "default action ERRNO"},
		{"runtime", one, observe.ProfileOptions{Runtime: "youki"}, `runtime "youki": want runc, crun or none`},
		{"two machines", seen(t, observe.Recording{}, "x86_64 read", "s390x read"), observe.ProfileOptions{}, "calls of s390x and of x86_64"},
	} {
		if _, err := c.o.Profile(c.opts); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
	}
}

// TestTwoMachines: one profile for machines of one byte order.
func TestTwoMachines(t *testing.T) {
	d := draft(t, seen(t, observe.Recording{}, "x86 read", "aarch64 read"), observe.ProfileOptions{Runtime: "none"})
	var got []string
	for _, a := range d.Profile.Architectures {
		got = append(got, a.Value)
	}
	want := []string{"SCMP_ARCH_AARCH64", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestSameBytes: the profile of the same recordings is the same, in whatever
// order they were merged.
func TestSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 50 {
		a, b := arbitrary(rng, 3), arbitrary(rng, 3)
		ab, ba := merged(a, b), merged(b, a, b)
		opts := observe.ProfileOptions{Arguments: rng.IntN(2) == 0, AllowDenied: true}
		one, err := ab.Profile(opts)
		if err != nil {
			continue
		}
		other := draft(t, ba, opts)
		if diff := cmp.Diff(string(document(t, one.Profile)), string(document(t, other.Profile))); diff != "" {
			t.Fatalf("(-ab +ba):\n%s", diff)
		}
		if diff := cmp.Diff(one.Notes, other.Notes); diff != "" {
			t.Fatalf("(-ab +ba):\n%s", diff)
		}
	}
}

func TestNarrowedText(t *testing.T) {
	r := observe.Recording{Arguments: true, ID: strings.Repeat("0", 32)}
	add := func(name string, values observe.Values) {
		nr, _ := syscalls.Number(seccomp.X86_64, name)
		r.Add(observe.Key{ABI: seccomp.X86_64, NR: nr}, observe.Seen{Count: 1, Values: values})
	}
	add("socket", observe.Values{Tuples: [][]uint64{{1, 1}, {1, 0x80001}, {2, 1}, {10, 2}}})
	add("clone", observe.Values{Tuples: [][]uint64{{0x1200011}}})
	add("ioctl", observe.Values{More: true})
	add("read", observe.Values{})
	d := draft(t, observe.Observation{Recordings: []observe.Recording{r}},
		observe.ProfileOptions{Arguments: true, Runtime: "none", DefaultAction: new(seccomp.KillProcess)})
	const want = `{
  "defaultAction": "SCMP_ACT_KILL_PROCESS",
  "architectures": ["SCMP_ARCH_X86_64"],
  "syscalls": [
    {
      "comment": "io: reading and writing, and open descriptors; not narrowed: ioctl (more than 64 values)",
      "names": ["ioctl", "read"],
      "action": "SCMP_ACT_ALLOW"
    },
    {
      "comment": "processes: processes and threads: start, end, wait, identity; clone: the values that were seen",
      "names": ["clone"],
      "action": "SCMP_ACT_ALLOW",
      "args": [{"index": 0, "value": 18874385, "op": "SCMP_CMP_EQ"}]
    },
    {
      "comment": "network: sockets; socket: the values that were seen",
      "names": ["socket"],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        {"index": 0, "value": 4294967295, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"},
        {"index": 1, "value": 4294443007, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}
      ]
    },
    {
      "names": ["socket"],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        {"index": 0, "value": 4294967295, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"},
        {"index": 1, "value": 4294967295, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}
      ]
    },
    {
      "names": ["socket"],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        {"index": 0, "value": 4294967295, "valueTwo": 10, "op": "SCMP_CMP_MASKED_EQ"},
        {"index": 1, "value": 4294967295, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}
      ]
    }
  ]
}
`
	if diff := cmp.Diff(want, string(document(t, d.Profile))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStartThatFailed makes a profile of a container whose program was never
// executed: it allows what the runtime needs to get there.
func TestStartThatFailed(t *testing.T) {
	o := seen(t, observe.Recording{Boundary: true, Runtime: "runc"}, "x86_64 close@ write@ capset@")
	text := string(document(t, draft(t, o, observe.ProfileOptions{}).Profile))
	_, allowed, _ := strings.Cut(text, "not recorded, from facts")
	allowed, _, _ = strings.Cut(allowed, `"action"`)
	if !strings.Contains(allowed, `"execve"`) {
		t.Errorf("execve is not allowed:\n%s", text)
	}
}

// TestReasonsNotToNarrow has each reason once in a comment, and none for calls
// that have nothing to narrow them by.
func TestReasonsNotToNarrow(t *testing.T) {
	o := seen(t, observe.Recording{}, "x86_64 prctl fcntl ioctl socket close read write")
	text := string(document(t, draft(t, o, observe.ProfileOptions{Arguments: true}).Profile))
	for line := range strings.Lines(text) {
		for _, reason := range []string{"(the runtime's values are not known)", "(values not recorded)"} {
			if strings.Count(line, reason) > 1 {
				t.Errorf("%s", line)
			}
		}
		if _, narrowed, ok := strings.Cut(line, "not narrowed: "); ok && strings.Contains(narrowed, "close") {
			t.Errorf("nothing to narrow: %s", line)
		}
	}
	if !strings.Contains(text, "(values not recorded)") || !strings.Contains(text, "(the runtime's values are not known)") {
		t.Errorf("%s", text)
	}
}
