// Package bench measures compilers of seccomp filters against each other, in
// one run on one machine: this module's, libseccomp in C and through Go,
// elastic's go-seccomp-bpf and gVisor's pkg/seccomp, and the filter that runc
// installs. README.md says how to run it and what it measures.
//
// It is a module of its own because it uses cgo.
package bench

import (
	"bytes"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// Problem is a policy that every compiler is given.
type Problem struct {
	Name string
	// Text is the policy as a profile that Docker reads, Resolved what Docker
	// hands to the runtime for it, and Rules what compilers are given.
	Text     []byte
	Resolved profile.Resolved
	Rules    policy.Rules
	// Plain is a call that the policy allows whatever its arguments, Checked
	// one that it allows for its arguments. Neither has an effect.
	Plain, Checked Call
}

// Call is a system call of x86_64.
type Call struct {
	Name   string
	Number uint32
	Args   [6]uint64
}

func (c Call) data() seccomp.Data {
	return seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: c.Number, Args: c.Args}
}

// env is a container as Docker starts it, so that Docker's default is the
// profile for the 14 capabilities that Docker gives.
var env = profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6, Minor: 12})

// Problems are Docker's default, for all ABIs of x86_64 and for one alone, and
// a demonstration.
func Problems() ([]Problem, error) {
	all, err := profile.Default("docker:default")
	if err != nil {
		return nil, err
	}
	one := *all
	one.ArchMap = nil
	one.Architectures = []profile.Text{{Value: seccomp.X86_64.OCI()}}

	getppid := Call{Name: "getppid", Number: 110}
	personality := Call{Name: "personality", Number: 135, Args: [6]uint64{0xffffffff}}
	problems := []Problem{
		{Name: "docker-x86_64-x86-x32", Plain: getppid, Checked: personality},
		{Name: "docker-x86_64", Plain: getppid, Checked: personality},
		{
			Name:    "demo",
			Plain:   Call{Name: "getpid", Number: 39},
			Checked: Call{Name: "write", Number: 1, Args: [6]uint64{1}},
		},
	}
	writers := []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return all.Write(b) },
		func(b *bytes.Buffer) error { return one.Write(b) },
		writeDemo,
	}
	for i := range problems {
		var text bytes.Buffer
		if err := writers[i](&text); err != nil {
			return nil, err
		}
		p := &problems[i]
		p.Text = text.Bytes()
		if p.Resolved, err = resolve(p.Text); err != nil {
			return nil, err
		}
		if p.Rules, _, err = p.Resolved.Rules(); err != nil {
			return nil, err
		}
	}
	return problems, nil
}

// writeDemo writes a policy of five rules that kills by default.
func writeDemo(b *bytes.Buffer) error {
	rules := policy.Rules{ABIs: []seccomp.ABI{seccomp.X86_64}, Default: seccomp.KillThread}
	for _, name := range []string{"exit_group", "getpid", "brk"} {
		rules.Rules = append(rules.Rules, policy.Rule{Syscall: name, Action: seccomp.Allow})
	}
	rules.Rules = append(rules.Rules,
		policy.Rule{
			Syscall: "write", Action: seccomp.Allow,
			When: []policy.Condition{policy.Arg(0).EQ(1), policy.Arg(2).LE(512)},
		},
		policy.Rule{Syscall: "read", Action: seccomp.ReturnErrno(seccomp.EBADF)},
	)
	resolved, err := profile.FromRules(rules)
	if err != nil {
		return err
	}
	return profile.Write(b, resolved)
}

// resolve is what Docker makes of a profile.
func resolve(text []byte) (profile.Resolved, error) {
	p, _, err := profile.Parse("profile.json", text, profile.Docker)
	if err != nil {
		return profile.Resolved{}, err
	}
	return p.Resolve(env)
}
