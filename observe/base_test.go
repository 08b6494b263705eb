package observe_test

import (
	"fmt"
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

func docker(t *testing.T, name string) observe.ProfileOptions {
	t.Helper()
	p, err := profile.Default(name)
	if err != nil {
		t.Fatal(err)
	}
	return observe.ProfileOptions{Base: p, BaseEnv: profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6})}
}

func read(t *testing.T, text string) *profile.Profile {
	t.Helper()
	p, found, err := profile.Parse("base.json", []byte(text), profile.Docker)
	if err != nil {
		t.Fatal(found)
	}
	return p
}

// resolve is the policy of a profile, whatever remarks there are on it.
func resolve(t *testing.T, p *profile.Profile, env profile.Env) *policy.Policy {
	t.Helper()
	r, err := p.Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := r.Rules()
	if err != nil {
		t.Fatal(err)
	}
	made, err := policy.Build(rules)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// changes are the changes as lines.
func changes(d observe.Draft) []string {
	var out []string
	for _, c := range d.Changes {
		line := fmt.Sprintf("%v %s was %v", c.ABI, c.Syscall, c.Before)
		if c.By != (policy.Origin{}) {
			line += " by rule " + fmt.Sprint(c.By.Rule)
		}
		for _, r := range c.Rules {
			for _, a := range r.Args {
				line += fmt.Sprintf(" [a%d %s %#x %#x]", a.Index.Value, a.Op.Value, a.Value.Value, a.ValueTwo.Value)
			}
		}
		out = append(out, line)
	}
	return out
}

func TestBase(t *testing.T) {
	withValues := func(name string, tuples ...[]uint64) observe.Observation {
		nr, _ := syscalls.Number(seccomp.X86_64, name)
		r := observe.Recording{ID: strings.Repeat("0", 32), Arguments: true}
		r.Add(observe.Key{ABI: seccomp.X86_64, NR: nr}, observe.Seen{Count: 1, Values: observe.Values{Tuples: tuples}})
		return observe.Observation{Recordings: []observe.Recording{r}}
	}
	own := func(rules string) observe.ProfileOptions {
		return observe.ProfileOptions{
			Base:    read(t, `{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],"syscalls":[`+rules+`]}`),
			BaseEnv: profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6}),
		}
	}
	narrow := own(`{"names":["read","execve"],"action":"SCMP_ACT_ALLOW"}`)
	narrow.Arguments = true
	for _, c := range []struct {
		what string
		o    observe.Observation
		opts observe.ProfileOptions
		want []string
		note string
	}{
		{"nothing missing", seen(t, observe.Recording{}, "x86_64 read write mmap", "x86 read socketcall"), docker(t, "docker:default"), nil, ""},
		{"a call the default stops", seen(t, observe.Recording{}, "x86_64 read keyctl"), docker(t, "docker:default"),
			[]string{"x86_64 keyctl was ERRNO(EPERM)"}, ""},
		{"values not known", seen(t, observe.Recording{}, "x86_64 clone"), docker(t, "docker:default"),
			nil, "docker:default allows clone with some values"},
		{"a value that is allowed", withValues("clone", []uint64{0x1200011}), docker(t, "docker:default"), nil, ""},
		{"a value that is not", withValues("clone", []uint64{0x1200011}, []uint64{0x10000011}), docker(t, "docker:default"),
			[]string{"x86_64 clone was ERRNO(EPERM) [a0 SCMP_CMP_EQ 0x10000011 0x0]"}, ""},
		{"no such call, the base says", seen(t, observe.Recording{}, "x86_64 clone3"), docker(t, "docker:default"),
			nil, "docker:default answers ENOSYS to clone3"},
		{"an ABI that is missing", seen(t, observe.Recording{}, "x86 read"), own(`{"names":["read","execve"],"action":"SCMP_ACT_ALLOW"}`),
			[]string{"x86  was KILL_THREAD"}, ""},
		{"a rule that stops it", seen(t, observe.Recording{}, "x86_64 read"),
			own(`{"names":["read","write"],"action":"SCMP_ACT_KILL"},{"names":["execve"],"action":"SCMP_ACT_ALLOW"}`),
			[]string{"x86_64 read was KILL_THREAD by rule 0"}, ""},
		{"a rule for nothing else", seen(t, observe.Recording{}, "x86_64 read"),
			own(`{"names":["read"],"action":"SCMP_ACT_KILL"},{"names":["execve"],"action":"SCMP_ACT_ALLOW"}`),
			[]string{"x86_64 read was KILL_THREAD by rule 0"}, ""},
		{"the old form of a name", seen(t, observe.Recording{}, "x86_64 read"),
			own(`{"name":"read","action":"SCMP_ACT_KILL"},{"names":["execve"],"action":"SCMP_ACT_ALLOW"}`),
			[]string{"x86_64 read was KILL_THREAD by rule 0"}, ""},
		{"a call that is not narrowed unless asked", withValues("socket", []uint64{1, 1}),
			own(`{"names":["execve"],"action":"SCMP_ACT_ALLOW"}`), []string{"x86_64 socket was ERRNO(EPERM)"}, ""},
		{"a call that is narrowed", withValues("socket", []uint64{1, 1}), narrow,
			[]string{"x86_64 socket was ERRNO(EPERM) [a0 SCMP_CMP_MASKED_EQ 0xffffffff 0x1] [a1 SCMP_CMP_MASKED_EQ 0xffffffff 0x1]"}, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.opts.Runtime = "none"
			before := document(t, c.opts.Base)
			d := draft(t, c.o, c.opts)
			if diff := cmp.Diff(c.want, changes(d)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if got := strings.Join(d.Notes, " "); !strings.HasPrefix(got, c.note) || c.note == "" && got != "" {
				t.Errorf("notes %q, want %q", got, c.note)
			}
			if string(before) != string(document(t, c.opts.Base)) {
				t.Error("the base itself was changed")
			}
			if len(c.want) == 0 && string(before) != string(document(t, d.Profile)) {
				t.Error("nothing is to change, and something did")
			}
			checkBase(t, c.o, c.opts, d)
		})
	}
}

// checkBase holds that a changed base allows all that it did, and all that was
// seen but for what the notes say.
func checkBase(t *testing.T, o observe.Observation, opts observe.ProfileOptions, d observe.Draft) {
	t.Helper()
	before, after := resolve(t, opts.Base, opts.BaseEnv), resolve(t, d.Profile, opts.BaseEnv)
	if ok, call, err := policy.Subset(before, after); !ok {
		t.Errorf("the base allowed %v, and it does not any more (%v)", call, err)
	}
	for _, r := range o.Recordings {
		for k, s := range r.Calls {
			name, _ := syscalls.Name(k.ABI, k.NR)
			if s.Count == 0 || strings.Contains(strings.Join(d.Notes, " "), " "+name+" ") || strings.Contains(strings.Join(d.Notes, " "), " "+name+",") {
				continue
			}
			calls := []seccomp.Data{{Arch: k.ABI.Arch(), NR: k.NR}}
			if len(s.Values.Tuples) > 0 {
				calls = nil
			}
			for _, tuple := range s.Values.Tuples {
				call := seccomp.Data{Arch: k.ABI.Arch(), NR: k.NR}
				for i, at := range observe.Interesting(k.ABI, k.NR) {
					call.Args[at] = tuple[i]
					if k.ABI.WordBits() == 32 {
						call.Args[at] &= 0xffffffff
					}
				}
				calls = append(calls, call)
			}
			for _, call := range calls {
				if got := after.Eval(call); !got.Allows() {
					t.Errorf("%v %s %#x gets %v; notes: %q", k.ABI, name, call.Args, got, d.Notes)
				}
			}
		}
	}
}

// TestBaseRandom: whatever was seen, the base as changed allows.
func TestBaseRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for i := range 30 {
		name := profile.Defaults()[i%len(profile.Defaults())]
		opts := docker(t, name)
		if strings.HasPrefix(name, "podman") {
			opts.BaseEnv.Engine, opts.BaseEnv.Caps = profile.Podman, profile.PodmanCaps
		}
		opts.Arguments = i%2 == 0
		o := random(rng, families[0])
		d, err := o.Profile(opts)
		if err != nil {
			continue
		}
		checkBase(t, o, opts, d)
		var differ []string
		for _, c := range d.Changes {
			differ = append(differ, c.Syscall)
		}
		found, err := policy.Diff(resolve(t, d.Profile, opts.BaseEnv), resolve(t, opts.Base, opts.BaseEnv))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			for _, r := range f.Numbers {
				for nr := r.Low; nr <= r.High; nr++ {
					if name, _ := syscalls.Name(f.ABI, nr); !slices.Contains(differ, name) && name != "socketcall" && name != "ipc" {
						t.Errorf("%v %s changed, which is not among the changes", f.ABI, name)
					}
				}
			}
		}
		if t.Failed() {
			t.Fatalf("%s\n%s", name, document(t, d.Profile))
		}
	}
}

func TestBaseErrors(t *testing.T) {
	opts := docker(t, "docker:default")
	if _, err := seen(t, observe.Recording{}, "aarch64 read").Profile(opts); err == nil || !strings.HasPrefix(err.Error(), "calls of aarch64") {
		t.Errorf("another machine: %v", err)
	}
	opts.Base = read(t, `{}`)
	d := draft(t, seen(t, observe.Recording{}, "x86_64 read"), opts)
	if got := string(document(t, d.Profile)); got != "{}\n" || len(d.Changes) > 0 {
		t.Errorf("a base without a filter became %s", got)
	}
}
