//go:build linux

// Command filter confines a thread to a handful of system calls, and shows
// what becomes of some calls that it makes then.
//
// The policy ends the process for every call but these:
//
//   - exit_group, getpid and brk work;
//   - write works where the descriptor is 1 and there are at most 512 bytes;
//   - read fails with EBADF.
//
// Read works twice before the filter is there. A filter has no memory: what
// comes after the second read is a matter of when it is installed.
//
// Each call is tried in a process of its own, which is this program again, as
// a call that is killed takes its process with it. That process says how the
// call went by its exit status, the errno, since exit_group is all that it
// needs for that.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) == 2 {
		if i, err := strconv.Atoi(os.Args[1]); err == nil && i >= 0 && i < len(tries) {
			confined(tries[i].call)
		}
		fmt.Fprintln(os.Stderr, "usage: filter")
		os.Exit(2)
	}
	for i, try := range tries {
		result, err := run(i)
		if err != nil {
			fmt.Fprintln(os.Stderr, "filter:", err)
			os.Exit(1)
		}
		fmt.Printf("%-22s %s\n", try.text, result)
	}
}

// run makes the call of tries[i] in a new process and tells how it went.
func run(i int) (string, error) {
	cmd := exec.Command("/proc/self/exe", strconv.Itoa(i))
	// The runtime interrupts long computations by a signal, and the return
	// from its handler is a system call that the policy does not allow.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	cmd.Stdin = strings.NewReader("abc")
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", err
	}
	switch status := cmd.ProcessState.Sys().(syscall.WaitStatus); {
	case status.Signaled():
		return "killed: " + status.Signal().String(), nil
	case status.ExitStatus() == failed:
		return "", errors.New("the filter could not be installed")
	case status.ExitStatus() != 0:
		return syscall.Errno(status.ExitStatus()).Error(), nil
	}
	return "works", nil
}
