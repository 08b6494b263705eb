package kernel

import (
	"context"
	"errors"
	"syscall"

	"github.com/callgate/callgate/seccomp"
)

// ErrGone says that the call of a notification waits no more: its thread was
// killed or interrupted by a signal. There is nothing to answer.
var ErrGone = errors.New("the notified call waits no more")

// Notification is a call that waits for an answer.
type Notification struct {
	// ID names the notification to the other methods of the listener.
	ID uint64
	// PID is the thread that made the call, in the PID namespace of the
	// listener's reader; 0 where it is not visible there.
	PID int
	// Data is the call. Arguments that are pointers point into the memory of
	// the thread: read it, then ask [Listener.IDValid] whether it was still
	// that thread. What the memory says may change at any time.
	Data seccomp.Data
}

// AddFD says how a descriptor gets into the process that made a notified
// call.
type AddFD struct {
	// FD is the descriptor to copy, one of the listener's own process.
	FD int
	// Target is the number that the copy gets where UseTarget is set; it
	// replaces what had that number. Otherwise the lowest free number is
	// taken.
	Target    int
	UseTarget bool
	// CloseOnExec marks the copy to be closed by exec.
	CloseOnExec bool
	// Send answers the notification with the number of the copy, in one
	// step; 5.14.
	Send bool
}

// Listener gets the calls that a filter answers with NOTIFY, and answers
// them. Its methods may be called from several goroutines; each notification
// is received by one of them. Notifications need Linux 5.0.
type Listener struct{ l *listener }

// NewListenerFD takes over the descriptor of a listener, such as one that a
// container runtime sent. It sets the descriptor to be non-blocking and
// closes it with [Listener.Close].
func NewListenerFD(fd int) (*Listener, error) {
	l, err := newListener(fd)
	if err != nil {
		return nil, err
	}
	return &Listener{l}, nil
}

// FD is the descriptor of the listener, which stays the listener's own.
func (l *Listener) FD() int { return l.l.fd }

// Close gives the listener up. Calls that wait for an answer, and all that
// come later, fail with ENOSYS.
func (l *Listener) Close() error { return l.l.close() }

// Receive waits for the next notification. It returns the error of ctx once
// that is done, [io.EOF] when no thread is left that has the filter (from
// Linux 5.8 on), and [os.ErrClosed] after Close.
func (l *Listener) Receive(ctx context.Context) (Notification, error) { return l.l.receive(ctx) }

// Return answers with a value, which the call returns. A value from -4095 to
// -1 is an errno to the caller.
func (l *Listener) Return(id uint64, value int64) error { return l.l.respond(id, value, 0, false) }

// Fail answers with an errno, with which the call fails.
func (l *Listener) Fail(id uint64, errno syscall.Errno) error {
	return l.l.respond(id, 0, errno, false)
}

// Continue answers that the kernel is to make the call after all; 5.5. It is
// no security decision: a thread of the same process can change what the
// arguments point to after you looked.
func (l *Listener) Continue(id uint64) error { return l.l.respond(id, 0, 0, true) }

// AddFD puts a copy of a descriptor into the process that made the call, and
// returns its number there; 5.9. The call goes on waiting unless a.Send says
// otherwise.
func (l *Listener) AddFD(id uint64, a AddFD) (int, error) { return l.l.addFD(id, a) }

// IDValid is nil while the call of the notification waits, and [ErrGone]
// after that.
func (l *Listener) IDValid(id uint64) error { return l.l.idValid(id) }

// SetSyncWakeUp tells the kernel to wake the receiver and the caller on one
// processor, which makes a round trip several times shorter where they take
// turns; 6.6.
func (l *Listener) SetSyncWakeUp(on bool) error { return l.l.setSyncWakeUp(on) }
