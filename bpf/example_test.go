package bpf_test

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// A filter that lets a program write to its standard output only.
func ExampleAssemble() {
	filter, err := bpf.Assemble(`
		ld  arch
		jne #0xc000003e, bad
		ld  nr
		jne #1, good              ; write
		ld  [16]                  ; its file descriptor
		jne #1, bad
	good:	ret ALLOW
	bad:	ret ERRNO(EBADF)
	`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(filter)
	// Output:
	// 0: ld    arch
	// 1: jne   #0xc000003e, 7             ; arch != x86_64
	// 2: ld    nr
	// 3: jne   #1, 6                      ; nr != 1
	// 4: ld    [16]                       ; args[0] low
	// 5: jne   #1, 7                      ; args[0] low != 1
	// 6: ret   ALLOW
	// 7: ret   ERRNO(EBADF)
}

func ExampleProgram_Verify() {
	filter := bpf.Program{
		bpf.LoadWord(seccomp.OffsetNR),
		bpf.Stmt(bpf.Div, 0),
		bpf.Ret(seccomp.Allow),
	}
	fmt.Println(filter.Verify())
	// Output:
	// bpf: instruction 1 (div #0): division by zero: the divisor must not be 0
}

func ExampleLoad() {
	high, low := seccomp.ArgOffsets(binary.LittleEndian, 0)
	filter, err := bpf.Load(bpf.Program{
		bpf.LoadWord(high),
		bpf.Jump(bpf.JumpEQ, 0, 0, 3),
		bpf.LoadWord(low),
		bpf.Jump(bpf.JumpGT, 512, 1, 0),
		bpf.Ret(seccomp.Allow),
		bpf.Ret(seccomp.ReturnErrno(seccomp.EPERM)),
	}, binary.LittleEndian)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range []uint64{512, 513, 1 << 32} {
		fmt.Println(n, filter.Run(seccomp.Data{Args: [6]uint64{n}}))
	}
	// Output:
	// 512 ALLOW
	// 513 ERRNO(EPERM)
	// 4294967296 ERRNO(EPERM)
}

func ExampleListing() {
	filter := bpf.Program{
		bpf.LoadWord(seccomp.OffsetArch),
		bpf.Jump(bpf.JumpEQ, seccomp.AARCH64.Arch(), 1, 0),
		bpf.Ret(seccomp.KillProcess),
		bpf.LoadWord(seccomp.OffsetNR),
		bpf.Jump(bpf.JumpEQ, 34, 0, 1),
		bpf.Ret(seccomp.ReturnErrno(seccomp.EPERM)),
		bpf.Ret(seccomp.Allow),
	}
	table := func(abi seccomp.ABI, nr uint32) (string, bool) { // syscalls.Name, for one
		return "mkdirat", abi == seccomp.AARCH64 && nr == 34
	}
	if err := (bpf.Listing{Syscall: table}).Write(os.Stdout, filter); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0: ld    arch
	// 1: jeq   #0xc00000b7, 3             ; arch == aarch64
	// 2: ret   KILL_PROCESS
	// 3: ld    nr
	// 4: jne   #34, 6                     ; nr != mkdirat
	// 5: ret   ERRNO(EPERM)
	// 6: ret   ALLOW
}
