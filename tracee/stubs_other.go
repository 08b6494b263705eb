//go:build !linux || !(amd64 || arm64 || 386)

package tracee

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// errNotHere is the answer of every function: no program can be held.
var errNotHere = fmt.Errorf("programs cannot be held on %s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)

type tracee struct{ pid int }

type memory struct{ pid int }

func (memory) ReadAt([]byte, int64) (int, error) { return 0, errNotHere }

func start(Command, Options) (*tracee, error) { return nil, errNotHere }

func (*tracee) abi() seccomp.ABI { return 0 }

func (*tracee) runTo(Point) (Reached, error) { return Reached{}, errNotHere }

func (*tracee) syscall(uint32, []uint64) (int64, error) { return 0, errNotHere }

func (*tracee) install(bpf.Program, kernel.InstallOptions) error { return errNotHere }

func (*tracee) exec(bpf.Program, kernel.InstallOptions, string, []string, []string) error {
	return errNotHere
}

func (*tracee) strict() error { return errNotHere }

func (*tracee) detach() error { return errNotHere }

func (*tracee) wait(func(Blocked)) (syscall.WaitStatus, error) { return 0, errNotHere }

func (*tracee) watch(func(Blocked)) (syscall.WaitStatus, error) { return 0, errNotHere }

func (*tracee) trace(Watcher) error { return errNotHere }

func (*tracee) releaseAll() {}

func (*tracee) signal(syscall.Signal) error { return errNotHere }

func (*tracee) close() error { return errNotHere }
