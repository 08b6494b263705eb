package compile

import (
	"math"
	"testing"

	"github.com/callgate/callgate/internal/arbitrary"
)

// The cheapest tree is that of all trees.
func TestCheapest(t *testing.T) {
	var every func(w []uint64) uint64
	every = func(w []uint64) uint64 {
		if len(w) < 2 {
			return 0
		}
		best, sum := uint64(math.MaxUint64), uint64(0)
		for _, x := range w {
			sum += x
		}
		for i := 1; i < len(w); i++ {
			best = min(best, every(w[:i])+every(w[i:])+sum)
		}
		return best
	}
	r := arbitrary.New(1)
	for range 3000 {
		w := make([]uint64, r.IntN(10))
		most := 1 + r.Uint64N(20)
		for i := range w {
			w[i] = r.Uint64N(most)
		}
		if got, want := cheapest(w), every(w); got != want {
			t.Fatalf("%v: %d, want %d", w, got, want)
		}
	}
}
