package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// A policy is a subset of another exactly when no difference weakens it.
func TestWeakerAgreesWithSubset(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func() *Policy {
		b := New(seccomp.Kinds()[random.IntN(8)], seccomp.X86_64)
		for _, name := range []string{"read", "write", "socket"} {
			b.Rule(seccomp.Kinds()[random.IntN(8)], name)
		}
		p, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	subsets := 0
	for range 2000 {
		a, b := pick(), pick()
		found, err := Diff(a, b)
		if err != nil {
			t.Fatal(err)
		}
		ok, call, err := Subset(a, b)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			subsets++
		}
		if weaker := slices.ContainsFunc(found, Difference.Weaker); weaker == ok {
			t.Fatalf("subset %v (%+v), but the differences %+v say otherwise\na: %v\nb: %v", ok, call, found, a, b)
		}
	}
	if subsets == 0 {
		t.Error("no pair was a subset: the test tests nothing")
	}
}
