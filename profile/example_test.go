package profile_test

import (
	"fmt"
	"os"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

const noMkdir = `{
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [
    {"name": "mkdir", "action": "SCMP_ACT_ERRNO"},
    {"names": ["socket", "conect"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}
  ]
}`

func ExampleParse() {
	p, warnings, err := profile.Parse("no-mkdir.json", []byte(noMkdir), profile.Docker)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range warnings {
		fmt.Println(w)
	}
	fmt.Println(len(p.Syscalls), "rules")
	// Output:
	// no-mkdir.json:5:26: unknown system call "conect": the runtimes ignore it without a word (did you mean connect?)
	// 2 rules
}

func ExampleParse_error() {
	_, _, err := profile.Parse("bad.json", []byte(`{
  "defaultAction": "SCMP_ACT_DENY",
  "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": "EPERM"}]
}`), profile.Docker)
	fmt.Println(err)
	// Output:
	// bad.json:2:20: unknown action "SCMP_ACT_DENY" (one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY)
	// bad.json:3:77: the string "EPERM" where a number must stand
}

// The rules that Docker's default profile comes to in a container with one
// more capability.
func ExampleProfile_Resolve() {
	p, err := profile.Default("docker:default")
	if err != nil {
		panic(err)
	}
	env := profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6, Minor: 18})
	if env.Caps, err = env.Caps.Adjust([]string{"SYS_MODULE"}, nil); err != nil {
		panic(err)
	}
	resolved, err := p.Resolve(env)
	if err != nil {
		panic(err)
	}
	rules, _, err := resolved.Rules()
	if err != nil {
		panic(err)
	}
	fmt.Println(rules.ABIs, rules.Default)
	for _, r := range rules.Rules {
		if r.Syscall == "init_module" {
			fmt.Println(r, "at", r.Origin)
		}
	}
	// Output:
	// [x86_64 x86 x32] ERRNO(EPERM)
	// init_module: ALLOW at docker:default:98:40
}

func ExampleFromRules() {
	doc, err := profile.FromRules(policy.Rules{
		ABIs:    []seccomp.ABI{seccomp.X86_64},
		Default: seccomp.Allow,
		Rules:   []policy.Rule{{Syscall: "mkdir", Action: seccomp.ReturnErrno(seccomp.EPERM)}},
	})
	if err != nil {
		panic(err)
	}
	if err := profile.Write(os.Stdout, doc); err != nil {
		panic(err)
	}
	// Output:
	// {
	//   "defaultAction": "SCMP_ACT_ALLOW",
	//   "architectures": [
	//     "SCMP_ARCH_X86_64"
	//   ],
	//   "syscalls": [
	//     {
	//       "names": [
	//         "mkdir"
	//       ],
	//       "action": "SCMP_ACT_ERRNO",
	//       "errnoRet": 1
	//     }
	//   ]
	// }
}

func ExampleCapabilities_Adjust() {
	caps, err := profile.DockerCaps.Adjust([]string{"sys_admin"}, []string{"ALL"})
	fmt.Println(caps, err)
	// Output: CAP_SYS_ADMIN <nil>
}
