package syscalls_test

import (
	"fmt"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func ExampleNumber() {
	for _, abi := range []seccomp.ABI{seccomp.X86_64, seccomp.X32, seccomp.AARCH64, seccomp.MIPS} {
		if nr, ok := syscalls.Number(abi, "mkdir"); ok {
			fmt.Println(abi, nr)
		} else {
			fmt.Println(abi, "has no mkdir")
		}
	}
	// Output:
	// x86_64 83
	// x32 1073741907
	// aarch64 has no mkdir
	// mips 4039
}

func ExampleName() {
	fmt.Println(syscalls.Name(seccomp.X86_64, 59))
	fmt.Println(syscalls.Name(seccomp.AARCH64, 221))
	// Output:
	// execve true
	// execve true
}

// On 32-bit x86 a program can call socket directly, or ask socketcall for it.
func ExampleThrough() {
	nr, _ := syscalls.Number(seccomp.X86, "socket")
	m, _ := syscalls.Through(seccomp.X86, "socket")
	fmt.Printf("number %d, or %s (number %d) with %d in register 0\n", nr, m.By, m.Number, m.Call)
	// Output: number 359, or socketcall (number 102) with 1 in register 0
}

// The kernel looks at 32 bits of the flags of openat, whatever the filter saw
// in the other 32.
func ExampleArgs() {
	for i, a := range syscalls.Args("openat") {
		fmt.Println(i, a.Name, a.Type, a.Kind.Bits(seccomp.X86_64))
	}
	// Output:
	// 0 dfd int 32
	// 1 filename const char * 64
	// 2 flags int 32
	// 3 mode umode_t 16
}

// The flags of clone come first on most machines and second on s390.
func ExampleRegisters() {
	for _, abi := range []seccomp.ABI{seccomp.X86_64, seccomp.S390X} {
		fmt.Print(abi, ":")
		for _, a := range syscalls.Registers(abi, "clone") {
			fmt.Print(" ", a.Name)
		}
		fmt.Println()
	}
	// Output:
	// x86_64: clone_flags newsp parent_tidptr child_tidptr tls
	// s390x: newsp clone_flags parent_tidptr child_tidptr tls
}

func ExampleNearest() {
	fmt.Println(syscalls.Nearest("scoket"))
	// Output: socket true
}

func ExampleSince() {
	v, _ := syscalls.Since("openat2")
	fmt.Println(v)
	// Output: 5.6
}

func ExamplePurpose() {
	group := syscalls.Purpose("futex")
	fmt.Printf("%s: %s\n", group, syscalls.PurposeText(group))
	// Output: processes: processes and threads: start, end, wait, identity
}

func ExampleRisk() {
	for _, name := range []string{"ptrace", "read", "finit_module"} {
		if why, ok := syscalls.Risk(name); ok {
			fmt.Println(name, why)
		}
	}
	// Output:
	// ptrace reads and steers other processes; before Linux 4.8 a tracer also changes calls behind the filter
	// finit_module loads code into the kernel from a file; needs CAP_SYS_MODULE
}
