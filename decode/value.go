package decode

import (
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Value writes the value v of register index (0 to 5) of a system call on
// x86_64, as [ParseArg] reads it: AF_VSOCK for 40 as the first argument of
// socket. It writes the whole register: 0x100000028 is not AF_VSOCK, although
// the kernel, which reads 32 bits of it, takes it for that. What an argument
// holds depending on others is not known here and is a number.
func Value(syscall string, index int, v uint64) string {
	return ValueOn(seccomp.X86_64, syscall, index, v)
}

// ValueOn is [Value] with the names and numbers of an ABI.
func ValueOn(abi seccomp.ABI, syscall string, index int, v uint64) string {
	if index < 0 || index >= maxArgs {
		return number(v, 16)
	}
	var regs [maxArgs]uint64
	regs[index] = v
	return ValueIn(abi, syscall, index, regs, 1<<index)
}

// ValueIn is [ValueOn] for the value of register index in a call of which more
// is known: those registers i whose bit 1<<i is set in known. Then an argument
// can be named that depends on another, as SECCOMP_MODE_STRICT behind
// PR_SET_SECCOMP.
func ValueIn(abi seccomp.ABI, syscall string, index int, regs [6]uint64, known uint8) string {
	if index < 0 || index >= maxArgs {
		return number(0, 16)
	}
	v := regs[index]
	ps, _ := parametersOf(abi, syscall)
	i := atRegister(ps, index)
	if i < 0 {
		return number(v, 16)
	}
	a := meaning(rowFor(abi, syscall, knownOf(abi, ps, regs, known)), ps, i)
	if a.kind == kindEnd {
		a = sometimes(abi, syscall, ps, i)
	}
	switch a.kind {
	case kindGroup:
		return groups[a.group].format(abi, v)
	case kindMode:
		return number(v, 8)
	case kindFD, kindInt, kindUint, kindID:
		return number(v, 10)
	}
	if v == 0 && ps[i].Kind == syscalls.Pointer {
		return "NULL"
	}
	return number(v, 16)
}

// knownOf returns the function that tells the values of the known parameters,
// as the kernel reads them.
func knownOf(abi seccomp.ABI, ps []parameter, regs [6]uint64, known uint8) func(int, argument) (uint64, bool) {
	c := call{space: space{abi: abi}, parameters: ps, values: make([]uint64, len(ps))}
	for i, p := range ps {
		c.values[i] = p.value(abi, regs)
	}
	return func(i int, a argument) (uint64, bool) {
		if i >= len(ps) || !carried(known, ps[i].low) || !carried(known, ps[i].high) {
			return 0, false
		}
		return c.numeric(i, a), true
	}
}

// carried reports whether a register, or none, is known.
func carried(known uint8, register int) bool { return register < 0 || known>>register&1 == 1 }

// sometimes is what argument i of a call holds where it is used at all, as the
// mode of open is with O_CREAT.
func sometimes(abi seccomp.ABI, syscall string, ps []parameter, i int) argument {
	for _, r := range rowsOf(syscall) {
		if a := meaning(&r, ps, i); r.on&(1<<abi) != 0 && a.kind != kindEnd {
			return a
		}
	}
	return meaning(nil, ps, i)
}

// atRegister is the place of the parameter that a register carries, -1 where
// it carries none, or only half of one.
func atRegister(ps []parameter, register int) int {
	for i, p := range ps {
		if p.low == register && p.high < 0 {
			return i
		}
	}
	return -1
}
