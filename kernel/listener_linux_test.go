package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

func listenerChildren() map[string]func() {
	return map[string]func(){
		"answers":  childAnswers,
		"add fd":   childAddFD,
		"end":      childEnd,
		"cancel":   childCancel,
		"gone":     childGone,
		"killable": childKillable,
	}
}

// notify is a filter that asks the listener about some calls.
func notify(numbers ...uint32) bpf.Program {
	p := bpf.Program{bpf.LoadWord(seccomp.OffsetNR)}
	for i, nr := range numbers {
		p = append(p, bpf.Jump(bpf.JumpEQ, nr, uint8(len(numbers)-i), 0))
	}
	return append(p, bpf.Ret(seccomp.Allow), bpf.Ret(seccomp.Notify))
}

// confine runs f on a thread of its own under a filter, and returns its
// listener; done is closed when f has returned. The thread is not the first of
// the process, which does not end with its goroutine.
func confine(p bpf.Program, flags kernel.Flag, f func()) (l *kernel.Listener, done chan struct{}) {
	got := make(chan *kernel.Listener)
	done = make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			l, inner := confine(p, flags, f)
			got <- l
			<-inner
			return
		}
		l, err := kernel.InstallListener(p, kernel.InstallOptions{Flags: flags, NoNewPrivs: true})
		check(err)
		got <- l
		f()
	}()
	return <-got, done
}

// next receives a notification of a call that must have the number nr.
func next(l *kernel.Listener, nr uint32) kernel.Notification {
	n, err := l.Receive(context.Background())
	check(err)
	if n.Data.NR != nr || l.IDValid(n.ID) != nil || n.PID == 0 {
		fmt.Printf("received %+v, want call %d\n", n, nr)
	}
	return n
}

func childAnswers() {
	dir, err := os.MkdirTemp("", "answers")
	check(err)
	defer os.RemoveAll(dir)
	l, done := confine(notify(unix.SYS_MKDIRAT, unix.SYS_GETPPID), 0, func() {
		fmt.Println(unix.Mkdirat(unix.AT_FDCWD, dir+"/denied", 0o700))
		fmt.Println(unix.Mkdirat(unix.AT_FDCWD, dir+"/pretended", 0o700))
		fmt.Println(unix.Mkdirat(unix.AT_FDCWD, dir+"/made", 0o700))
		fmt.Println(unix.Getppid())
	})
	check(l.SetSyncWakeUp(true))
	check(l.Fail(next(l, unix.SYS_MKDIRAT).ID, unix.EXDEV))
	check(l.Return(next(l, unix.SYS_MKDIRAT).ID, 0))
	check(l.Continue(next(l, unix.SYS_MKDIRAT).ID))
	n := next(l, unix.SYS_GETPPID)
	check(l.Return(n.ID, 4711))
	<-done
	if err := l.Return(n.ID, 1); !errors.Is(err, kernel.ErrGone) || !errors.Is(err, syscall.ENOENT) {
		fmt.Println("second answer:", err)
	}
	entries, err := os.ReadDir(dir)
	check(err)
	fmt.Println(len(entries), entries[0].Name())
	check(l.Close())
}

func TestListenerAnswers(t *testing.T) {
	wantChild(t, "answers", true, "invalid cross-device link\n<nil>\n<nil>\n4711\n1 made")
}

// childAddFD answers openat with descriptors of other files than asked for.
func childAddFD() {
	read := func(fd int) {
		text := make([]byte, 100)
		n, err := unix.Read(fd, text)
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		fmt.Printf("%q %v %d\n", text[:max(n, 0)], err, flags)
	}
	l, done := confine(notify(unix.SYS_OPENAT), 0, func() {
		for range 3 {
			fd, err := unix.Openat(unix.AT_FDCWD, "/no/such/file", unix.O_RDONLY, 0)
			check(err)
			read(fd)
		}
	})
	content := func(text string) int {
		r, w, err := os.Pipe()
		check(err)
		_, err = w.WriteString(text)
		check(errors.Join(err, w.Close()))
		return int(r.Fd())
	}
	n := next(l, unix.SYS_OPENAT)
	fd, err := l.AddFD(n.ID, kernel.AddFD{FD: content("lowest"), CloseOnExec: true})
	check(err)
	check(l.Return(n.ID, int64(fd)))

	n = next(l, unix.SYS_OPENAT)
	fd, err = l.AddFD(n.ID, kernel.AddFD{FD: content("chosen"), Target: 77, UseTarget: true})
	check(err)
	if fd != 77 {
		fmt.Println("number", fd, "instead of 77")
	}
	check(l.Return(n.ID, int64(fd)))

	n = next(l, unix.SYS_OPENAT)
	_, err = l.AddFD(n.ID, kernel.AddFD{FD: content("sent"), Send: true})
	check(err)
	<-done
	check(l.Close())
}

func TestListenerAddFD(t *testing.T) {
	wantChild(t, "add fd", true, "\"lowest\" <nil> 1\n\"chosen\" <nil> 0\n\"sent\" <nil> 0")
}

// childEnd sees the end of the last thread with the filter.
func childEnd() {
	l, done := confine(notify(unix.SYS_GETPPID), 0, func() {})
	<-done
	_, err := l.Receive(context.Background())
	fmt.Println(errors.Is(err, io.EOF))
	check(l.Close())
	_, err = l.Receive(context.Background())
	fmt.Println(errors.Is(err, os.ErrClosed))
}

func TestListenerEnd(t *testing.T) { wantChild(t, "end", true, "true\ntrue") }

// childCancel has two receivers, one of which gives up; the other goes on.
func childCancel() {
	start := make(chan struct{})
	l, done := confine(notify(unix.SYS_GETPPID), 0, func() {
		<-start
		fmt.Println(unix.Getppid())
	})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	gaveUp := make(chan error)
	go func() {
		_, err := l.Receive(ctx)
		gaveUp <- err
	}()
	got := make(chan kernel.Notification)
	go func() { got <- next(l, unix.SYS_GETPPID) }()
	time.Sleep(10 * time.Millisecond) // so that both wait, mostly
	cancel(cause)
	fmt.Println(errors.Is(<-gaveUp, cause))
	close(start)
	check(l.Return((<-got).ID, 12))
	<-done
}

func TestListenerCancel(t *testing.T) { wantChild(t, "cancel", true, "true\n12") }

// childGone interrupts the caller by a signal while it waits.
func childGone() {
	tid := make(chan int, 1)
	l, done := confine(notify(unix.SYS_GETPPID), 0, func() {
		tid <- unix.Gettid()
		unix.Getppid()
	})
	n := next(l, unix.SYS_GETPPID)
	// SIGURG has a handler of the Go runtime, without SA_RESTART being of use
	// to a call that was notified: it is made, and notified, once more.
	check(unix.Tgkill(os.Getpid(), <-tid, unix.SIGURG))
	again := next(l, unix.SYS_GETPPID)
	fmt.Println(errors.Is(l.IDValid(n.ID), kernel.ErrGone), n.ID != again.ID)
	check(l.Return(again.ID, 0))
	<-done
}

func TestListenerGone(t *testing.T) { wantChild(t, "gone", true, "true true") }

// childKillable is childGone, but the signal must wait.
func childKillable() {
	tid := make(chan int, 1)
	l, done := confine(notify(unix.SYS_GETPPID), kernel.WaitKillableRecv, func() {
		tid <- unix.Gettid()
		unix.Getppid()
	})
	n := next(l, unix.SYS_GETPPID)
	check(unix.Tgkill(os.Getpid(), <-tid, unix.SIGURG))
	for range 100 {
		runtime.Gosched()
		check(l.IDValid(n.ID))
		time.Sleep(100 * time.Microsecond)
	}
	check(l.Return(n.ID, 0))
	<-done
}

func TestListenerKillable(t *testing.T) {
	if kernel.HasFlag(kernel.WaitKillableRecv) != nil {
		t.Skip("needs Linux 5.19")
	}
	wantChild(t, "killable", true, "")
}

// TestNotAListener takes a descriptor that is none.
func TestNotAListener(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	fd, err := unix.Dup(int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l, err := kernel.NewListenerFD(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.IDValid(1); err == nil {
		t.Error("a pipe answers as a listener does")
	}
}
