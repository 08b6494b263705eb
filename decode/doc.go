// Package decode writes a system call as people read it, with its arguments by
// name, and reads arguments as people write them:
//
//	openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)
//	socket(AF_VSOCK, SOCK_STREAM|SOCK_CLOEXEC, 0)
//
// [Call] writes a call from the registers of any ABI; what pointers point at is
// shown where the caller can read the memory of the process ([Memory]), always
// a bounded part of it. [Value] writes one argument and [ParseArg] reads it
// back: ParseArg(Value(v)) is v for every value.
//
// Numbers are those of the ABI, not those of the machine that the package runs
// on: SOCK_STREAM is 2 on mips. They stand in constants.txt, and which argument
// holds which of them in calls.txt; the heads of both say where they are from.
package decode

//go:generate go run ./internal/gen
