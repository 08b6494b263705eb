package decode

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// timespec writes a struct timespec or timeval. Its fields are longs, but for
// the calls that 32-bit ABIs have for 64-bit times, and x32, whose times
// always have 64 bits.
func (c call) timespec(addr uint64, k kind) (string, bool) {
	size := c.wordSize()
	if strings.HasSuffix(c.name, "time64") || strings.HasSuffix(c.name, "settime64") || c.abi == seccomp.X32 {
		size = 8
	}
	b, ok := c.exactly(addr, 2*size)
	if !ok {
		return "", false
	}
	field := func(b []byte) int64 {
		if size == 4 {
			return int64(int32(c.order().Uint32(b)))
		}
		return int64(c.order().Uint64(b))
	}
	if k == kindTimeval {
		return fmt.Sprintf("{tv_sec=%d, tv_usec=%d}", field(b), field(b[size:])), true
	}
	return fmt.Sprintf("{tv_sec=%d, tv_nsec=%d}", field(b), field(b[size:])), true
}

// limits writes a struct rlimit, whose fields are longs, or for prlimit64 a
// struct rlimit64.
func (c call) limits(addr uint64) (string, bool) {
	size := c.wordSize()
	if c.name == "prlimit64" {
		size = 8
	}
	b, ok := c.exactly(addr, 2*size)
	if !ok {
		return "", false
	}
	limit := func(b []byte) string {
		v := c.order().Uint64(pad(b[:size], c.order()))
		if v == extend(^uint64(0), 8*size, false) {
			return "RLIM_INFINITY"
		}
		return decimal(v)
	}
	return fmt.Sprintf("{rlim_cur=%s, rlim_max=%s}", limit(b), limit(b[size:])), true
}

// pad widens a number of 4 or 8 bytes to 8.
func pad(b []byte, order binary.ByteOrder) []byte {
	switch {
	case len(b) == 8:
		return b
	case order == binary.ByteOrder(binary.BigEndian):
		return append(make([]byte, 8-len(b)), b...)
	}
	return append(append(make([]byte, 0, 8), b...), make([]byte, 8-len(b))...)
}

// openHow writes the struct open_how of openat2: three numbers of 64 bits.
func (c call) openHow(addr uint64) (string, bool) {
	b, ok := c.exactly(addr, 24)
	if !ok {
		return "", false
	}
	flags, mode, resolve := c.order().Uint64(b), c.order().Uint64(b[8:]), c.order().Uint64(b[16:])
	text := "{flags=" + named("open-flags").format(c.abi, flags)
	if mode != 0 {
		text += ", mode=" + number(mode, 8)
	}
	if resolve != 0 {
		text += ", resolve=" + named("resolve-flags").format(c.abi, resolve)
	}
	return text + "}", true
}

// cloneArgs writes the struct clone_args of clone3: flags, pidfd, child_tid,
// parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size and
// cgroup, numbers of 64 bits. The first version ends behind tls.
func (c call) cloneArgs(addr uint64) (string, bool) {
	b, ok := c.exactly(addr, 64)
	if !ok {
		return "", false
	}
	field := func(i int) uint64 { return c.order().Uint64(b[8*i:]) }
	text := "{flags=" + named("clone3-flags").format(c.abi, field(0))
	if signal := field(4); signal != 0 {
		text += ", exit_signal=" + named("signal").format(c.abi, signal)
	}
	if stack := field(5); stack != 0 {
		text += fmt.Sprintf(", stack=%#x, stack_size=%#x", stack, field(6))
	}
	return text + "}", true
}

// sockaddr writes a socket address of size bytes.
func (c call) sockaddr(addr, size uint64) (string, bool) {
	b := c.read(addr, int(min(size, maxStruct)))
	if len(b) < 2 {
		return "", false
	}
	family := named("address-family").format(c.abi, uint64(c.order().Uint16(b)))
	text, ok := c.endpoint(family, b)
	if !ok {
		text = quote(b[2:], uint64(len(b)) == size)
	}
	return "{" + family + " " + text + "}", true
}

// endpoint writes what a socket address has behind its family; ok is false
// for a family that is not known, or an address that is too short for it.
// Ports and IP addresses are in network order.
func (c call) endpoint(family string, b []byte) (text string, ok bool) {
	switch {
	case family == "AF_UNIX":
		return unixPath(b[2:]), true
	case family == "AF_INET" && len(b) >= 8:
		ip := netip.AddrFrom4([4]byte(b[4:8]))
		return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[2:])).String(), true
	case family == "AF_INET6" && len(b) >= 24:
		ip := netip.AddrFrom16([16]byte(b[8:24]))
		if len(b) >= 28 {
			if scope := c.order().Uint32(b[24:]); scope != 0 {
				ip = ip.WithZone(decimal(uint64(scope)))
			}
		}
		return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[2:])).String(), true
	case family == "AF_NETLINK" && len(b) >= 12:
		return fmt.Sprintf("pid=%d groups=%#x", c.order().Uint32(b[4:]), c.order().Uint32(b[8:])), true
	case family == "AF_VSOCK" && len(b) >= 12:
		return fmt.Sprintf("cid=%d port=%d", c.order().Uint32(b[8:]), c.order().Uint32(b[4:])), true
	}
	return "", false
}

// unixPath writes the path of a socket: up to its zero byte, or all of it with
// an "@" for the zero byte that an abstract name starts with.
func unixPath(b []byte) string {
	if len(b) > 0 && b[0] == 0 {
		return "@" + quote(b[1:], true)
	}
	path, _, _ := strings.Cut(string(b), "\x00")
	return quote([]byte(path), true)
}
