//go:build !linux

package tally

import "github.com/callgate/callgate/seccomp"

// Tasks knows the threads of a workload. There are none on this system.
type Tasks struct {
	// Linked is false.
	Linked bool
}

// NewTasks returns Tasks that know no thread.
func NewTasks(*Tally) *Tasks { return &Tasks{} }

// Row is nil.
func (*Tasks) Row(int, *seccomp.Data) *Row { return nil }

// RowNow is nil.
func (*Tasks) RowNow(int) *Row { return nil }

// Prune is 0.
func (*Tasks) Prune() int { return 0 }
