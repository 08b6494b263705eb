//go:build linux

// Command confine denies mkdir to itself, on all its threads, and shows that
// it has.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

func main() {
	ready, confined := make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread() // another thread, older than the filter
		ready <- struct{}{}
		<-confined
		fmt.Println("another thread:", os.Mkdir("x", 0o777))
		ready <- struct{}{}
	}()
	<-ready
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, "confine:", err)
		os.Exit(1)
	}
	fmt.Println("this thread:", os.Mkdir("x", 0o777))
	close(confined)
	<-ready
}

func confine() error {
	abi, _ := seccomp.NativeABI(runtime.GOARCH)
	p, err := policy.New(seccomp.Allow, abi).Deny(seccomp.EPERM, "mkdir", "mkdirat").Build()
	if err != nil {
		return err
	}
	program, err := compile.Compile(p, compile.Options{})
	if err != nil {
		return err
	}
	return kernel.Install(program, kernel.InstallOptions{Flags: kernel.TSync, NoNewPrivs: true})
}
