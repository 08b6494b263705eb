package syscalls

import "github.com/callgate/callgate/seccomp"

// Multiplexed is a second way to make a call: through a multiplexer, a system
// call whose first register says which call is meant. The direct call may
// exist beside it.
type Multiplexed struct {
	By     string // the multiplexer: socketcall or ipc
	Number uint32 // its number
	Call   uint32 // what says which call: register 0, masked by Mask
	Mask   uint32 // the bits of register 0 that the multiplexer looks at
	// Args[i] is the register of the multiplexer that carries argument i of
	// the call, -1 where it lies in memory, out of a filter's sight, or where
	// that depends on the version in the upper half of register 0 (msgrcv).
	Args []int8
}

// multiplexedCall is a row of the generated table.
type multiplexedCall struct {
	by    uint16 // the id of the multiplexer
	call  uint32
	nargs uint8
	args  [6]int8
}

// Through tells how abi makes the named call by a multiplexer; ok is false
// where it cannot. The facts are those of the kernel: socketcall takes an int
// as its call number and every argument from memory, ipc the low half of an
// unsigned int.
func Through(abi seccomp.ABI, name string) (m Multiplexed, ok bool) {
	c, ok := Find(name)
	if !ok {
		return m, false
	}
	return c.Through(abi)
}

// Through is what the function [Through] tells of c.
func (c Call) Through(abi seccomp.ABI) (m Multiplexed, ok bool) {
	row := multiplexedRow[c.id]
	if row == 0 {
		return m, false
	}
	call := &multiplexed[row-1]
	nr, ok := numberOf(abi, call.by)
	if !ok {
		return m, false
	}
	m = Multiplexed{By: nameOf(int(call.by)), Number: nr, Call: call.call, Mask: 0xffffffff}
	m.Args = append(m.Args, call.args[:call.nargs]...)
	if m.By == "ipc" {
		m.adaptIPC(abi, nameOf(int(c.id)))
	}
	return m, true
}

// adaptIPC fits m to the ipc call of abi. The generic one keeps a version in
// the upper half of register 0 and looks at the lower half. s390 has its own
// (arch/s390/kernel/syscall.c): it refuses calls with any of the upper bits
// set, and its register 3 carries the timeout of semtimedop, since it has no
// register 5.
func (m *Multiplexed) adaptIPC(abi seccomp.ABI, name string) {
	if abi != seccomp.S390 && abi != seccomp.S390X {
		m.Mask = 0xffff
		return
	}
	if name == "semtimedop" {
		m.Args[3] = 3
	}
}
