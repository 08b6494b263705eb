package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/callgate/callgate/decode"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file writes calls, and conditions on them, for people, and reads calls
// as people write them.

// unknown stands for an argument of which nothing is known.
const unknown = "_"

// asked is a call of which not everything may be known.
type asked struct {
	abi   seccomp.ABI
	name  string // empty for a number without one
	data  seccomp.Data
	known uint8 // bit i: argument i is known
}

// parseCall reads a call from the words of a command line: its name or number,
// then its arguments by name or number, as many as are known, "_" for one that
// is not.
func parseCall(abi seccomp.ABI, words []string) (asked, error) {
	c := asked{abi: abi, name: words[0], data: seccomp.Data{Arch: abi.Arch()}}
	if nr, err := strconv.ParseUint(words[0], 0, 32); err == nil {
		c.data.NR = uint32(nr)
		if of, ok := c.data.ABI(); ok {
			abi, c.abi = of, of // x32's numbers are those of its machine, too
		}
		c.name, _ = syscalls.Name(abi, c.data.NR)
	} else if !syscalls.Known(words[0]) || !reachable(abi, words[0]) {
		_, err := callNumber(abi, words[0])
		return c, usage(err, missingCallHint(abi, words[0]))
	} else {
		c.data.NR, _ = syscalls.Number(abi, words[0])
	}
	args := words[1:]
	if len(args) > len(c.data.Args) {
		return c, usagef("want at most 6 arguments", "%s: %d arguments", words[0], len(args))
	}
	for i, text := range args {
		if text == unknown {
			continue
		}
		v, err := decode.ParseArgOn(abi, c.name, i, text)
		if err != nil {
			return c, usage(err, "_ stands for an argument that is not known")
		}
		if text[0] < '0' || text[0] > '9' { // a name, or a negative number
			v = register(abi, c.name, i, v)
		}
		c.data.Args[i] = v
		c.known |= 1 << i
	}
	return c, nil
}

// reachable reports whether abi has the call, directly or through a
// multiplexer.
func reachable(abi seccomp.ABI, name string) bool {
	_, direct := syscalls.Number(abi, name)
	_, through := syscalls.Through(abi, name)
	return direct || through
}

// missingCallHint is what to do about the name of a call that abi does not have.
func missingCallHint(abi seccomp.ABI, name string) string {
	if !syscalls.Known(name) {
		return "see: callgate syscalls --arch " + abi.String()
	}
	hint := "see: callgate syscalls " + name
	// Newer ABIs have only the newest form of many calls.
	for _, form := range []string{"%sat", "%s2", "%s3", "f%sat", "%sat2", "p%s", "p%s6", "newf%sat"} {
		if newer := fmt.Sprintf(form, name); reachable(abi, newer) {
			return fmt.Sprintf("programs for %v use %s; %s", abi, newer, hint)
		}
	}
	return hint
}

// register is an argument as a compiler passes it: a negative int leaves the
// upper half of its register zero.
func register(abi seccomp.ABI, name string, i int, v uint64) uint64 {
	regs := syscalls.Registers(abi, name)
	if i < len(regs) && regs[i].Kind.Bits(seccomp.X86_64) <= 32 && int64(v) < 0 && int64(v) >= math.MinInt32 {
		return v & math.MaxUint32
	}
	return v
}

// through is c as it is made through a multiplexer; ok is false where it
// cannot be.
func (c asked) through() (asked, bool) {
	m, ok := syscalls.Through(c.abi, c.name)
	if !ok {
		return asked{}, false
	}
	by := asked{abi: c.abi, name: m.By, known: 1, data: seccomp.Data{Arch: c.data.Arch, NR: m.Number}}
	by.data.Args[0] = uint64(m.Call)
	for i, r := range m.Args {
		if r >= 0 && c.known>>i&1 == 1 {
			by.data.Args[r] = c.data.Args[i]
			by.known |= 1 << r
		}
	}
	return by, true
}

// direct reports whether the ABI has a number for c itself.
func (c asked) direct() bool {
	if c.name == "" {
		return true
	}
	_, ok := syscalls.Number(c.abi, c.name)
	return ok
}

// String is c as in socket(AF_VSOCK, _, _).
func (c asked) String() string { return callText(c.abi, c.name, c.data, c.known) }

// callText writes a call with those of its arguments that are known: as many
// as it has, and those beyond that are not zero.
func callText(abi seccomp.ABI, name string, d seccomp.Data, known uint8) string {
	n := len(syscalls.Registers(abi, name))
	for i, v := range d.Args {
		if i >= n && known>>i&1 == 1 && v != 0 {
			n = i + 1
		}
	}
	args := make([]string, n)
	for i := range args {
		args[i] = unknown
		if known>>i&1 == 1 {
			args[i] = valueText(abi, name, i, d.Args, known)
		}
	}
	if name == "" {
		name = numberOn(abi, d.NR)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// valueText writes argument i of a call. An int whose register has a zero
// upper half is the number that the kernel reads: AT_FDCWD, not 4294967196. A
// value that is more than the flags that it is made of is a number.
func valueText(abi seccomp.ABI, name string, i int, args [6]uint64, known uint8) string {
	v := args[i]
	if regs := syscalls.Registers(abi, name); i < len(regs) && regs[i].Kind == syscalls.Int32 && v <= math.MaxUint32 {
		args[i] = uint64(int64(int32(v)))
	}
	text := decode.ValueIn(abi, name, i, args, known)
	if strings.Count(text, "|") > 3 && strings.Contains(text, "|0x") || strings.HasPrefix(text, "0xffffffff") {
		return fmt.Sprintf("%#x", v)
	}
	return text
}

// constantText writes a value that an argument of a call is compared with.
func constantText(abi seccomp.ABI, name string, i int, v uint64) string {
	var args [6]uint64
	args[i] = v
	return valueText(abi, name, i, args, 1<<i)
}

// witnessText writes a call that is fully known, wherever it comes from.
func witnessText(d seccomp.Data) string {
	abi, ok := d.ABI()
	if !ok {
		return fmt.Sprintf("number %d with architecture %#x", d.NR, d.Arch)
	}
	name, _ := syscalls.Name(abi, d.NR)
	text := callText(abi, name, d, 0x3f)
	if d.IP != 0 {
		text += fmt.Sprintf(" at %#x", d.IP)
	}
	return text
}

// conditionText writes a condition with the name of the argument and, where
// there are any, the names of its values.
func conditionText(abi seccomp.ABI, name string, c policy.Condition) string {
	arg := fmt.Sprintf("a%d", c.Arg)
	if regs := syscalls.Registers(abi, name); c.Arg < len(regs) && regs[c.Arg].Name != "" {
		arg = regs[c.Arg].Name
	}
	if c.Op == policy.MaskedEQ {
		c.Value &= c.Mask
	}
	value := constantText(abi, name, c.Arg, c.Value)
	switch {
	case c.Op == policy.MaskedEQ && c.Mask == math.MaxUint64:
		return fmt.Sprintf("%s == %s", arg, value)
	case c.Op == policy.MaskedEQ:
		return fmt.Sprintf("%s & %s == %s", arg, constantText(abi, name, c.Arg, c.Mask), value)
	}
	return fmt.Sprintf("%s %v %s", arg, c.Op, value)
}
