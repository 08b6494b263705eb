package notify

import (
	"encoding/binary"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/observe/internal/tally"
	"github.com/callgate/callgate/seccomp"
)

// This file is the keeper: it receives each call, counts it and lets it go on.
//
// A call costs the keeper two system calls and some 100 ns, and the workload a
// switch to the keeper and back. Both are on one processor where the kernel can
// be told so (6.6), which makes the round trip several times shorter.
//
// The call is counted before it is answered, under the lock that reports take:
// a report that is made when the workload has ended has all calls in it. Where
// the answer comes too late, because the thread was killed meanwhile, or on
// kernels without WAIT_KILLABLE_RECV (before 5.19) interrupted by a signal, the
// count is taken back: an interrupted call is made again, and notified again.

// keeper answers for the workload.
type keeper struct {
	fd     int // the listener
	sizes  sys.NotifSizes
	filter *bpf.Filter // nil: everything is recorded and goes on
	logged bool        // what it would log is recorded, and goes on

	mu    sync.Mutex
	tally tally.Tally
	tasks *tally.Tasks
	begun bool          // the exec of the command itself has been met
	gone  chan struct{} // closed when no thread has the filter any more
}

// keepWorkload is the keeper's process, whose stream to the recorder is at fd. It ends
// when both the recorder and the last thread of the workload are gone.
func keepWorkload(fd int) int {
	ignoreSignals()
	unix.CloseOnExec(fd)
	p := newPeer(os.NewFile(uintptr(fd), "recorder"))
	_, listener, err := p.receiveListener()
	if err != nil {
		return 1
	}
	var what keep
	if err := p.dec.Decode(&what); err != nil {
		return 1
	}
	k, err := newKeeper(listener, what)
	if err != nil {
		return 1
	}
	go k.answerAll()
	go k.awaitEnd()
	if p.enc.Encode(true) == nil {
		k.serve(p)
	}
	_ = p.Close()
	<-k.gone
	return 0
}

// ignoreSignals keeps the keeper alive while everything around it is asked to
// end: the workload could not end well without it.
func ignoreSignals() {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE,
		unix.SIGALRM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
}

func newKeeper(listener int, what keep) (*keeper, error) {
	k := &keeper{fd: listener, logged: what.Logged, gone: make(chan struct{})}
	k.tally.Arguments = what.Arguments
	k.tasks = tally.NewTasks(&k.tally)
	if len(what.Filter) > 0 {
		var err error
		if k.filter, err = bpf.Load(what.Filter, binary.NativeEndian); err != nil {
			return nil, err
		}
	}
	var errno unix.Errno
	if k.sizes, errno = sys.GetNotifSizes(); errno != 0 {
		return nil, errno
	}
	_ = sys.NotifSetFlags(listener, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) // slower without, before 6.6
	return k, nil
}

// serve answers the recorder until that has gone.
func (k *keeper) serve(p *peer) {
	for {
		var ask bool
		if p.dec.Decode(&ask) != nil || p.enc.Encode(k.report()) != nil {
			return
		}
	}
}

func (k *keeper) report() report {
	alive := 1 // that has not made a call yet
	select {
	case <-k.gone:
		alive = 0
	default:
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if alive > 0 {
		alive = max(alive, k.tasks.Prune())
	}
	return report{k.tally.Changes(), alive, k.tally.Lost, k.tasks.Linked}
}

// awaitEnd waits until no thread has the filter any more, which the listener
// tells from Linux 5.8 on. Notifications do not wake it.
func (k *keeper) awaitEnd() {
	for {
		poll := []unix.PollFd{{Fd: int32(k.fd)}}
		_, err := unix.Poll(poll, -1)
		if err == nil && poll[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
			close(k.gone)
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// answerAll receives and answers calls until there are no more.
func (k *keeper) answerAll() {
	runtime.LockOSThread()
	buffer := sys.NewNotifBuffer(k.sizes)
	for {
		n, errno := buffer.Recv(k.fd)
		switch errno {
		case 0:
			k.handle(buffer, n)
		case unix.ENOENT: // the thread is gone already, or (from 6.11 on) all are
			if k.ended() {
				return
			}
		case unix.EINTR:
		default:
			return
		}
	}
}

func (k *keeper) ended() bool {
	poll := []unix.PollFd{{Fd: int32(k.fd)}}
	_, err := unix.Poll(poll, 0)
	return err == nil && poll[0].Revents&unix.POLLHUP != 0
}

// handle deals with one call.
func (k *keeper) handle(buffer *sys.NotifBuffer, n *sys.Notif) {
	d := seccomp.Data{NR: uint32(n.NR), Arch: n.Arch, IP: n.IP, Args: n.Args}
	var row *tally.Row
	switch {
	case k.filter == nil:
		row = k.made(int(n.PID), &d)
	case k.logged && k.filter.Run(d).Kind() == seccomp.Log:
		row = k.logs(int(n.PID), &d)
	default:
		k.deny(buffer, n, &d)
		return
	}
	errno := buffer.Send(k.fd, sys.NotifResp{ID: n.ID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE})
	if errno != 0 && row != nil {
		k.mu.Lock()
		row.Unmade(&d)
		k.mu.Unlock()
	}
}

// made counts a call. The first one of all is the exec of the command, which is
// the launcher's.
func (k *keeper) made(tid int, d *seccomp.Data) *tally.Row {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.begun {
		k.begun = true
		return nil
	}
	row := k.tasks.Row(tid, d)
	row.Made(d)
	return row
}

// logs counts a call that the filter would log. The first can be the exec of the
// command itself, which is the launcher's.
func (k *keeper) logs(tid int, d *seccomp.Data) *tally.Row {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := !k.begun
	k.begun = true
	if first && k.tasks.Executes(d) {
		return nil
	}
	row := k.tasks.RowNow(tid)
	row.Made(d)
	return row
}

// deny answers a call as the filter would.
func (k *keeper) deny(buffer *sys.NotifBuffer, n *sys.Notif, d *seccomp.Data) {
	k.mu.Lock()
	k.tasks.RowNow(int(n.PID)).Denied(d)
	k.mu.Unlock()

	errno := unix.ENOSYS
	switch a := k.filter.Run(*d).Canonical(); a.Kind() {
	case seccomp.Err:
		errno = syscall.Errno(a.Data())
	case seccomp.Trap:
		_ = unix.Tgkill(tally.Process(int(n.PID)), int(n.PID), unix.SIGSYS)
	case seccomp.Notify, seccomp.Trace: // with nobody to ask
	default:
		_ = unix.Kill(tally.Process(int(n.PID)), unix.SIGKILL)
	}
	_ = buffer.Send(k.fd, sys.NotifResp{ID: n.ID, Error: -int32(errno)})
}
