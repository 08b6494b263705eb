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

// listener keeps the descriptor as a file known to the poller of the Go
// runtime, which waits without holding a thread. Every use of the number goes
// through raw, so that none meets a number that was closed and taken anew.
type listener struct {
	fd    int
	file  *os.File
	raw   syscall.RawConn
	turn  chan struct{} // holds a value while a receiver waits
	sizes sys.NotifSizes
}

func newListener(fd int) (*listener, error) {
	sizes, errno := sys.GetNotifSizes()
	if errno != 0 {
		return nil, notifyError("ask for the sizes of notifications", errno, version(5, 0))
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, &Error{Op: "take a listener's descriptor", Errno: err.(syscall.Errno)}
	}
	file := os.NewFile(uintptr(fd), "seccomp notify")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &listener{fd, file, raw, make(chan struct{}, 1), sizes}, nil
}

// control makes a call with the descriptor.
func (l *listener) control(call func(fd int) unix.Errno) (unix.Errno, error) {
	var errno unix.Errno
	if err := l.raw.Control(func(fd uintptr) { errno = call(int(fd)) }); err != nil {
		return 0, os.ErrClosed // the only reason there is
	}
	return errno, nil
}

func (l *listener) close() error { return l.file.Close() }

func (l *listener) receive(ctx context.Context) (Notification, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return Notification{}, context.Cause(ctx)
	}
	defer func() { <-l.turn }()

	// A deadline in the past ends the wait.
	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = l.file.SetReadDeadline(time.Unix(1, 0))
		close(expired)
	})
	defer func() {
		if !stop() {
			<-expired
			_ = l.file.SetReadDeadline(time.Time{})
		}
	}()
	n, err := l.await()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return n, err
}

// await waits for the next notification, by the poller.
func (l *listener) await() (Notification, error) {
	for {
		var n sys.Notif
		var errno unix.Errno
		err := l.raw.Read(func(fd uintptr) (done bool) {
			n, errno = receiveNow(int(fd), l.sizes.Notif)
			return errno != unix.EAGAIN
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return Notification{}, err
		case err != nil:
			return Notification{}, os.ErrClosed // the only other reason there is
		case errno == 0:
			return notification(n), nil
		case errno == unix.EPIPE:
			return Notification{}, io.EOF
		case errno != unix.ENOENT && errno != unix.EINTR: // the caller is gone again: wait for the next
			return Notification{}, notifyError("receive a notification", errno, version(5, 0))
		}
	}
}

// receiveNow is EAGAIN where there is nothing to receive, and EPIPE where
// there never will be: the ioctl itself would wait.
func receiveNow(fd int, size uint16) (sys.Notif, unix.Errno) {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, 0); err != nil {
		return sys.Notif{}, err.(unix.Errno)
	}
	switch {
	case poll[0].Revents&unix.POLLIN != 0:
		return sys.NotifRecv(fd, size)
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
	got, err := l.control(func(fd int) unix.Errno { return sys.NotifSend(fd, l.sizes.Resp, resp) })
	switch {
	case err != nil:
		return err
	case more:
		return notifyError("let a call continue", got, version(5, 5))
	}
	return notifyError("answer a notification", got, version(5, 0))
}

func (l *listener) addFD(id uint64, a AddFD) (int, error) {
	add := sys.NotifAddFD{ID: id, SrcFD: uint32(a.FD)}
	since := version(5, 9)
	if a.UseTarget {
		add.Flags, add.NewFD = unix.SECCOMP_ADDFD_FLAG_SETFD, uint32(a.Target)
	}
	if a.CloseOnExec {
		add.NewFDFlags = unix.O_CLOEXEC
	}
	if a.Send {
		add.Flags |= unix.SECCOMP_ADDFD_FLAG_SEND
		since = version(5, 14)
	}
	target := -1
	errno, err := l.control(func(fd int) (errno unix.Errno) {
		target, errno = sys.NotifAdd(fd, add)
		return errno
	})
	if err == nil {
		err = notifyError("add a descriptor", errno, since)
	}
	return target, err
}

func (l *listener) idValid(id uint64) error {
	errno, err := l.control(func(fd int) unix.Errno { return sys.NotifIDValid(fd, id) })
	if err != nil {
		return err
	}
	return notifyError("check a notification", errno, version(5, 0))
}

func (l *listener) setSyncWakeUp(on bool) error {
	var flags uint64
	if on {
		flags = unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
	}
	errno, err := l.control(func(fd int) unix.Errno { return sys.NotifSetFlags(fd, flags) })
	if err != nil {
		return err
	}
	return notifyError("set the listener to wake synchronously", errno, version(6, 6))
}

// notifyError explains what a listener's ioctl answered; since is the kernel
// that introduced what was asked for.
func notifyError(op string, errno unix.Errno, since seccomp.Version) error {
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
