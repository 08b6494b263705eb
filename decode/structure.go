package decode

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// timespec writes a struct timespec or timeval.
func (c call) timespec(addr uint64, k kind) (string, bool) {
	size := c.timeSize()
	b, ok := c.exactly(addr, 2*size)
	if !ok {
		return "", false
	}
	seconds := int64(extend(c.integer(b[:size]), 8*size, true))
	fraction := int64(extend(c.integer(b[size:]), 8*size, true))
	if k == kindTimeval {
		return fmt.Sprintf("{tv_sec=%d, tv_usec=%d}", seconds, fraction), true
	}
	return fmt.Sprintf("{tv_sec=%d, tv_nsec=%d}", seconds, fraction), true
}

// timeSize is the number of bytes of a field of a struct timespec: that of a
// long, but 8 on x32, and everywhere for the calls that 32-bit ABIs got for
// 64-bit times, or that came after those.
func (c call) timeSize() int {
	if strings.HasSuffix(c.name, "time64") || c.abi == seccomp.X32 {
		return 8
	}
	switch c.name {
	case "epoll_pwait2", "futex_wait", "futex_waitv":
		return 8
	}
	return c.wordSize()
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
		v := c.integer(b)
		if v == extend(^uint64(0), 8*size, false) {
			return "RLIM_INFINITY"
		}
		return decimal(v)
	}
	return fmt.Sprintf("{rlim_cur=%s, rlim_max=%s}", limit(b[:size]), limit(b[size:])), true
}

// program writes a struct sock_fprog, a filter: its length, and behind padding
// the address of its instructions.
func (c call) program(addr uint64) (string, bool) {
	size := c.wordSize()
	b, ok := c.exactly(addr, 2*size)
	if !ok {
		return "", false
	}
	return fmt.Sprintf("{len=%d, filter=%s}", c.order().Uint16(b), address(c.integer(b[size:]))), true
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
