package decode

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Call writes the system call with number nr (in the number space of abi) and
// the given argument registers, such as openat(AT_FDCWD, "/etc/passwd",
// O_RDONLY). With a nil mem, and where it cannot be read, addresses are
// written in hexadecimal.
//
// Arguments are written as the kernel reads them: of an int it reads 32 bits
// of the register. Of strings, buffers and arrays a bounded part is shown,
// with "..." for the rest; bytes that are not printable are escaped. The text
// is for people: it may get better.
func Call(abi seccomp.ABI, nr uint32, args [6]uint64, mem Memory) string {
	name, ok := syscalls.Name(abi, nr)
	if !ok {
		return unknown(fmt.Sprintf("syscall_%#x", nr), args)
	}
	return CallNamed(abi, name, args, mem)
}

// CallNamed is [Call] for a call that is given by its name.
func CallNamed(abi seccomp.ABI, name string, args [6]uint64, mem Memory) string {
	ps, ok := parametersOf(abi, name)
	if !ok {
		return unknown(name, args)
	}
	values := make([]uint64, len(ps))
	for i, p := range ps {
		values[i] = p.value(abi, args)
	}
	c := call{space{mem, abi}, name, ps, values}
	return name + "(" + strings.Join(c.arguments(), ", ") + ")"
}

// unknown writes a call of which only the registers are known.
func unknown(name string, args [6]uint64) string {
	texts := make([]string, len(args))
	for i, v := range args {
		texts[i] = number(v, 16)
	}
	return name + "(" + strings.Join(texts, ", ") + ")"
}

// A call is a system call with its arguments.
type call struct {
	space
	name       string
	parameters []parameter
	values     []uint64
}

// arguments are the texts of the arguments.
func (c call) arguments() []string {
	r := rowFor(c.abi, c.name, func(i int, a argument) (uint64, bool) { return c.numeric(i, a), true })
	var texts []string
	for i := range c.values {
		a := meaning(r, c.parameters, i)
		if a.kind == kindEnd {
			break
		}
		texts = append(texts, c.argument(i, a))
	}
	return texts
}

// argument is the text of argument i, which holds a.
func (c call) argument(i int, a argument) string {
	v := c.values[i]
	switch a.kind {
	case kindGroup:
		return groups[a.group].format(c.abi, c.numeric(i, a))
	case kindFD, kindInt:
		return strconv.FormatInt(int64(c.signed(i)), 10)
	case kindID:
		return c.id(i)
	case kindUint:
		return strconv.FormatUint(v, 10)
	case kindMode:
		return number(v, 8)
	case kindDevice:
		return device(v)
	case kindTyped, kindHex:
		return number(c.unsigned(i), 16)
	}
	if text, ok := c.follow(i, a); ok {
		return text
	}
	return address(c.unsigned(i))
}

// numeric is argument i as the constants of a have it: negative where the
// group names negative numbers. It is 0 where the call has no argument i.
func (c call) numeric(i int, a argument) uint64 {
	if i >= len(c.values) {
		return 0
	}
	if a.kind == kindGroup && groups[a.group].signed() {
		return c.signed(i)
	}
	return c.unsigned(i)
}

// signed is argument i as a signed number of the size that the kernel reads;
// a descriptor declared as a long is an int all the same.
func (c call) signed(i int) uint64 {
	bits := c.parameters[i].Kind.Bits(c.abi)
	if bits == 64 && strings.HasSuffix(c.parameters[i].Name, "fd") {
		bits = 32
	}
	if c.parameters[i].Kind == syscalls.Wide {
		bits = 64
	}
	return extend(c.values[i], bits, true)
}

// unsigned is argument i as an unsigned number of the size that the kernel
// reads.
func (c call) unsigned(i int) uint64 {
	if c.parameters[i].Kind == syscalls.Wide {
		return c.values[i]
	}
	return extend(c.values[i], c.parameters[i].Kind.Bits(c.abi), false)
}

// id writes a user or group; all bits set means none.
func (c call) id(i int) string {
	bits := c.parameters[i].Kind.Bits(c.abi)
	if v := c.unsigned(i); v != extend(^uint64(0), bits, false) {
		return strconv.FormatUint(v, 10)
	}
	return "-1"
}

// address writes a pointer.
func address(v uint64) string {
	if v == 0 {
		return "NULL"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// device writes a device number of 32 bits as the kernel decodes it
// (new_decode_dev in linux/kdev_t.h).
func device(v uint64) string {
	major := v >> 8 & 0xfff
	minor := v&0xff | v>>12&0xfff00
	return fmt.Sprintf("makedev(%#x, %#x)", major, minor)
}
