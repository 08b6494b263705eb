package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// Engine is a program that reads profiles and hands what it makes of them to
// a container runtime. The same file can mean different things to different
// engines.
type Engine uint8

// The engines. Sources: github.com/moby/profiles/seccomp (Docker),
// go.podman.io/common/pkg/seccomp (Podman, CRI-O, Buildah), containerd's
// contrib/seccomp, and runtime-spec's config-linux.md.
const (
	// Docker knows includes, excludes, archMap and name.
	Docker Engine = iota
	// Podman knows what Docker knows but minKernel, and errno by name.
	Podman
	// CRIO reads as Podman does.
	CRIO
	// Containerd, which Kubernetes mostly runs on, takes the file for an OCI
	// object: all that Docker added is dropped without a word.
	Containerd
	// OCI is a runtime that is given its config.json by hand.
	OCI
	numEngines
)

type engineFacts struct {
	name       string
	includes   bool // includes, excludes, archMap, name, comment
	minKernel  bool
	errnoNames bool
	// nameFirst: a rule with name and names is refused even where the rule
	// is then left out.
	nameFirst bool
	// keepFlags: an empty list of flags reaches the runtime as such. The
	// others write config.json by Go types that leave an empty list out.
	keepFlags bool
	// native is the machine in the words that includes.arches and
	// excludes.arches compare with.
	native map[seccomp.ABI]string
	// mapped are the machines for which archMap is looked up.
	mapped []seccomp.ABI
}

var engines = [numEngines]engineFacts{
	Docker:     {name: "docker", includes: true, minKernel: true, nameFirst: true, native: mobyArches, mapped: mobyMapped},
	Podman:     {name: "podman", includes: true, errnoNames: true, native: commonArches, mapped: commonMapped},
	CRIO:       {name: "cri-o", includes: true, errnoNames: true, native: commonArches, mapped: commonMapped},
	Containerd: {name: "containerd"},
	OCI:        {name: "oci", keepFlags: true},
}

// The names that Docker gives to machines. It has none for big-endian MIPS
// of 32 bits.
var mobyArches = map[seccomp.ABI]string{
	seccomp.X86: "x86", seccomp.X86_64: "amd64", seccomp.ARM: "arm",
	seccomp.AARCH64: "arm64", seccomp.LoongArch64: "loongarch64",
	seccomp.MIPS64: "mips64", seccomp.MIPS64N32: "mips64n32",
	seccomp.MIPSEL64: "mipsel64", seccomp.MIPSEL64N32: "mips3l64n32",
	seccomp.MIPSEL: "mipsel", seccomp.PPC: "ppc", seccomp.PPC64: "ppc64",
	seccomp.PPC64LE: "ppc64le", seccomp.RISCV64: "riscv64",
	seccomp.S390: "s390", seccomp.S390X: "s390x",
}

// Docker looks archMap up by a second table, in which loongarch64 and mipsel
// have other names: it never finds them.
var mobyMapped = []seccomp.ABI{
	seccomp.X86, seccomp.X86_64, seccomp.ARM, seccomp.AARCH64,
	seccomp.MIPS64, seccomp.MIPS64N32, seccomp.MIPSEL64, seccomp.MIPSEL64N32,
	seccomp.PPC, seccomp.PPC64, seccomp.PPC64LE, seccomp.RISCV64,
	seccomp.S390, seccomp.S390X,
}

// containers/common uses the names of libseccomp's Go binding.
var commonArches = map[seccomp.ABI]string{
	seccomp.X86: "x86", seccomp.X86_64: "amd64", seccomp.X32: "x32",
	seccomp.ARM: "arm", seccomp.AARCH64: "arm64",
	seccomp.LoongArch64: "loong64", seccomp.M68K: "m68k",
	seccomp.MIPS: "mips", seccomp.MIPS64: "mips64",
	seccomp.MIPS64N32: "mips64n32", seccomp.MIPSEL: "mipsel",
	seccomp.MIPSEL64: "mipsel64", seccomp.MIPSEL64N32: "mipsel64n32",
	seccomp.PARISC: "parisc", seccomp.PARISC64: "parisc64",
	seccomp.PPC: "ppc", seccomp.PPC64: "ppc64", seccomp.PPC64LE: "ppc64le",
	seccomp.RISCV64: "riscv64", seccomp.S390: "s390", seccomp.S390X: "s390x",
	seccomp.SH: "sh", seccomp.SHEB: "sheb",
}

var commonMapped = []seccomp.ABI{
	seccomp.X86_64, seccomp.AARCH64, seccomp.MIPS64, seccomp.MIPS64N32,
	seccomp.MIPSEL64, seccomp.MIPSEL64N32, seccomp.S390X,
}

// Engines lists the engines.
func Engines() []Engine { return []Engine{Docker, Podman, CRIO, Containerd, OCI} }

// ParseEngine reads the name of an engine in any case: docker, podman, cri-o,
// containerd or oci. kubernetes and nerdctl are containerd, moby is docker,
// buildah is podman.
func ParseEngine(s string) (Engine, error) {
	name := strings.ToLower(s)
	switch name {
	case "moby":
		return Docker, nil
	case "buildah", "containers":
		return Podman, nil
	case "crio":
		return CRIO, nil
	case "kubernetes", "k8s", "nerdctl", "ctr":
		return Containerd, nil
	}
	for _, e := range Engines() {
		if e.String() == name {
			return e, nil
		}
	}
	return 0, fmt.Errorf("unknown engine %q: want docker, podman, cri-o, containerd or oci", s)
}

func (e Engine) facts() engineFacts {
	if e >= numEngines {
		return engineFacts{name: fmt.Sprintf("Engine(%d)", uint8(e))}
	}
	return engines[e]
}

// String is the name of e, as in docker.
func (e Engine) String() string { return e.facts().name }

// archName is the machine as e's includes.arches and excludes.arches name
// it, empty where e has no name for it: then no list contains it.
func (f engineFacts) archName(abi seccomp.ABI) string { return f.native[abi] }

// looksUp reports whether archMap is looked up on a machine of the ABI.
func (f engineFacts) looksUp(abi seccomp.ABI) bool { return slices.Contains(f.mapped, abi) }
