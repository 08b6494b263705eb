package sys

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SockFilter is struct sock_filter, one instruction of a filter.
type SockFilter struct {
	Code   uint16
	JT, JF uint8
	K      uint32
}

// sockFprog is struct sock_fprog; Go pads it as C does.
type sockFprog struct {
	len    uint16
	filter *SockFilter
}

// NotifSizes is struct seccomp_notif_sizes: the sizes in bytes of the
// kernel's notification, response and seccomp_data.
type NotifSizes struct{ Notif, Resp, Data uint16 }

// Notif is struct seccomp_notif, and the bytes in which the kernel of today
// lays it out.
type Notif struct {
	ID    uint64
	PID   uint32
	Flags uint32
	NR    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// NotifResp is struct seccomp_notif_resp.
type NotifResp struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

// NotifAddFD is struct seccomp_notif_addfd.
type NotifAddFD struct {
	ID         uint64
	Flags      uint32
	SrcFD      uint32
	NewFD      uint32
	NewFDFlags uint32
}

// SetFilter is seccomp(SECCOMP_SET_MODE_FILTER) on the calling thread. The
// result is the listener's descriptor, or the thread that could not be
// synchronised, or 0. prog must have no more than 65535 instructions.
func SetFilter(flags uint32, prog []SockFilter) (int, unix.Errno) {
	fprog := sockFprog{len: uint16(len(prog)), filter: unsafe.SliceData(prog)}
	return seccomp(unix.SECCOMP_SET_MODE_FILTER, flags, unsafe.Pointer(&fprog))
}

// ProbeFilterFlags is seccomp(SECCOMP_SET_MODE_FILTER, flags, NULL), which
// changes nothing: EFAULT says that the kernel knows the flags, EINVAL that
// it does not.
func ProbeFilterFlags(flags uint32) unix.Errno {
	_, errno := seccomp(unix.SECCOMP_SET_MODE_FILTER, flags, nil)
	return errno
}

// ActionAvailable is seccomp(SECCOMP_GET_ACTION_AVAIL).
func ActionAvailable(action uint32) unix.Errno {
	_, errno := seccomp(unix.SECCOMP_GET_ACTION_AVAIL, 0, unsafe.Pointer(&action))
	return errno
}

// GetNotifSizes is seccomp(SECCOMP_GET_NOTIF_SIZES).
func GetNotifSizes() (NotifSizes, unix.Errno) {
	var sizes NotifSizes
	_, errno := seccomp(unix.SECCOMP_GET_NOTIF_SIZES, 0, unsafe.Pointer(&sizes))
	return sizes, errno
}

func seccomp(op, flags uint32, arg unsafe.Pointer) (int, unix.Errno) {
	r, _, errno := unix.Syscall(unix.SYS_SECCOMP, uintptr(op), uintptr(flags), uintptr(arg))
	return int(r), errno
}

// SetStrict is prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) on the calling
// thread. It tells the Go runtime nothing, whose bookkeeping around a system
// call could end the thread.
func SetStrict() unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_STRICT, 0, 0, 0, 0)
	return errno
}

// SetNoNewPrivs is prctl(PR_SET_NO_NEW_PRIVS) on the calling thread.
func SetNoNewPrivs() unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	return errno
}

// NotifRecv is ioctl(SECCOMP_IOCTL_NOTIF_RECV) with a buffer of size bytes,
// the kernel's own size of the structure.
func NotifRecv(fd int, size uint16) (Notif, unix.Errno) {
	var n Notif
	words := max((int(size)+7)/8, int(unsafe.Sizeof(n)/8))
	buf := make([]uint64, words) // zeroed, as the kernel demands
	errno := ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(unsafe.SliceData(buf)))
	n = *(*Notif)(unsafe.Pointer(unsafe.SliceData(buf)))
	return n, errno
}

// NotifSend is ioctl(SECCOMP_IOCTL_NOTIF_SEND) with a buffer of size bytes.
func NotifSend(fd int, size uint16, resp NotifResp) unix.Errno {
	words := max((int(size)+7)/8, int(unsafe.Sizeof(resp)/8))
	buf := make([]uint64, words)
	*(*NotifResp)(unsafe.Pointer(unsafe.SliceData(buf))) = resp
	return ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(unsafe.SliceData(buf)))
}

// NotifBuffer is the memory with which one thread receives and answers
// notifications in turn, so that nothing is allocated for each.
type NotifBuffer struct {
	notif, resp []uint64
}

// NewNotifBuffer makes a buffer for the kernel's own sizes of the structures.
func NewNotifBuffer(sizes NotifSizes) *NotifBuffer {
	return &NotifBuffer{
		notif: make([]uint64, max((int(sizes.Notif)+7)/8, int(unsafe.Sizeof(Notif{})/8))),
		resp:  make([]uint64, max((int(sizes.Resp)+7)/8, int(unsafe.Sizeof(NotifResp{})/8))),
	}
}

// Recv is ioctl(SECCOMP_IOCTL_NOTIF_RECV), which waits. The notification is
// the buffer's until the next call.
func (b *NotifBuffer) Recv(fd int) (*Notif, unix.Errno) {
	clear(b.notif) // the kernel demands zeros
	at := unsafe.Pointer(unsafe.SliceData(b.notif))
	errno := ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, at)
	return (*Notif)(at), errno
}

// Send is ioctl(SECCOMP_IOCTL_NOTIF_SEND).
func (b *NotifBuffer) Send(fd int, resp NotifResp) unix.Errno {
	at := unsafe.Pointer(unsafe.SliceData(b.resp))
	*(*NotifResp)(at) = resp
	return ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, at)
}

// NotifIDValid is ioctl(SECCOMP_IOCTL_NOTIF_ID_VALID).
func NotifIDValid(fd int, id uint64) unix.Errno {
	errno := ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id))
	if errno == unix.EINVAL {
		// Before 5.8 the request said "read" where it now says "write".
		const read = unix.SECCOMP_IOCTL_NOTIF_ID_VALID ^ 0xc0000000
		errno = ioctl(fd, read, unsafe.Pointer(&id))
	}
	return errno
}

// NotifAdd is ioctl(SECCOMP_IOCTL_NOTIF_ADDFD); the result is the descriptor
// in the target.
func NotifAdd(fd int, add NotifAddFD) (int, unix.Errno) {
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_ADDFD, uintptr(unsafe.Pointer(&add)))
	return int(r), errno
}

// NotifSetFlags is ioctl(SECCOMP_IOCTL_NOTIF_SET_FLAGS).
func NotifSetFlags(fd int, flags uint64) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, uintptr(flags))
	return errno
}

func ioctl(fd int, request uint, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg))
	runtime.KeepAlive(arg)
	return errno
}
