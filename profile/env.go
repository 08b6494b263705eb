package profile

import (
	"fmt"

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
	Kernel Kernel
}

// DockerEnv is a container as "docker run" starts it without any option, on
// a machine of the given ABI and kernel.
func DockerEnv(abi seccomp.ABI, kernel Kernel) Env {
	return Env{Engine: Docker, ABI: abi, Caps: DockerCaps, Kernel: kernel}
}

// Kernel is a kernel version, as far as profiles tell versions apart.
type Kernel struct {
	Major, Minor uint
}

// ParseKernel reads a kernel release as uname(2) gives it. It looks at the
// first two numbers and ignores the rest: 6.18.44-fc, 3.12-1-amd64, 4.8.
func ParseKernel(release string) (Kernel, error) {
	var k Kernel
	if _, err := fmt.Sscanf(release, "%d.%d", &k.Major, &k.Minor); err != nil {
		return Kernel{}, fmt.Errorf("kernel version %q: want two numbers as in 6.18", release)
	}
	return k, nil
}

// AtLeast reports whether k is version v or newer.
func (k Kernel) AtLeast(v Kernel) bool {
	return k.Major > v.Major || k.Major == v.Major && k.Minor >= v.Minor
}

// String is k as in 6.18.
func (k Kernel) String() string { return fmt.Sprintf("%d.%d", k.Major, k.Minor) }
