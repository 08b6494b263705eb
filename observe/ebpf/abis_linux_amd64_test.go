package ebpf

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

// TestABIs makes calls of three ABIs, and with numbers that no call has, in
// one thread.
func TestABIs(t *testing.T) {
	program := compiled(t, "abis.c")
	for _, v := range variants(t) {
		t.Run(v.name, func(t *testing.T) {
			r := opened(t, v, Options{}, defaultSizes)
			rec := record(t, r, program)
			complete(t, rec)
			want := map[observe.Key]uint64{
				{ABI: seccomp.X86, NR: 64}:                5,
				{ABI: seccomp.X32, NR: 1<<30 | 110}:       4,
				{ABI: seccomp.X86_64, NR: 5000}:           2,
				{ABI: seccomp.X86_64, NR: 511}:            1,
				{ABI: seccomp.X86_64, NR: 512}:            1,
				{ABI: seccomp.X32, NR: math.MaxInt32}:     1,
				{ABI: seccomp.X86_64, NR: math.MaxUint32}: 1,
				{ABI: seccomp.X86_64, NR: 121}:            1,
				{ABI: seccomp.X86_64, NR: 64}:             0,
				{ABI: seccomp.X86, NR: 121}:               0,
			}
			if !r.btf { // as it says of itself
				if !slices.ContainsFunc(rec.Limits, func(s string) bool { return strings.Contains(s, "int 0x80") }) {
					t.Errorf("the limits do not mention int 0x80: %q", rec.Limits)
				}
				want[observe.Key{ABI: seccomp.X86, NR: 64}] = 0
				want[observe.Key{ABI: seccomp.X86_64, NR: 64}] = 5
			}
			for k, n := range want {
				k.Executable = program
				if got := rec.Calls[k]; got.Count != n || got.Denied != 0 {
					t.Errorf("%v %d: %+v, want %d", k.ABI, k.NR, got, n)
				}
			}
		})
	}
}

// TestProgram32 records a program of 32 bits, static and not, whose exec comes
// from one of 64 bits.
func TestProgram32(t *testing.T) {
	program := compiled(t, "abis.c", "-m32", "-static")
	for _, v := range variants(t) {
		rec := record(t, opened(t, v, Options{}, defaultSizes), "sh", "-c", program)
		complete(t, rec)
		for k, s := range rec.Calls {
			if want := map[bool]seccomp.ABI{true: seccomp.X86, false: seccomp.X86_64}[k.Executable == program]; k.ABI != want || s.Denied != 0 {
				t.Errorf("%s: %+v %+v", v.name, k, s)
			}
		}
		for nr, n := range map[uint32]uint64{64: 5, 252: 1} { // getppid, exit_group
			if got := rec.Calls[observe.Key{Executable: program, ABI: seccomp.X86, NR: nr}]; got.Count != n {
				t.Errorf("%s: x86 %d: %+v, want %d", v.name, nr, got, n)
			}
		}
	}
}
