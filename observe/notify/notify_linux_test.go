package notify_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/observe/notify"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func TestMain(m *testing.M) {
	if status, ok := notify.Helper(os.Args); ok {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// name is the name of a call, with its ABI where that is not the machine's own.
func name(k observe.Key) (string, bool) {
	name, ok := syscalls.Name(k.ABI, k.NR)
	if native, _ := seccomp.NativeABI(runtime.GOARCH); k.ABI != native {
		name = k.ABI.String() + ":" + name
	}
	return name, ok
}
