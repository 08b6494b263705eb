package kernel_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// A program confines all of its threads.
func ExampleInstall() {
	program := bpf.Program{bpf.Ret(seccomp.Allow)}
	err := kernel.Install(program, kernel.InstallOptions{Flags: kernel.TSync, NoNewPrivs: true})
	fmt.Println(err)
}

func ExampleParseFlag() {
	f, err := kernel.ParseFlag("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
	fmt.Println(f, f.Since(), err)
	// Output: WAIT_KILLABLE_RECV 5.19 <nil>
}

// The mode of this very process.
func ExampleReadStatus() {
	status, err := kernel.ReadStatus(os.Getpid())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(status.Mode, status.Filters)
}

// Every filter of a process, and what the whole of them answers to one call.
func ExampleFilters() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	programs, err := kernel.Filters(ctx, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, p := range programs {
		fmt.Printf("filter %d has %d instructions\n", i, len(p))
	}
}

// What this kernel lacks.
func ExampleFeatures() {
	for _, f := range kernel.Features() {
		if f.Err != nil {
			fmt.Printf("%s %s (Linux %v): %v\n", f.Group, f.Name, f.Since, f.Err)
		}
	}
}
