package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Compiler makes filters of rules.
type Compiler struct {
	Name string
	// Express is as much of rules as the compiler can say: calls that it does
	// not know are left out. The error says why it can say none of them.
	Express func(policy.Rules) (policy.Rules, error)
	// Prepare brings rules that the compiler can say into its own form, and
	// returns what makes an array of struct sock_filter of them. Only the
	// latter is timed.
	Prepare func(policy.Rules) (build func() ([]byte, error), err error)
	// Meaning is the policy that the filter is for.
	Meaning func(policy.Rules) (*policy.Policy, error)
}

// Compilers are all that there is to be measured, this module's first.
func Compilers() []Compiler {
	return []Compiler{
		callgate("callgate", policy.Build, compile.Speed),
		callgate("callgate-size", policy.Build, compile.Size),
		withENOSYS("callgate-enosys", compile.Speed),
		withENOSYS("callgate-enosys-size", compile.Size),
		libseccompC("libseccomp-linear", 1),
		libseccompC("libseccomp-tree", 2),
		libseccompGo("libseccomp-golang-tree"),
		goSeccompBPF("go-seccomp-bpf"),
		gvisor("gvisor"),
	}
}

// order is the byte order of x86_64.
var order = binary.LittleEndian

// callgate is this module's compiler, without the proof, which no other has.
func callgate(name string, build func(policy.Rules) (*policy.Policy, error), goal compile.Goal) Compiler {
	o := compile.Options{ByteOrder: order, Optimize: goal, Unproven: true}
	return Compiler{
		Name:    name,
		Express: func(r policy.Rules) (policy.Rules, error) { return r, nil },
		Prepare: func(r policy.Rules) (func() ([]byte, error), error) {
			return func() ([]byte, error) {
				p, err := build(r)
				if err != nil {
					return nil, err
				}
				return encode(p, o)
			}, nil
		},
		Meaning: build,
	}
}

// withENOSYS is this module's for what runc makes of rules: a filter that stops
// calls answers ENOSYS to numbers beyond the highest that the rules name.
func withENOSYS(name string, goal compile.Goal) Compiler {
	c := callgate(name, buildENOSYS, goal)
	c.Express = func(r policy.Rules) (policy.Rules, error) {
		if r.Default.Kind() != seccomp.Err {
			return r, fmt.Errorf("%w: runc adds no ENOSYS", errKills)
		}
		return r, nil
	}
	return c
}

// encode compiles a policy.
func encode(p *policy.Policy, o compile.Options) ([]byte, error) {
	program, err := compile.Compile(p, o)
	if err != nil {
		return nil, err
	}
	return bpf.Encode(program, order), nil
}

// FromText compiles a profile of Docker from its text, with the proof.
func FromText(text []byte) ([]byte, error) {
	resolved, err := resolve(text)
	if err != nil {
		return nil, err
	}
	rules, _, err := resolved.Rules()
	if err != nil {
		return nil, err
	}
	p, err := policy.Build(rules)
	if err != nil {
		return nil, err
	}
	return encode(p, compile.Options{ByteOrder: order})
}

func buildENOSYS(r policy.Rules) (*policy.Policy, error) {
	p, err := policy.Build(r)
	if err != nil {
		return nil, err
	}
	s, root := p.Space(), p.Root()
	x32 := s.Bit(policy.WordNR, 30)
	for _, abi := range r.ABIs {
		var highest uint32
		for _, rule := range r.Rules {
			if nr, ok := syscalls.Number(abi, rule.Syscall); ok {
				highest = max(highest, nr)
			}
		}
		beyond := s.And(s.Equal(policy.WordArch, abi.Arch()), s.AtLeast(policy.WordNR, highest+1))
		switch abi {
		case seccomp.X86_64:
			beyond = s.And(beyond, s.Not(x32))
		case seccomp.X32:
			beyond = s.And(beyond, x32)
		}
		root = s.IfThenElse(beyond, s.Return(seccomp.ReturnErrno(seccomp.ENOSYS)), root)
	}
	return s.FromNode(root), nil
}

// known leaves out the rules about calls that a compiler does not know, and
// those that say what the default says.
func known(r policy.Rules, knows func(name string) bool) policy.Rules {
	r.Rules = slices.DeleteFunc(slices.Clone(r.Rules), func(rule policy.Rule) bool {
		return rule.Action == r.Default || !knows(rule.Syscall)
	})
	return r
}

// What keeps a filter from being measured.
var (
	errOneABI = errors.New("its filters are for one ABI")
	errKills  = errors.New("the default kills")
)

// oneABI refuses filters for several ABIs.
func oneABI(r policy.Rules) error {
	if len(r.ABIs) != 1 || r.ABIs[0] != seccomp.X86_64 {
		return errOneABI
	}
	return nil
}

// group is the rules with one action.
type group struct {
	action seccomp.Action
	rules  []policy.Rule
}

// groups sorts rules by action, the strictest first: for compilers that take the
// first rule that matches, where [policy.Rules] take the strictest.
func groups(rules []policy.Rule) []group {
	byAction := map[seccomp.Action][]policy.Rule{}
	for _, r := range rules {
		byAction[r.Action] = append(byAction[r.Action], r)
	}
	var sorted []group
	for _, a := range slices.Sorted(maps.Keys(byAction)) {
		sorted = append(sorted, group{a, byAction[a]})
	}
	slices.SortStableFunc(sorted, func(a, b group) int {
		return int(int64(int32(a.action.Kind())) - int64(int32(b.action.Kind())))
	})
	return sorted
}
