package compile

import (
	"testing"

	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// A question that is found says what the regions say of every value but one, and
// is found where there is one.
func TestBitsOf(t *testing.T) {
	r := arbitrary.New(1)
	found := 0
	for range 5000 {
		s := policy.NewSpace(0)
		yes, no, other := s.Return(seccomp.Allow), s.Return(seccomp.KillThread), s.Return(seccomp.Log)
		bits := r.Uint32() << r.IntN(32) >> r.IntN(32)
		if r.IntN(2) == 0 {
			bits = ^bits
		}
		odd := r.Uint32() >> r.IntN(32)
		n := no
		for b := range uint(32) {
			if bits>>b&1 == 0 {
				continue
			}
			if n == no {
				n = s.IfThenElse(s.Bit(policy.WordNR, b), no, yes)
			} else {
				n = s.IfThenElse(s.Bit(policy.WordNR, b), no, n)
			}
		}
		n = s.IfThenElse(s.Equal(policy.WordNR, odd), other, n)
		regions, ok := s.Regions(n, policy.WordNR, maxExceptions)
		if !ok || bits == 0 {
			continue
		}
		for i, e := range regions {
			q, ok := bitsOf(regions, i)
			if !ok {
				// For zero and single bits there are two readings, of which one is tried.
				if e.Low == odd && e.High == odd && odd&(odd-1) != 0 {
					t.Fatalf("%#x but for %#x: not found in %v", bits, odd, regions)
				}
				continue
			}
			found++
			for _, x := range regions {
				for _, v := range []uint32{x.Low, x.High, x.Low + r.Uint32()%(max(x.High-x.Low, 1)), r.Uint32()} {
					then := q.No
					if v&q.Bits == 0 {
						then = q.Yes
					}
					if got := s.Fix(n, policy.WordNR, v); (v < e.Low || v > e.High) && got != then {
						t.Fatalf("%#x but for %#x: the question %+v is wrong about %#x", bits, odd, q, v)
					}
				}
			}
		}
	}
	if found < 300 {
		t.Errorf("only %d questions were found", found)
	}
}
