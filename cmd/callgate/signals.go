package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// forwarded are the signals that ask something of the command and not of
// callgate. Those of job control are not among them: both stop and go on
// together.
var forwarded = []syscall.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
}

// endings are those of them that ask for an end.
var endings = []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM}

// relay hears the signals for callgate, none of which ends it from then on. It
// passes them on to the command, once there is one, and tells of those that ask
// for an end.
//
// What is typed at the terminal goes to all processes in its foreground, the
// command among them, which would get it twice: while callgate is in the
// foreground itself, the two signals of the keyboard are not passed on.
type relay struct {
	asked chan syscall.Signal // the endings that came

	got  chan os.Signal
	done chan struct{}

	mu    sync.Mutex
	send  func(syscall.Signal) error // to the command; nil: there is none yet
	early []syscall.Signal           // what came before there was one
}

// newRelay hears some signals until close, but for those that callgate was
// started to ignore, as by nohup, and so the command too.
func newRelay(signals []syscall.Signal) *relay {
	r := &relay{asked: make(chan syscall.Signal, 16), got: make(chan os.Signal, 16), done: make(chan struct{})}
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(r.got, s)
		}
	}
	go func() {
		for {
			select {
			case <-r.done:
				return
			case s := <-r.got:
				if s, ok := s.(syscall.Signal); ok {
					r.hear(s)
				}
			}
		}
	}()
	return r
}

// hear deals with one signal.
func (r *relay) hear(s syscall.Signal) {
	r.mu.Lock()
	switch {
	case r.send == nil:
		r.early = append(r.early, s)
	case !(keyboard(s) && inForeground()):
		_ = r.send(s) // the command may have ended just now
	}
	r.mu.Unlock()
	if isEnding(s) {
		select {
		case r.asked <- s:
		default: // nobody has listened to many before it
		}
	}
}

// to names the command, which gets what came before it was there.
func (r *relay) to(send func(syscall.Signal) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.send = send
	for _, s := range r.early {
		_ = send(s)
	}
	r.early = nil
}

// came is a signal that asked for an end and that nobody has listened to yet;
// 0 for none.
func (r *relay) came() syscall.Signal {
	select {
	case s := <-r.asked:
		return s
	default:
		return 0
	}
}

// close ends the hearing: signals do what they do by default.
func (r *relay) close() {
	signal.Stop(r.got)
	close(r.done)
}

// forwardSignals passes on signals to a command that runs beside this process,
// until stop is called.
func forwardSignals(send func(syscall.Signal) error) (stop func()) {
	r := newRelay(forwarded)
	r.to(send)
	return r.close
}

func keyboard(s syscall.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGQUIT }

func isEnding(s syscall.Signal) bool {
	for _, e := range endings {
		if s == e {
			return true
		}
	}
	return false
}
