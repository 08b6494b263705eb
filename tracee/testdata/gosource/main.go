// What the tests hold: a Go program, which has several threads before main.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// Start threads before main.main.
func init() {
	var ready, done sync.WaitGroup
	for range 6 {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			ready.Wait()
			ppid()
		})
	}
	done.Wait()
}

//go:noinline
func ppid() bool {
	_, _, errno := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	return errno == syscall.EDOM
}

func main() {
	denied := 0
	var mu sync.Mutex
	var ready, done sync.WaitGroup
	for range 10 {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			ready.Wait()
			if ppid() {
				mu.Lock()
				defer mu.Unlock()
				denied++
			}
		})
	}
	done.Wait()
	fmt.Println(denied)
	os.Exit(6)
}
