package notify

import (
	"encoding/gob"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/observe/internal/tally"
)

// This file is what the three processes of a recording tell each other: the
// recorder, which the caller of Start is; the launcher, which becomes the
// command; and the keeper, which answers. All of them are the same program, so
// that the messages are gob's.
//
//	recorder -> launcher   launch
//	launcher -> recorder   a byte with the listener; 1 if no_new_privs is set
//	recorder -> keeper     a byte with the listener, then keep
//	keeper   -> recorder   true: it answers
//	recorder -> launcher   a byte: execute the command
//	launcher -> recorder   a refusal, or the end of the stream
//
// From there on the recorder asks the keeper (true) and gets a report each
// time, until it closes the stream.

// launch is what is to be executed.
type launch struct {
	Path      string
	Args, Env []string
	Filter    bpf.Program
}

// refusal is what the kernel answered to the launcher.
type refusal struct {
	Installed bool // the filter was, and exec failed
	Errno     syscall.Errno
	Text      string // the error where there is no errno
}

// keep is what the keeper is to do.
type keep struct {
	// Filter is what decides about each call; without instructions every call
	// is recorded and goes on.
	Filter    bpf.Program
	Arguments bool
	Logged    bool // the filter asks about what it would log, too
}

// report is what has changed since the report before.
type report struct {
	Changes []tally.Change
	Alive   int // processes
	Lost    uint64
	Linked  bool
}

// peer is one end of a stream between two of the processes.
type peer struct {
	*os.File
	enc *gob.Encoder
	dec *gob.Decoder
}

func newPeer(f *os.File) *peer { return &peer{f, gob.NewEncoder(f), gob.NewDecoder(f)} }

// newStream is a pair of connected streams: the second is for a child.
func newStream() (*peer, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return newPeer(os.NewFile(uintptr(fds[0]), "recorder")), os.NewFile(uintptr(fds[1]), "helper"), nil
}

// sendListener sends a byte and a descriptor.
func (p *peer) sendListener(b byte, fd int) error {
	return os.NewSyscallError("sendmsg", retry(func() error {
		return unix.Sendmsg(int(p.Fd()), []byte{b}, unix.UnixRights(fd), nil, unix.MSG_NOSIGNAL)
	}))
}

// receiveListener receives what sendListener sent. The error is io.EOF where
// the other end was closed, and errNoListener where a message without a
// descriptor comes.
func (p *peer) receiveListener() (b byte, fd int, err error) {
	one, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	var n, size int
	err = retry(func() error {
		n, size, _, _, err = unix.Recvmsg(int(p.Fd()), one, rights, unix.MSG_CMSG_CLOEXEC)
		return err
	})
	switch {
	case err != nil:
		return 0, 0, os.NewSyscallError("recvmsg", err)
	case n == 0:
		return 0, 0, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(rights[:size])
	if err != nil || len(messages) == 0 {
		return one[0], 0, errNoListener
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return one[0], 0, errNoListener
	}
	return one[0], fds[0], nil
}

// errNoListener says that another message came.
var errNoListener = errors.New("no listener in the message")

// retry makes a system call again that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
