package decode_test

import (
	"errors"
	"fmt"

	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/seccomp"
)

func ExampleCall() {
	// mmap(NULL, 4096, ...) on x86_64: no memory to follow pointers in.
	fmt.Println(decode.Call(seccomp.X86_64, 9, [6]uint64{0, 4096, 3, 0x22, 0xffffffff, 0}, nil))
	fmt.Println(decode.Call(seccomp.MIPS, 4183, [6]uint64{40, 2, 0}, nil))
	fmt.Println(decode.Call(seccomp.S390X, 120, [6]uint64{0, 0x10000011}, nil))
	// Output:
	// mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)
	// socket(AF_VSOCK, SOCK_STREAM, 0)
	// clone(NULL, CLONE_NEWUSER|SIGCHLD, NULL, NULL, NULL)
}

func ExampleParseArg() {
	for _, text := range []string{"SOCK_STREAM|SOCK_CLOEXEC", "0x10", "-1", "SOCK_STREEM"} {
		v, err := decode.ParseArg("socket", 1, text)
		if bad := new(decode.ArgError); errors.As(err, &bad) {
			fmt.Println("did you mean", bad.Nearest)
			continue
		}
		fmt.Printf("%#x\n", v)
	}
	// Output:
	// 0x80001
	// 0x10
	// 0xffffffffffffffff
	// did you mean SOCK_STREAM
}

func ExampleValue() {
	fmt.Println(decode.Value("socket", 0, 40))
	fmt.Println(decode.Value("clone", 0, 0x7e020000))
	fmt.Println(decode.Value("chmod", 1, 0o4755))
	fmt.Println(decode.Value("write", 2, 512))
	// Output:
	// AF_VSOCK
	// CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET
	// 04755
	// 512
}
