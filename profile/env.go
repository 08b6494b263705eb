package profile

import (
	"github.com/callgate/callgate/seccomp"
)

// Env is what the meaning of a profile depends on beside its text. It is a
// value: nothing here asks the machine that the program runs on.
type Env struct {
	Engine Engine
	// ABI is the native one of the machine, see [seccomp.NativeABI].
	ABI seccomp.ABI
	// Caps is the bounding set of the container. That is what engines look
	// at, even when the container's process runs without capabilities as
	// some other user.
	Caps Capabilities
	// Kernel is the version of the machine's kernel. The zero value is older
	// than every minKernel.
	Kernel seccomp.Version
}

// DockerEnv is a container as "docker run" starts it without any option, on
// a machine of the given ABI and kernel.
func DockerEnv(abi seccomp.ABI, kernel seccomp.Version) Env {
	return Env{Engine: Docker, ABI: abi, Caps: DockerCaps, Kernel: kernel}
}
