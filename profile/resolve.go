package profile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// Resolved is what an engine hands to the container runtime: the object
// linux.seccomp of the OCI runtime specification, which is its JSON form.
// Engines do not judge the words in it; the runtime does, and
// [Resolved.Rules].
type Resolved struct {
	// Unconfined means that there is no such object: the container runs
	// without a filter.
	Unconfined bool `json:"-"`
	// Native is the ABI of the machine. Runtimes filter its calls whether
	// the profile lists it or not.
	Native seccomp.ABI `json:"-"`

	DefaultAction    string         `json:"defaultAction"`
	DefaultErrnoRet  *uint64        `json:"defaultErrnoRet,omitempty"`
	Architectures    []string       `json:"architectures,omitempty"`
	Flags            []string       `json:"flags,omitzero"` // nil: the runtime's choice; empty: none
	ListenerPath     string         `json:"listenerPath,omitempty"`
	ListenerMetadata string         `json:"listenerMetadata,omitempty"`
	Syscalls         []ResolvedRule `json:"syscalls,omitempty"`

	// Places says where a document has it.
	Places Places `json:"-"`
}

// Places are where parts of a [Resolved] stand; the zero Origin is nowhere.
type Places struct {
	DefaultAction, DefaultErrnoRet, ListenerPath policy.Origin
	Architectures, Flags                         []policy.Origin // one each
}

// At is place i of a list of them, nowhere if there is none.
func At(places []policy.Origin, i int) policy.Origin {
	if i >= len(places) {
		return policy.Origin{}
	}
	return places[i]
}

// ResolvedRule is an entry of syscalls.
type ResolvedRule struct {
	Names    []string      `json:"names"`
	Action   string        `json:"action"`
	ErrnoRet *uint64       `json:"errnoRet,omitempty"`
	Args     []ResolvedArg `json:"args,omitempty"`

	// Origin is where the rule stands, Origins where each of the names does.
	Origin  policy.Origin   `json:"-"`
	Origins []policy.Origin `json:"-"`
}

// ResolvedArg is a condition on an argument, an entry of args.
type ResolvedArg struct {
	Index    uint64 `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo,omitempty"`
	Op       string `json:"op"`
}

// Resolve is what p comes to in env. Its error is an *[Error] that holds all
// that the engine refuses; one that [Parse] for the same engine accepted has
// none of those.
func (p *Profile) Resolve(env Env) (Resolved, error) {
	r := &resolver{
		reporter: reporter{file: p.File},
		env:      env,
		facts:    env.Engine.facts(),
	}
	if p.Code {
		r.facts = containerdCode
	}
	out := r.resolve(p)
	if err := r.sorted().err(); err != nil {
		return Resolved{}, err
	}
	return out, nil
}

type resolver struct {
	reporter
	env   Env
	facts reading
}

func (r *resolver) resolve(p *Profile) Resolved {
	out := Resolved{Native: r.env.ABI}
	if p.None || p.DefaultAction.Value == "" && len(p.Syscalls) == 0 && !r.facts.yajl {
		out.Unconfined = true
		return out
	}
	out.DefaultAction = p.DefaultAction.Value
	out.DefaultErrnoRet = r.errno(readIf(r.facts.object, p.DefaultErrnoRet), p.DefaultErrno)
	architectures := r.architectures(p)
	out.Architectures = values(architectures)
	out.Places = Places{
		DefaultAction: p.origin(p.DefaultAction.At, 0), DefaultErrnoRet: p.origin(p.DefaultErrno.At, 0), ListenerPath: p.origin(p.ListenerPath.At, 0),
		Architectures: p.origins(architectures), Flags: p.origins(p.Flags),
	}
	if p.DefaultErrnoRet != nil {
		out.Places.DefaultErrnoRet = p.origin(p.DefaultErrnoRet.At, 0)
	}
	if r.facts.object {
		out.Flags = r.flags(p.Flags)
		out.ListenerPath = p.ListenerPath.Value
		out.ListenerMetadata = p.ListenerMetadata.Value
	}
	for i := range p.Syscalls {
		if rule, ok := r.rule(p, i); ok {
			out.Syscalls = append(out.Syscalls, rule)
		}
	}
	return out
}

func (r *resolver) architectures(p *Profile) []Text {
	listed := p.Architectures
	if !r.facts.includes || len(p.ArchMap) == 0 {
		return listed
	}
	if len(listed) > 0 {
		r.add(Failure, CodeArchitectures, p.ArchMap[0].At, `use "architectures" or "archMap"`, "%s", r.facts.both("architectures", "archMap"))
		return nil
	}
	if !r.facts.looksUp(r.env.ABI) {
		return nil
	}
	for _, m := range p.ArchMap {
		if m.Architecture.Value == r.env.ABI.OCI() {
			return append([]Text{m.Architecture}, m.SubArchitectures...)
		}
	}
	return nil
}

func (r *resolver) flags(flags []Text) []string {
	if len(flags) == 0 && !(r.facts.keepFlags && flags != nil) {
		return nil
	}
	return values(flags)
}

// rule is rule i of p as the runtime gets it, and false where it is left out.
func (r *resolver) rule(p *Profile, i int) (ResolvedRule, bool) {
	rule := &p.Syscalls[i]
	if rule.Null && r.facts.includes {
		r.add(Failure, CodeNullRule, rule.At, "remove it", "null where a rule must stand")
		return ResolvedRule{}, false
	}
	stands := r.stands(rule)
	both := r.facts.includes && rule.Name.Value != "" && len(rule.Names) > 0
	if both && (stands || r.facts.nameFirst) {
		r.add(Failure, CodeNameAndNames, rule.Name.At, `use "names" alone`, "%s", r.facts.both("name", "names"))
	}
	if !stands {
		return ResolvedRule{}, false
	}
	names := rule.Names
	if r.facts.includes && rule.Name.Value != "" {
		names = []Text{rule.Name}
	}
	if r.facts.errnoNames && len(names) == 0 {
		return ResolvedRule{}, false // containers/common drops what has no name
	}
	out := ResolvedRule{
		Names:    values(names),
		Action:   rule.Action.Value,
		ErrnoRet: r.errno(readIf(r.facts.errnoRet, rule.ErrnoRet), rule.Errno),
		Args:     resolvedArgs(rule.Args),
		Origin:   p.origin(rule.At, i),
		Origins:  make([]policy.Origin, len(names)),
	}
	for j, n := range names {
		out.Origins[j] = p.origin(n.At, i)
	}
	return out, true
}

func (p *Profile) origin(at Pos, rule int) policy.Origin {
	return policy.Origin{File: p.File, Line: int(at.Line), Column: int(at.Column), Rule: rule}
}

func (p *Profile) origins(texts []Text) []policy.Origin {
	var all []policy.Origin
	for _, t := range texts {
		all = append(all, p.origin(t.At, 0))
	}
	return all
}

// stands reports whether includes and excludes let the rule stand.
func (r *resolver) stands(rule *Rule) bool {
	if !r.facts.includes {
		return true
	}
	if ex := rule.Excludes; ex != nil {
		if r.onMachine(ex.Arches) || slices.ContainsFunc(ex.Caps, r.hasCap) || ex.MinKernel != nil && r.hasKernel(ex.MinKernel) {
			return false
		}
	}
	in := rule.Includes
	if in == nil {
		return true
	}
	lacks := func(c Text) bool { return !r.hasCap(c) }
	return (len(in.Arches) == 0 || r.onMachine(in.Arches)) &&
		!slices.ContainsFunc(in.Caps, lacks) &&
		(in.MinKernel == nil || !r.facts.minKernel || r.hasKernel(in.MinKernel))
}

func (r *resolver) hasCap(c Text) bool { return r.env.Caps.Has(c.Value) }

func (r *resolver) hasKernel(k *MinKernel) bool {
	return r.facts.minKernel && r.env.Kernel.Compare(k.Version) >= 0
}

func (r *resolver) onMachine(arches []Text) bool {
	name := r.facts.names[r.env.ABI]
	return slices.ContainsFunc(arches, func(a Text) bool { return a.Value == name })
}

// errno is the number that the engine takes: containers/common prefers the
// name.
func (r *resolver) errno(ret *Number, name Text) *uint64 {
	if r.facts.errnoNames && name.Value != "" {
		v, ok := parseErrno(name.Value)
		if !ok {
			r.add(Failure, CodeUnknownErrno, name.At, "a decimal number, or a name such as EPERM in upper case", "unknown errno %s", quote(name.Value))
		}
		return &v
	}
	if ret == nil {
		return nil
	}
	v := ret.Value
	return &v
}

// parseErrno reads an errno as containers/common does: a decimal number of
// 32 bits, or a name in upper case.
func parseErrno(s string) (uint64, bool) {
	if v, err := strconv.ParseUint(s, 10, 32); err == nil {
		return v, true
	}
	e, err := seccomp.ParseErrno(s)
	named := strings.HasPrefix(s, "E") && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
	return uint64(e), err == nil && named
}

// values are the strings of texts, nil where texts are.
func values(texts []Text) []string {
	if texts == nil {
		return nil
	}
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = t.Value
	}
	return out
}

func resolvedArgs(args []Arg) []ResolvedArg {
	var out []ResolvedArg
	for _, a := range args {
		out = append(out, ResolvedArg{a.Index.Value, a.Value.Value, a.ValueTwo.Value, a.Op.Value})
	}
	return out
}
