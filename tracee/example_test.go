package tracee_test

import (
	"fmt"
	"os"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// A filter is put on a program when it has started, and then it is let go.
func Example() {
	t, err := tracee.Start(tracee.Command{
		Path: "/bin/ls", Args: []string{"ls", "/"}, Env: os.Environ(), FDs: []uintptr{0, 1, 2},
	}, tracee.Options{ExitKill: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	if _, err := t.RunTo(tracee.Point{Symbol: "main"}); err != nil {
		fmt.Println(err)
		return
	}
	filter := bpf.Program{bpf.Ret(seccomp.Allow)}
	if err := t.Install(filter, kernel.InstallOptions{NoNewPrivs: true}); err != nil {
		fmt.Println(err)
		return
	}
	if err := t.Detach(); err != nil {
		fmt.Println(err)
		return
	}
	status, err := t.Wait(nil)
	fmt.Println(status.ExitStatus(), err)
}

// A program in strict mode is followed to the call that ends it.
func ExampleTracee_Wait() {
	t, err := tracee.Start(tracee.Command{
		Path: "/bin/ls", Args: []string{"ls", "/"}, FDs: []uintptr{0, 1, 2},
	}, tracee.Options{ExitKill: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	if _, err := t.RunTo(tracee.Point{Symbol: "main"}); err != nil {
		fmt.Println(err)
		return
	}
	if err := t.Strict(); err != nil {
		fmt.Println(err)
		return
	}
	_, err = t.Wait(func(b tracee.Blocked) {
		abi, _ := b.Data.ABI()
		fmt.Println(b.Signal, decode.Call(abi, b.Data.NR, b.Data.Args, b.Memory))
	})
	if err != nil {
		fmt.Println(err)
	}
}

// A program is followed call by call, under a filter that stops some.
func ExampleTracee_Follow() {
	t, err := tracee.Start(tracee.Command{
		Path: "/bin/ls", Args: []string{"ls", "/"}, FDs: []uintptr{0, 1, 2},
	}, tracee.Options{ExitKill: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	if _, err := t.RunTo(tracee.Point{Symbol: "main"}); err != nil {
		fmt.Println(err)
		return
	}
	filter := bpf.Program{
		bpf.LoadWord(seccomp.OffsetNR),
		bpf.Jump(bpf.JumpEQ, 217, 0, 1), // getdents64 of x86_64
		bpf.Ret(seccomp.ReturnErrno(seccomp.EPERM)),
		bpf.Ret(seccomp.Allow),
	}
	if err := t.Install(filter, kernel.InstallOptions{NoNewPrivs: true}); err != nil {
		fmt.Println(err)
		return
	}
	_, err = t.Follow(func(b tracee.Blocked) {
		abi, _ := b.Data.ABI()
		fmt.Println(decode.Call(abi, b.Data.NR, b.Data.Args, b.Memory), b.Action)
	})
	if err != nil {
		fmt.Println(err)
	}
}
