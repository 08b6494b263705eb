package kernel

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/seccomp"
)

// listener keeps the descriptor twice: as a number for the system calls that
// do not wait, and as a file known to the poller of the Go runtime, which
// waits without holding a thread.
type listener struct {
	fd    int
	file  *os.File
	sizes sys.NotifSizes
}

func newListener(fd int) (*listener, error) {
	sizes, errno := sys.GetNotifSizes()
	if errno != 0 {
		return nil, notifyError("ask for the sizes of notifications", errno, Version{5, 0})
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, &Error{Op: "take a listener's descriptor", Errno: err.(syscall.Errno)}
	}
	return &listener{fd, os.NewFile(uintptr(fd), "seccomp notify"), sizes}, nil
}

func (l *listener) close() error { return l.file.Close() }

func (l *listener) receive(ctx context.Context) (Notification, error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return Notification{}, err
	}
	if ctx.Done() != nil {
		// A deadline in the past ends the wait. Another receiver that it
		// wakes by accident tries again.
		stop := context.AfterFunc(ctx, func() { _ = l.file.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
	}
	for {
		var n sys.Notif
		var errno unix.Errno
		err := raw.Read(func(uintptr) (done bool) {
			n, errno = l.receiveNow()
			return errno != unix.EAGAIN
		})
		switch {
		case ctx.Err() != nil && err != nil:
			return Notification{}, errors.Join(context.Cause(ctx), l.file.SetReadDeadline(time.Time{}))
		case errors.Is(err, os.ErrDeadlineExceeded):
			_ = l.file.SetReadDeadline(time.Time{})
		case err != nil:
			return Notification{}, err
		case errno == 0:
			return notification(n), nil
		case errno == unix.EPIPE:
			return Notification{}, io.EOF
		case errno != unix.ENOENT && errno != unix.EINTR: // the caller is gone again: wait for the next
			return Notification{}, notifyError("receive a notification", errno, Version{5, 0})
		}
	}
}

// receiveNow is EAGAIN where there is nothing to receive, and EPIPE where
// there never will be: the ioctl itself would wait.
func (l *listener) receiveNow() (sys.Notif, unix.Errno) {
	poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, 0); err != nil {
		return sys.Notif{}, err.(unix.Errno)
	}
	switch {
	case poll[0].Revents&unix.POLLIN != 0:
		return sys.NotifRecv(l.fd, l.sizes.Notif)
	case poll[0].Revents&unix.POLLHUP != 0:
		return sys.Notif{}, unix.EPIPE
	}
	return sys.Notif{}, unix.EAGAIN
}

func notification(n sys.Notif) Notification {
	return Notification{
		ID: n.ID, PID: int(n.PID),
		Data: seccomp.Data{NR: uint32(n.NR), Arch: n.Arch, IP: n.IP, Args: n.Args},
	}
}

func (l *listener) respond(id uint64, value int64, errno syscall.Errno, more bool) error {
	resp := sys.NotifResp{ID: id, Val: value, Error: -int32(errno)}
	if more {
		resp.Flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
	}
	err := sys.NotifSend(l.fd, l.sizes.Resp, resp)
	if more && err == unix.EINVAL {
		return notifyError("let a call continue", err, Version{5, 5})
	}
	return notifyError("answer a notification", err, Version{5, 0})
}

func (l *listener) addFD(id uint64, a AddFD) (int, error) {
	add := sys.NotifAddFD{ID: id, SrcFD: uint32(a.FD)}
	since := Version{5, 9}
	if a.UseTarget {
		add.Flags, add.NewFD = unix.SECCOMP_ADDFD_FLAG_SETFD, uint32(a.Target)
	}
	if a.CloseOnExec {
		add.NewFDFlags = unix.O_CLOEXEC
	}
	if a.Send {
		add.Flags |= unix.SECCOMP_ADDFD_FLAG_SEND
		since = Version{5, 14}
	}
	fd, errno := sys.NotifAdd(l.fd, add)
	if errno != 0 {
		return -1, notifyError("add a descriptor", errno, since)
	}
	return fd, nil
}

func (l *listener) idValid(id uint64) error {
	return notifyError("check a notification", sys.NotifIDValid(l.fd, id), Version{5, 0})
}

func (l *listener) setSyncWakeUp(on bool) error {
	var flags uint64
	if on {
		flags = unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
	}
	return notifyError("set the listener to wake synchronously", sys.NotifSetFlags(l.fd, flags), Version{6, 6})
}

// notifyError explains what a listener's ioctl answered; since is the kernel
// that introduced what was asked for.
func notifyError(op string, errno unix.Errno, since Version) error {
	e := &Error{Op: op, Errno: errno}
	switch errno {
	case 0:
		return nil
	case unix.ENOENT:
		e.Err = ErrGone
	case unix.EINPROGRESS:
		e.Reason = "the notification was answered already, or not yet received"
	case unix.EINVAL, unix.ENOTTY, unix.ENOSYS:
		if running, err := Running(); err != nil || running.Compare(since) < 0 {
			e.Since, e.Missing = since, true
		}
	}
	return e
}
