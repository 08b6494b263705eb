package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether f is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// inForeground reports whether this process is in the foreground of its
// terminal.
func inForeground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// screenSize is the size of a terminal in characters; 0 is not known.
func screenSize(f *os.File) (rows, columns int) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Row), int(size.Col)
}

// sharesTerminal reports whether nobody uses a terminal for more than lines: it
// takes lines and echoes them, and where it is this process's own, this process
// is in its foreground.
func sharesTerminal(f *os.File) bool {
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	const lines = unix.ICANON | unix.ECHO
	if err != nil || mode.Lflag&lines != lines {
		return false
	}
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// signalName is the name of a signal, as in SIGKILL.
func signalName(s syscall.Signal) string { return unix.SignalName(s) }
