package observe_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// A log of strace becomes a profile for a program that no container runtime
// starts.
func ExampleObservation_Profile() {
	const log = `execve("/bin/true", ["true"], 0x7ffd /* 35 vars */) = 0
brk(NULL)                               = 0x55d2ad876000
exit_group(0)                           = ?
`
	o, err := observe.ReadStrace("true.log", strings.NewReader(log), seccomp.X86_64)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := o.Profile(observe.ProfileOptions{Runtime: "none", DefaultAction: new(seccomp.KillProcess)})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = d.Profile.Write(os.Stdout)
	// Output:
	// {
	//   "defaultAction": "SCMP_ACT_KILL_PROCESS",
	//   "architectures": ["SCMP_ARCH_X86_64"],
	//   "syscalls": [
	//     {"comment": "memory: the memory of the process", "names": ["brk"], "action": "SCMP_ACT_ALLOW"},
	//     {
	//       "comment": "processes: processes and threads: start, end, wait, identity",
	//       "names": ["execve", "exit_group"],
	//       "action": "SCMP_ACT_ALLOW"
	//     }
	//   ]
	// }
}

func ExampleReadAudit() {
	const log = `audit: type=1326 audit(1795451948.729:583204): pid=9934 comm="web" exe="/usr/bin/web" sig=0 arch=c000003e syscall=250 compat=0 ip=0x7f7ef41dc829 code=0x50001`
	o, err := observe.ReadAudit("dmesg", strings.NewReader(log))
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := o.Summary(observe.SummaryOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range s.Calls {
		fmt.Println(c.Executables, c.Name, "denied:", c.Denied)
	}
	// Output: [/usr/bin/web] keyctl denied: 1
}
