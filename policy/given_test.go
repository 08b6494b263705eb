package policy_test

import (
	"testing"

	. "github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

func TestGiven(t *testing.T) {
	p, err := Parse(`x86_64 {
		ALLOW: read
		write {
			a0 == 1 {
				a2 <= 512: ALLOW
				else: ERRNO(EBADF)
			}
			else: KILL_PROCESS
		}
		else: TRAP(3)
	}
	else: KILL_THREAD
	`)
	if err != nil {
		t.Fatal(err)
	}
	call := seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 1, Args: [6]uint64{1, 0, 513}}
	for _, c := range []struct {
		d     seccomp.Data
		known uint8
		want  []seccomp.Action
	}{
		{call, 7, []seccomp.Action{seccomp.ReturnErrno(9)}},
		{call, 1, []seccomp.Action{seccomp.Allow, seccomp.ReturnErrno(9)}},
		{call, 4, []seccomp.Action{seccomp.KillProcess, seccomp.ReturnErrno(9)}},
		{call, 0, []seccomp.Action{seccomp.KillProcess, seccomp.Allow, seccomp.ReturnErrno(9)}},
		{seccomp.Data{Arch: call.Arch, NR: 2}, 0, []seccomp.Action{seccomp.Trap | 3}},
		{seccomp.Data{NR: 2}, 0, []seccomp.Action{seccomp.KillThread}},
	} {
		given, err := p.Given(c.d, c.known)
		if err != nil {
			t.Fatal(err)
		}
		answers := given.Answers()
		if len(answers) != len(c.want) {
			t.Errorf("%+v, known %b: %v, want %v", c.d, c.known, answers, c.want)
			continue
		}
		for i, a := range answers {
			call := a.Call
			call.Arch, call.NR = c.d.Arch, c.d.NR
			for arg := range call.Args {
				if c.known>>arg&1 == 1 {
					call.Args[arg] = c.d.Args[arg]
				}
			}
			if a.Action != c.want[i] || given.Eval(a.Call) != a.Action || p.Eval(call) != a.Action {
				t.Errorf("%+v, known %b: answer %v with witness %+v, want %v", c.d, c.known, a.Action, a.Call, c.want[i])
			}
		}
	}
}
