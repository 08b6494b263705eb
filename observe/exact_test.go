package observe_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// families are ABIs of one machine, the native one first.
var families = [][]seccomp.ABI{
	{seccomp.X86_64, seccomp.X86, seccomp.X32},
	{seccomp.AARCH64, seccomp.ARM},
	{seccomp.S390X, seccomp.S390},
	{seccomp.MIPSEL64, seccomp.MIPSEL, seccomp.MIPSEL64N32},
	{seccomp.MIPS64, seccomp.MIPS, seccomp.MIPS64N32},
	{seccomp.PPC64, seccomp.PPC}, {seccomp.PPC64LE},
	{seccomp.RISCV64}, {seccomp.LoongArch64},
	{seccomp.PARISC64, seccomp.PARISC}, {seccomp.M68K}, {seccomp.SH}, {seccomp.SHEB},
}

// random is an observation of random calls of some of the ABIs.
func random(rng *rand.Rand, abis []seccomp.ABI) observe.Observation {
	r := observe.Recording{ID: strings.Repeat("0", 32), Arguments: true}
	used := abis[:1+rng.IntN(len(abis))]
	if rng.IntN(3) == 0 {
		used = abis[len(abis)-1:]
	}
	for range 1 + rng.IntN(60) {
		abi := used[rng.IntN(len(used))]
		k := observe.Key{Executable: fmt.Sprint(rng.IntN(2)), ABI: abi}
		all := slices.Collect(maps.Keys(maps.Collect(syscalls.All(abi))))
		slices.Sort(all)
		k.NR = all[rng.IntN(len(all))]
		s := observe.Seen{Count: rng.Uint64N(3), Denied: rng.Uint64N(2)}
		for range rng.IntN(6) {
			var tuple []uint64
			for range observe.Interesting(k.ABI, k.NR) {
				tuple = append(tuple, uint64(rng.IntN(4))|uint64(rng.IntN(3))<<31)
			}
			if tuple != nil {
				s.Values.Tuples = append(s.Values.Tuples, tuple)
			}
		}
		s.Values = s.Values.Union(observe.Values{})
		r.Add(k, s)
	}
	return observe.Observation{Recordings: []observe.Recording{r}}
}

// allowed are the names that an observation says were made.
func allowed(o observe.Observation) map[string]bool {
	names := map[string]bool{}
	for _, r := range o.Recordings {
		for k, s := range r.Calls {
			if name, ok := syscalls.Name(k.ABI, k.NR); ok && s.Count > 0 {
				names[name] = true
			}
		}
	}
	return names
}

// TestProfileIsExact holds what is written, as each engine reads it, to the
// observed set: that is allowed, what else is known fails with EPERM, and what
// is not known with ENOSYS.
func TestProfileIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 78 {
		abis := families[i%len(families)]
		o := random(rng, abis)
		d, err := o.Profile(observe.ProfileOptions{Runtime: "none"})
		names := allowed(o)
		if len(names) == 0 {
			if !errors.Is(err, observe.ErrEmpty) {
				t.Errorf("nothing was made: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		text := document(t, d.Profile)
		engine := profile.Engines()[i%len(profile.Engines())]
		if abi := abis[0]; abi == seccomp.M68K || abi == seccomp.SH || abi == seccomp.SHEB || abi == seccomp.PARISC64 {
			continue // which runc does not take, and Parse says so
		}
		p := loaded(t, text, profile.Env{Engine: engine, ABI: abis[0], Kernel: seccomp.Version{Major: 6}})
		var listed []seccomp.ABI
		for _, a := range d.Profile.Architectures {
			abi, err := seccomp.ParseABI(a.Value)
			if err != nil {
				t.Fatal(err)
			}
			listed = append(listed, abi)
		}
		checkNames(t, rng, p, listed, names)
		for _, abi := range abis {
			if call := (seccomp.Data{Arch: abi.Arch(), NR: abi.Base() + 1}); !slices.Contains(listed, abi) && !abi.Shared() && p.Eval(call) != seccomp.KillThread {
				t.Errorf("%v was not seen, and its calls get %v", abi, p.Eval(call))
			}
		}
		if t.Failed() {
			t.Fatalf("%v, seen %v:\n%s", engine, slices.Sorted(maps.Keys(names)), text)
		}
	}
}

// checkNames holds a policy to a set of names, on every number of some ABIs.
func checkNames(t *testing.T, rng *rand.Rand, p *policy.Policy, abis []seccomp.ABI, names map[string]bool) {
	t.Helper()
	for _, abi := range abis {
		for nr := abi.Base(); nr < abi.Base()+600; nr++ {
			want := seccomp.ReturnErrno(seccomp.ENOSYS)
			name, known := syscalls.Name(abi, nr)
			switch {
			case names[name]:
				want = seccomp.Allow
			case known && name != "clone3" && !throughOneOf(abis, name, names):
				want = seccomp.ReturnErrno(seccomp.EPERM)
			}
			call := seccomp.Data{Arch: abi.Arch(), NR: nr}
			for i := range call.Args {
				call.Args[i] = rng.Uint64() >> rng.IntN(64)
			}
			if got := p.Eval(call); got != want {
				t.Errorf("%v %d %s: %v, want %v", abi, nr, name, got, want)
			}
		}
	}
}

func throughOneOf(abis []seccomp.ABI, name string, names map[string]bool) bool {
	return slices.ContainsFunc(abis, func(abi seccomp.ABI) bool {
		m, ok := syscalls.Through(abi, name)
		return ok && names[m.By]
	})
}

// TestArgumentsAreExact holds a narrowed profile to the tuples: a call is
// allowed exactly where each value is one that was seen together with the
// others, in those bits that the kernel reads.
func TestArgumentsAreExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for i := range 35 {
		abis := families[i%7]
		o := random(rng, abis)
		d, err := o.Profile(observe.ProfileOptions{Runtime: "none", Arguments: true})
		if errors.Is(err, observe.ErrEmpty) {
			continue
		}
		text := document(t, d.Profile)
		p := loaded(t, text, profile.Env{Engine: profile.OCI, ABI: abis[0]})
		for range 2000 {
			k := pick(rng, o)
			call := seccomp.Data{Arch: k.ABI.Arch(), NR: k.NR}
			for i := range call.Args {
				call.Args[i] = uint64(rng.IntN(5)) | uint64(rng.IntN(3))<<31 | uint64(rng.IntN(2))<<33
				if k.ABI.WordBits() == 32 {
					call.Args[i] &= 0xffffffff
				}
			}
			name, _ := syscalls.Name(k.ABI, k.NR)
			if name == "socketcall" || name == "ipc" {
				continue // allowed through others as well
			}
			if got, want := p.Eval(call).Allows(), wasSeen(o, name, k.ABI, call.Args); got != want {
				t.Fatalf("%v %s %#x: allowed is %v, seen is %v\n%s", k.ABI, name, call.Args, got, want, text)
			}
		}
	}
}

func pick(rng *rand.Rand, o observe.Observation) observe.Key {
	keys := o.Recordings[0].Keys()
	return keys[rng.IntN(len(keys))]
}

// wasSeen reports whether a call of that name was made with such values.
func wasSeen(o observe.Observation, name string, abi seccomp.ABI, args [6]uint64) bool {
	for k, s := range o.Recordings[0].Calls {
		n, _ := syscalls.Name(k.ABI, k.NR)
		if n != name || s.Count == 0 {
			continue
		}
		if len(s.Values.Tuples) == 0 {
			return true
		}
		for _, tuple := range s.Values.Tuples {
			same := true
			for i, at := range observe.Interesting(k.ABI, k.NR) {
				got, want := args[at], tuple[i]
				kind := syscalls.Registers(k.ABI, name)[at].Kind
				if kind == syscalls.Int32 || kind == syscalls.UInt32 || abi.WordBits() == 32 {
					got &= 0xffffffff
				}
				if kind == syscalls.Int32 || kind == syscalls.UInt32 || k.ABI.WordBits() == 32 {
					want &= 0xffffffff
				}
				same = same && got == want
			}
			if same {
				return true
			}
		}
	}
	return false
}
