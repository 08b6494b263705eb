package profile

import (
	"maps"
	"slices"

	"github.com/callgate/callgate/seccomp"
)

// machines are the names that an engine has for machines.
type machines struct {
	// names are those that includes.arches and excludes.arches compare with.
	names map[seccomp.ABI]string
	// mapped are the machines for which archMap is looked up.
	mapped []seccomp.ABI
}

// The machines of Docker up to 23.0 and in the first releases of later
// branches (profiles/seccomp/seccomp_linux.go: goToNative, nativeToSeccomp).
// There is no name for big-endian MIPS of 32 bits; mipsel is looked up under
// another name, and so never found.
var mobyMachines = machines{
	names: map[seccomp.ABI]string{
		seccomp.X86: "x86", seccomp.X86_64: "amd64", seccomp.ARM: "arm",
		seccomp.AARCH64: "arm64",
		seccomp.MIPS64:  "mips64", seccomp.MIPS64N32: "mips64n32",
		seccomp.MIPSEL64: "mipsel64", seccomp.MIPSEL64N32: "mips3l64n32",
		seccomp.MIPSEL: "mipsel", seccomp.PPC: "ppc", seccomp.PPC64: "ppc64",
		seccomp.PPC64LE: "ppc64le", seccomp.S390: "s390", seccomp.S390X: "s390x",
	},
	mapped: []seccomp.ABI{
		seccomp.X86, seccomp.X86_64, seccomp.ARM, seccomp.AARCH64,
		seccomp.MIPS64, seccomp.MIPS64N32, seccomp.MIPSEL64, seccomp.MIPSEL64N32,
		seccomp.PPC, seccomp.PPC64, seccomp.PPC64LE,
		seccomp.S390, seccomp.S390X,
	},
}

// moby/moby#48455 and seccomp v0.2.0 of moby/profiles added one machine each.
// The latter is looked up as loong64, and so its archMap is never found.
var (
	mobyRISCV     = mobyMachines.with(seccomp.RISCV64, "riscv64", true)
	mobyLoongArch = mobyRISCV.with(seccomp.LoongArch64, "loongarch64", false)
)

// looksUp reports whether archMap is looked up on a machine of the ABI.
func (m machines) looksUp(abi seccomp.ABI) bool { return slices.Contains(m.mapped, abi) }

// with is m with one more machine.
func (m machines) with(abi seccomp.ABI, name string, mapped bool) machines {
	names := maps.Clone(m.names)
	names[abi] = name
	out := machines{names: names, mapped: m.mapped}
	if mapped {
		out.mapped = append(m.mapped[:len(m.mapped):len(m.mapped)], abi)
	}
	return out
}

// containers/common uses the names of libseccomp's Go binding.
var commonMachines = machines{
	names: map[seccomp.ABI]string{
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
	},
	mapped: []seccomp.ABI{
		seccomp.X86_64, seccomp.AARCH64, seccomp.MIPS64, seccomp.MIPS64N32,
		seccomp.MIPSEL64, seccomp.MIPSEL64N32, seccomp.S390X,
	},
}

// containerd's default profile is code that asks for GOARCH (contrib/seccomp,
// seccomp_default.go); we write its conditions in Docker's words.
var containerdMachines = machines{
	names: mobyLoongArch.names,
	mapped: []seccomp.ABI{
		seccomp.X86_64, seccomp.AARCH64, seccomp.MIPS64, seccomp.S390X, seccomp.RISCV64, seccomp.LoongArch64,
	},
}
