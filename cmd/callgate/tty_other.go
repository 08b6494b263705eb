//go:build !linux

package main

import (
	"os"
	"syscall"
)

// isTerminal reports whether f may be a terminal: it is a device that is
// written character by character.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// inForeground reports whether this process is in the foreground of its
// terminal. Commands do not run beside callgate here.
func inForeground() bool { return false }

// screenSize is the size of a terminal in characters: 0, it is not known.
func screenSize(*os.File) (rows, columns int) { return 0, 0 }

// sharesTerminal reports whether nobody uses a terminal for more than lines.
func sharesTerminal(*os.File) bool { return false }

// signalName is the name of a signal.
func signalName(s syscall.Signal) string { return s.String() }
