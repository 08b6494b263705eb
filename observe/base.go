package observe

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file makes a profile out of another by the least change. Profiles
// cannot build on each other, and so the result is a whole one: the base, less
// the names that it stops and that were needed, plus entries for these.

// Change is one way in which a base had to change: a call that was seen and
// that the base stops, or an ABI that it does not list.
type Change struct {
	// Syscall is the call that is allowed now; "" where ABI is listed now.
	Syscall string
	ABI     seccomp.ABI
	// Before is what the base does to the call, and By the place of the rule
	// that says so; the zero Origin is the default.
	Before seccomp.Action
	By     policy.Origin
	// Rules are how it is allowed: under conditions where the base has some
	// and the values are known, or where ProfileOptions.Arguments is set.
	Rules []profile.Rule
	// Runtime says that only a container runtime makes the call.
	Runtime bool
}

// onBase changes opts.Base as little as it takes.
//
// A call that the base allows under conditions stays as it is where the values
// were not recorded: to open it altogether would undo what the base is for.
// So does one to which a rule answers ENOSYS, as Docker does to clone3:
// programs do without it as they do on an older kernel. Both are noted.
func (n *needs) onBase(opts ProfileOptions) (Draft, error) {
	b, err := newBase(n, opts)
	if err != nil || b.policy == nil {
		return Draft{Profile: opts.Base}, err
	}
	for _, abi := range b.missing {
		b.list(abi, opts.BaseEnv)
	}
	added := &needs{calls: map[string]*need{}, abis: n.abis, noNewPrivs: n.noNewPrivs}
	for _, c := range n.sorted() {
		if err := b.change(c, added, opts.Arguments); err != nil {
			return Draft{}, err
		}
	}
	opts.Arguments = true // what is added says itself what it is narrowed to
	for _, r := range added.entries(opts) {
		if r.Comment.Value != "" {
			r.Comment.Value = "added to " + opts.Base.File + ": " + r.Comment.Value
		}
		b.profile.Syscalls = append(b.profile.Syscalls, r)
	}
	return Draft{
		Profile:    b.profile,
		Changes:    b.changes,
		NoNewPrivs: n.noNewPrivs && !b.starts(),
		Notes:      append(n.notes(), b.notes...),
	}, nil
}

// base is a profile that is being changed.
type base struct {
	profile *profile.Profile // a copy
	policy  *policy.Policy   // what it was; nil where it allows all
	native  seccomp.ABI
	missing []seccomp.ABI // those that it does not list
	stand   map[int]bool  // by index: the rules that stand in the Env
	changes []Change
	notes   []string
}

// newBase reads the base as the engine of the Env does.
func newBase(n *needs, opts ProfileOptions) (*base, error) {
	env := opts.BaseEnv
	if !env.ABI.Valid() {
		env.ABI = n.abis[0]
	}
	resolved, err := opts.Base.Resolve(env)
	if err != nil {
		return nil, err
	}
	b := &base{profile: clone(opts.Base), native: env.ABI, stand: map[int]bool{}}
	rules, _, err := resolved.Rules()
	if err != nil || resolved.Unconfined {
		return b, err
	}
	for _, r := range resolved.Syscalls {
		b.stand[r.Origin.Rule] = true
	}
	for _, abi := range n.abis {
		if native(abi) != native(env.ABI) {
			return nil, fmt.Errorf("calls of %v, for which a base on %v says nothing", abi, env.ABI)
		}
		if !slices.Contains(rules.ABIs, abi) {
			b.missing = append(b.missing, abi)
			rules.ABIs = append(rules.ABIs, abi)
		}
	}
	b.policy, err = policy.Build(rules)
	return b, err
}

// clone copies what is changed of a profile.
func clone(p *profile.Profile) *profile.Profile {
	c := *p
	c.Architectures = slices.Clone(p.Architectures)
	c.ArchMap = slices.Clone(p.ArchMap)
	c.Syscalls = slices.Clone(p.Syscalls)
	return &c
}

// list adds an ABI to those that the profile lists, in the way in which it
// lists them.
func (b *base) list(abi seccomp.ABI, env profile.Env) {
	p, name := b.profile, profile.Text{Value: abi.OCI()}
	b.changes = append(b.changes, Change{ABI: abi, Before: seccomp.KillThread})
	main := profile.Text{Value: native(abi).OCI()}
	at := slices.IndexFunc(p.ArchMap, func(m profile.ArchMap) bool { return m.Architecture.Value == main.Value })
	switch {
	case env.Engine == profile.Containerd || env.Engine == profile.OCI || env.Engine == profile.OCICrun:
		p.ArchMap = nil // they do not read it, and others refuse both
	case at >= 0:
		m := &p.ArchMap[at]
		m.SubArchitectures = append(slices.Clone(m.SubArchitectures), name)
		return
	case len(p.ArchMap) > 0:
		p.ArchMap = append(p.ArchMap, profile.ArchMap{Architecture: main, SubArchitectures: []profile.Text{name}})
		return
	}
	if len(p.Architectures) == 0 && main != name {
		p.Architectures = append(p.Architectures, main)
	}
	p.Architectures = append(p.Architectures, name)
}

// change allows a call as far as the base does not, and adds to added what
// that takes.
func (b *base) change(c *need, added *needs, narrow bool) error {
	for _, abi := range c.abis {
		nr, _ := syscalls.Number(abi, c.name)
		call := seccomp.Data{Arch: abi.Arch(), NR: nr}
		stopped, err := b.stopped(c, abi, nr)
		if err != nil {
			return err
		}
		if len(stopped) == 0 {
			continue
		}
		answers, err := b.policy.Consider(call, 0)
		if err != nil {
			return err
		}
		partly := slices.ContainsFunc(answers, func(a policy.Candidate) bool { return a.Action.Allows() })
		before := answers[slices.IndexFunc(answers, func(a policy.Candidate) bool { return !a.Action.Allows() })]
		switch {
		case partly && c.any != "":
			b.note("%s allows %s with some values of its arguments only, and which the workload needs is not known (%s): left as it is.", c.name, c.any)
			continue
		case !partly && before.Reason == policy.ByRule && before.Action == seccomp.ReturnErrno(seccomp.ENOSYS):
			b.note("%s answers ENOSYS to %s, as an older kernel does: left as it is%s.", c.name, "")
			continue
		}
		a := *c
		a.values = nil
		if a.any == "" && (partly || narrow) {
			a.values = stopped
		} else {
			a.any = whyNone
		}
		b.add(&a, added, Change{Syscall: c.name, ABI: abi, Before: before.Action, By: originOf(before), Runtime: !c.workload})
	}
	return nil
}

func (b *base) note(format, name, detail string) {
	text := fmt.Sprintf(format, cmp.Or(b.profile.File, "the base"), name, detail)
	if !slices.Contains(b.notes, text) {
		b.notes = append(b.notes, text)
	}
}

func originOf(c policy.Candidate) policy.Origin {
	if c.Rule == nil {
		return policy.Origin{}
	}
	return c.Rule.Origin
}

// stopped are the conditions under which a call was made on an ABI and which
// the base does not allow: none where it allows all that was seen, and an empty
// one where that is not known.
func (b *base) stopped(c *need, abi seccomp.ABI, nr uint32) ([][]policy.Condition, error) {
	ways := c.values
	if c.any != "" || len(ways) == 0 {
		ways = [][]policy.Condition{nil}
	}
	var out [][]policy.Condition
	for _, when := range ways {
		only, err := policy.Build(policy.Rules{
			ABIs:     []seccomp.ABI{abi},
			Default:  seccomp.KillProcess,
			Unlisted: seccomp.KillProcess,
			Rules:    []policy.Rule{{Number: nr, When: when, Action: seccomp.Allow}},
		})
		if err != nil {
			return nil, err
		}
		ok, _, err := policy.Subset(only, b.policy)
		if err != nil {
			return nil, err
		}
		if !ok {
			out = append(out, when)
		}
	}
	return out, nil
}

// add allows a call: no rule that stands must stop it any more, and entries
// for it are among those added.
func (b *base) add(c *need, added *needs, change Change) {
	for i := range b.profile.Syscalls {
		r := &b.profile.Syscalls[i]
		if a, err := seccomp.ParseAction(r.Action.Value); !b.stand[i] || err != nil || a.Allows() {
			continue
		}
		named := func(t profile.Text) bool { return t.Value == c.name }
		if r.Name.Value == c.name {
			r.Name = profile.Text{}
		}
		r.Names = slices.DeleteFunc(slices.Clone(r.Names), named)
	}
	b.drop()
	if old := added.calls[c.name]; old != nil {
		c.values = append(c.values, old.values...)
		c.any = max(c.any, old.any)
	}
	added.calls[c.name] = c
	one := *c
	change.Rules = allow("", []*need{&one}, ProfileOptions{Arguments: true})
	b.changes = append(b.changes, change)
}

// drop takes away the rules that have no name left.
func (b *base) drop() {
	stand := map[int]bool{}
	var kept []profile.Rule
	for i, r := range b.profile.Syscalls {
		if r.Name.Value == "" && len(r.Names) == 0 && b.stand[i] {
			continue
		}
		stand[len(kept)] = b.stand[i]
		kept = append(kept, r)
	}
	b.profile.Syscalls, b.stand = kept, stand
}

// starts reports whether the base allows what the runtimes call without
// no_new_privs.
func (b *base) starts() bool {
	for _, runtime := range []string{"crun", "runc"} {
		calls, _ := RuntimeCalls(runtime, false)
		for _, f := range calls {
			nr, has := syscalls.Number(b.native, f.Name)
			call := seccomp.Data{Arch: b.native.Arch(), NR: nr}
			if has && f.How == Always && !f.Optional && !b.policy.Eval(call).Allows() {
				return false
			}
		}
	}
	return true
}
