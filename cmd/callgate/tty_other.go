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

// signalName is the name of a signal.
func signalName(s syscall.Signal) string { return s.String() }
