package syscalls_test

import (
	"testing"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func BenchmarkNumber(b *testing.B) {
	names := syscalls.Names()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		syscalls.Number(seccomp.X86_64, names[i%len(names)])
	}
}

func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		syscalls.Name(seccomp.X86_64, i%500)
	}
}

func BenchmarkThrough(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		syscalls.Through(seccomp.X86, "sendmsg")
	}
}

func BenchmarkNearest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		syscalls.Nearest("sched_setafinity")
	}
}
