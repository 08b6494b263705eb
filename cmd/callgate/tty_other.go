//go:build !linux

package main

import "os"

// isTerminal reports whether f may be a terminal: it is a device that is
// written character by character.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
