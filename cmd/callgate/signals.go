package main

import (
	"os"
	"os/signal"
	"syscall"
)

// forwarded are the signals that ask something of the command and not of
// callgate. Those of job control are not among them: both stop and go on
// together.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
}

// forwardSignals passes on signals to a command that runs beside this process,
// until stop is called.
//
// What is typed at the terminal goes to all processes in its foreground, the
// command among them, which would get it twice: while callgate is in the
// foreground itself, the two signals of the keyboard are not passed on.
func forwardSignals(send func(syscall.Signal) error) (stop func()) {
	got := make(chan os.Signal, 16)
	for _, s := range forwarded {
		if !signal.Ignored(s) { // by nohup, say, and so for the command too
			signal.Notify(got, s)
		}
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-got:
				if s, ok := s.(syscall.Signal); ok && !(keyboard(s) && inForeground()) {
					_ = send(s) // the command may have ended just now
				}
			}
		}
	}()
	return func() {
		signal.Stop(got)
		close(done)
	}
}

func keyboard(s syscall.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGQUIT }
