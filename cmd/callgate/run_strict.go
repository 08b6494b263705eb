package main

import (
	"errors"
	"fmt"

	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
	"github.com/callgate/callgate/tracee"
)

// runStrict puts a command into strict mode at the point, and tells which call
// ended it.
func (r *runner) runStrict(path string, args []string, p *point) error {
	held, reached, err := r.hold(path, args, *p)
	if err != nil {
		return err
	}
	defer held.Close()
	err = held.Strict()
	switch {
	case errors.Is(err, tracee.ErrThreads):
		return &failure{
			status: statusTool,
			err:    fmt.Errorf("the program has %d threads at %s, and strict mode holds only one: the others would go on unconfined", reached.Threads, p.text),
			hint:   "strict mode is for programs with one thread, which a Go program never is; use a filter: callgate run --at main --profile FILE ...",
		}
	case err != nil:
		return err
	}
	return held.wait(r.explainStrict)
}

// explainStrict tells of the call that ended the program.
func (r *runner) explainStrict(b tracee.Blocked) {
	abi, _ := seccomp.ABIOf(b.Data.Arch, b.Data.NR)
	r.terminal.say("strict mode ended the program with %v at %s", signalName(b.Signal), decode.Call(abi, b.Data.NR, b.Data.Args, b.Memory))
	if name, _ := syscalls.Name(abi, b.Data.NR); name == "exit_group" {
		r.terminal.say(`this is the end of the program itself: C libraries end it with exit_group, which
strict mode does not allow (it allows exit), so that a program which returns from
main, or calls exit, is killed at the very end`)
		return
	}
	r.terminal.say("strict mode allows read, write, exit and sigreturn, and no other call")
}
