package seccomp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// ABI is one way to make system calls: an architecture entry of the kernel
// and a space of system call numbers. The zero value is no ABI.
type ABI uint8

// The ABIs that Linux has or had, named as the OCI runtime specification and
// libseccomp name them.
const (
	X86 ABI = 1 + iota
	X86_64
	X32
	ARM
	AARCH64
	LoongArch64
	M68K
	MIPS
	MIPSEL
	MIPS64
	MIPSEL64
	MIPS64N32
	MIPSEL64N32
	PARISC
	PARISC64
	PPC
	PPC64
	PPC64LE
	RISCV64
	S390
	S390X
	SH
	SHEB
	numABI
)

// x32Bit is __X32_SYSCALL_BIT, set in the numbers of x32 calls, which share
// an AUDIT_ARCH value with x86_64 ones.
const x32Bit = 0x40000000

type abiFacts struct {
	name string
	arch uint32 // AUDIT_ARCH_* of linux/audit.h
	bits uint8  // size of an argument register
	big  bool
	base uint32 // first number of the ABI's number space
}

// Sources: linux/audit.h for the values (ELF machine, 64-bit and
// little-endian flags, the n32 convention), arch/*/include/uapi/asm/unistd.h
// for the bases.
var abis = [numABI]abiFacts{
	X86:         {"x86", 0x40000003, 32, false, 0},
	X86_64:      {"x86_64", 0xc000003e, 64, false, 0},
	X32:         {"x32", 0xc000003e, 32, false, x32Bit},
	ARM:         {"arm", 0x40000028, 32, false, 0},
	AARCH64:     {"aarch64", 0xc00000b7, 64, false, 0},
	LoongArch64: {"loongarch64", 0xc0000102, 64, false, 0},
	M68K:        {"m68k", 0x00000004, 32, true, 0},
	MIPS:        {"mips", 0x00000008, 32, true, 4000},
	MIPSEL:      {"mipsel", 0x40000008, 32, false, 4000},
	MIPS64:      {"mips64", 0x80000008, 64, true, 5000},
	MIPSEL64:    {"mipsel64", 0xc0000008, 64, false, 5000},
	MIPS64N32:   {"mips64n32", 0xa0000008, 32, true, 6000},
	MIPSEL64N32: {"mipsel64n32", 0xe0000008, 32, false, 6000},
	PARISC:      {"parisc", 0x0000000f, 32, true, 0},
	PARISC64:    {"parisc64", 0x8000000f, 64, true, 0},
	PPC:         {"ppc", 0x00000014, 32, true, 0},
	PPC64:       {"ppc64", 0x80000015, 64, true, 0},
	PPC64LE:     {"ppc64le", 0xc0000015, 64, false, 0},
	RISCV64:     {"riscv64", 0xc00000f3, 64, false, 0},
	S390:        {"s390", 0x00000016, 32, true, 0},
	S390X:       {"s390x", 0x80000016, 64, true, 0},
	SH:          {"sh", 0x4000002a, 32, false, 0},
	SHEB:        {"sheb", 0x0000002a, 32, true, 0},
}

// ABIs lists every ABI in a fixed order.
func ABIs() []ABI {
	all := make([]ABI, 0, numABI-1)
	for a := X86; a < numABI; a++ {
		all = append(all, a)
	}
	return all
}

// ABIOf is the ABI of a call with the given AUDIT_ARCH value and number; ok
// is false where no ABI has that value. On x86_64 numbers of 0x40000000 and
// more are x32's, as libseccomp has it, but for 0xffffffff: that is the number
// -1 with which a tracer skips a call, and belongs to x86_64.
func ABIOf(arch, nr uint32) (abi ABI, ok bool) {
	if arch == abis[X86_64].arch {
		if nr >= x32Bit && nr != 0xffffffff {
			return X32, true
		}
		return X86_64, true
	}
	for a := X86; a < numABI; a++ {
		if abis[a].arch == arch {
			return a, true
		}
	}
	return 0, false
}

// NativeABI is the ABI of programs built with the given GOARCH; ok is false
// where Linux has none or Go's port has no seccomp name.
func NativeABI(goarch string) (abi ABI, ok bool) {
	i := slices.IndexFunc(goarchs[:], func(g goarchABI) bool { return g.name == goarch })
	if i < 0 {
		return 0, false
	}
	return goarchs[i].abi, true
}

type goarchABI struct {
	name string
	abi  ABI
}

var goarchs = [...]goarchABI{
	{"386", X86}, {"amd64", X86_64}, {"arm", ARM}, {"arm64", AARCH64},
	{"loong64", LoongArch64}, {"mips", MIPS}, {"mipsle", MIPSEL},
	{"mips64", MIPS64}, {"mips64le", MIPSEL64}, {"mips64p32", MIPS64N32},
	{"mips64p32le", MIPSEL64N32}, {"ppc", PPC}, {"ppc64", PPC64},
	{"ppc64le", PPC64LE}, {"riscv64", RISCV64}, {"s390", S390}, {"s390x", S390X},
}

// Valid reports whether a is one of the constants of this package.
func (a ABI) Valid() bool { return a > 0 && a < numABI }

// facts are those of a, and none, all zero, of what is no ABI.
func (a ABI) facts() *abiFacts {
	if !a.Valid() {
		return &abis[0]
	}
	return &abis[a]
}

// String is the lower-case name of a, as in x86_64.
func (a ABI) String() string {
	if !a.Valid() {
		return fmt.Sprintf("ABI(%d)", uint8(a))
	}
	return a.facts().name
}

// OCI is the name of a in an OCI profile, as in SCMP_ARCH_X86_64.
func (a ABI) OCI() string { return "SCMP_ARCH_" + strings.ToUpper(a.String()) }

// Arch is the AUDIT_ARCH value of calls made through a.
func (a ABI) Arch() uint32 { return a.facts().arch }

// WordBits is the size in bits of an argument register: 32 or 64. The upper
// half of an argument is always zero on a 32-bit ABI but for x32 and the n32
// ABIs, whose registers have 64 bits although their words have 32.
func (a ABI) WordBits() int { return int(a.facts().bits) }

// ByteOrder is the byte order of the machine.
func (a ABI) ByteOrder() binary.ByteOrder {
	if a.facts().big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Base is the number at which the number space of a starts: 0x40000000 for
// x32, 4000, 5000 and 6000 for the MIPS ABIs, 0 for all others.
func (a ABI) Base() uint32 { return a.facts().base }

// Shared reports whether another ABI has the AUDIT_ARCH value of a, so that
// only the number tells them apart: x86_64 and x32.
func (a ABI) Shared() bool { return a == X86_64 || a == X32 }

// ParseABI reads the name of an ABI in any case: x86_64 or SCMP_ARCH_X86_64,
// and the GOARCH spellings amd64, 386, arm64, loong64 and the like.
func ParseABI(s string) (ABI, error) {
	n := strings.ToLower(strings.TrimSpace(s))
	n = strings.TrimPrefix(n, "scmp_arch_")
	for a := X86; a < numABI; a++ {
		if abis[a].name == n {
			return a, nil
		}
	}
	if n == "i386" || n == "i686" {
		return X86, nil
	}
	if a, ok := NativeABI(n); ok {
		return a, nil
	}
	return 0, fmt.Errorf("unknown architecture %q: want one of %s", s, strings.Join(abiNames(), ", "))
}

func abiNames() []string {
	names := make([]string, 0, numABI-1)
	for _, a := range ABIs() {
		names = append(names, a.String())
	}
	return names
}
