//go:build !linux

package kernel

import (
	"context"
	"syscall"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// notLinux is the answer of every function: seccomp is Linux's.
func notLinux(op string) error {
	return &Error{Op: op, Reason: "this is not Linux", Missing: true}
}

func install(bpf.Program, InstallOptions) (int, error) { return 0, notLinux(opInstall) }

func execute(bpf.Program, InstallOptions, string, []string, []string) error {
	return notLinux(opInstall)
}

func executeListener(bpf.Program, InstallOptions, string, []string, []string, func(int) error) error {
	return notLinux(opInstall)
}

func privileged() bool { return false }

func explainInstall(bpf.Program, Flag, int) error { return notLinux(opInstall) }

func strict() error { return notLinux("enter strict mode") }

func explainStrict(int) error { return notLinux("enter strict mode") }

func filters(context.Context, int) ([]bpf.Program, error) {
	return nil, notLinux("read the filters of a process")
}

func running() (seccomp.Version, error) {
	return seccomp.Version{}, notLinux("ask for the kernel's version")
}

func loggedActions() ([]string, error) { return nil, notLinux("read which actions are logged") }

func activeLSMs() ([]string, error) { return nil, notLinux("list the Linux security modules") }

func probeAction(a seccomp.Action) error { return notLinux("action " + a.KindName()) }

func probeFlag(f Flag) error { return notLinux("flag " + f.String()) }

func modeFeatures() []Feature { return nil }

func notifyFeatures() []Feature { return nil }

func inspectionFeatures() []Feature { return nil }

type listener struct{ fd int }

func newListener(int) (*listener, error) { return nil, notLinux("take a listener's descriptor") }

func (*listener) close() error { return notLinux("close a listener") }

func (*listener) receive(context.Context) (Notification, error) {
	return Notification{}, notLinux("receive a notification")
}

func (*listener) respond(uint64, int64, syscall.Errno, bool) error {
	return notLinux("answer a notification")
}

func (*listener) addFD(uint64, AddFD) (int, error) { return -1, notLinux("add a descriptor") }

func (*listener) idValid(uint64) error { return notLinux("check a notification") }

func (*listener) setSyncWakeUp(bool) error {
	return notLinux("set the listener to wake synchronously")
}
