package decode

import (
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// A parameter is an argument of a call with the registers that carry it.
type parameter struct {
	syscalls.Arg
	low, high int // registers; high is -1 but for 64 bits in two registers
}

// parametersOf are the arguments of a call on abi in their order: the two
// registers of a 64-bit argument are one parameter, padding is none. ok is
// false where the arguments are not known.
func parametersOf(abi seccomp.ABI, call string) (ps []parameter, ok bool) {
	regs := syscalls.Registers(abi, call)
	for i, a := range regs {
		switch a.Kind {
		case syscalls.Unused:
		case syscalls.WideLow, syscalls.WideHigh:
			ps = joinHalf(ps, a, i)
		default:
			ps = append(ps, parameter{a, i, -1})
		}
	}
	return ps, regs != nil
}

// joinHalf adds half a as a parameter, or completes the one whose other half
// came in the register before.
func joinHalf(ps []parameter, a syscalls.Arg, register int) []parameter {
	low, high := register, -1
	if a.Kind == syscalls.WideHigh {
		low, high = -1, register
	}
	if n := len(ps) - 1; n >= 0 && ps[n].Name == a.Name && (ps[n].low < 0 || ps[n].high < 0 && a.Kind == syscalls.WideHigh) {
		ps[n].low, ps[n].high = max(ps[n].low, low), max(ps[n].high, high)
		return ps
	}
	a.Kind = syscalls.Wide
	return append(ps, parameter{a, low, high})
}

// value is the argument as the kernel reads it from the registers, widened to
// 64 bits as its type is signed.
func (p parameter) value(abi seccomp.ABI, regs [6]uint64) uint64 {
	if p.high >= 0 && p.low >= 0 {
		return regs[p.high]<<32 | regs[p.low]&0xffffffff
	}
	return extend(regs[max(p.low, 0)], p.Kind.Bits(abi), p.Kind.Signed())
}

// extend widens the low bits of v.
func extend(v uint64, bits int, signed bool) uint64 {
	shift := 64 - bits
	if signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// meaning is what argument i of a call holds: what the table says of it, else
// what its C type says.
func meaning(r *row, ps []parameter, i int) argument {
	a := r.argument(i)
	if a.kind != kindTyped || i >= len(ps) {
		return a
	}
	a.kind = typed(ps[i].Arg)
	if a.kind == kindGroup {
		a.group = place("clock")
	}
	return a
}

// typed is what an argument holds as far as its declaration tells.
func typed(arg syscalls.Arg) kind {
	c := strings.TrimPrefix(arg.Type, "const ")
	switch {
	case arg.Kind == syscalls.Pointer:
		return pointed(arg)
	case c == "umode_t":
		return kindMode
	case c == "clockid_t":
		return kindGroup
	case c == "uid_t", c == "gid_t", c == "qid_t", c == "old_uid_t", c == "old_gid_t":
		return kindID
	case strings.HasSuffix(arg.Name, "fd"), strings.Contains(arg.Name, "fd_"), arg.Name == "fildes":
		return kindFD
	case arg.Kind == syscalls.ULong:
		return long(arg.Name)
	case arg.Kind.Signed(), c == "loff_t":
		return kindInt
	}
	return kindUint
}

// long is what an unsigned long holds, for which C has one type: an address, a
// size or bits. Only its name tells.
func long(name string) kind {
	switch name {
	case "addr", "new_addr", "start", "brk", "newsp", "tls":
		return kindAddress
	case "len", "old_len", "new_len", "size", "vlen", "maxnode", "nr_segs",
		"liovcnt", "riovcnt", "nr_pages", "bytecount", "cmdline_len":
		return kindUint
	}
	return kindHex
}

// pointed is what an address leads to, where the kernel only reads it.
func pointed(arg syscalls.Arg) kind {
	switch arg.Type {
	case "const char *":
		return kindString
	case "const struct __kernel_timespec *":
		return kindTimespec
	}
	return kindAddress
}
