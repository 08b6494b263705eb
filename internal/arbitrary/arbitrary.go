// Package arbitrary makes random policies, and calls that come close to what
// they ask about, for tests that compare two ways to the same answer.
package arbitrary

import (
	"math/rand/v2"
	"slices"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// New returns a source of random numbers that gives the same for the same
// seed.
func New(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x5ecc04b)) }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// values are the constants that random conditions use: few, so that rules
// overlap, with both halves and both signs.
var values = []uint64{
	0, 1, 2, 5, 40, 0xff, 0x7e020000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	1 << 32, 1<<32 + 5, 5 << 32, 0x7fffffffffffffff, 1 << 63, ^uint64(0) - 1, ^uint64(0),
}

var masks = []uint64{
	0, 1, 0xff, 0x7e020000, 0xfffffff0, 0xffffffff, 0x100000001, 0xffffffff00000000, 1 << 63, ^uint64(0),
}

// names are calls of every sort: on all ABIs, on few, behind multiplexers.
var names = []string{
	"read", "write", "openat", "mkdir", "socket", "connect", "accept", "semget", "msgctl", "shmat",
	"socketcall", "ipc", "clone", "clone3", "_llseek", "mmap2", "arch_prctl", "chown32", "getpid",
}

// Action is a random action of any kind.
func Action(r *rand.Rand) seccomp.Action {
	k := pick(r, seccomp.Kinds()...)
	switch k {
	case seccomp.Err, seccomp.Trap, seccomp.Trace:
		return k | seccomp.Action(pick(r, 0, 1, 38, 4095, 4096, 65535))
	}
	return k
}

// Condition is a random condition with any operator.
func Condition(r *rand.Rand) policy.Condition {
	c := policy.Condition{
		Arg:   r.IntN(6),
		Op:    policy.EQ + policy.Op(r.IntN(int(policy.MaskedEQ))),
		Value: pick(r, values...),
	}
	if r.IntN(2) == 0 {
		c.Arg = r.IntN(2)
	}
	if c.Op == policy.MaskedEQ {
		c.Mask = pick(r, masks...)
	}
	return c
}

// Rules are up to most random rules for up to three ABIs of one byte order.
func Rules(r *rand.Rand, most int) policy.Rules {
	abis := seccomp.ABIs()
	r.Shuffle(len(abis), func(i, j int) { abis[i], abis[j] = abis[j], abis[i] })
	if r.IntN(2) == 0 {
		abis = []seccomp.ABI{seccomp.X86_64, seccomp.X86, seccomp.X32}
	}
	order := abis[0].ByteOrder()
	abis = slices.DeleteFunc(abis, func(a seccomp.ABI) bool { return a.ByteOrder() != order })
	rules := policy.Rules{
		ABIs:     abis[:min(len(abis), 1+r.IntN(3))],
		Default:  Action(r),
		Unlisted: Action(r),
	}
	for range r.IntN(most + 1) {
		rule := policy.Rule{Syscall: pick(r, names...), Action: Action(r)}
		if r.IntN(8) == 0 {
			rule.Syscall, rule.Number = "", pick[uint32](r, 0, 1, 999, 0x40000001, 0x80000000, 0xffffffff)
		}
		if r.IntN(4) == 0 {
			rule.ABIs = []seccomp.ABI{pick(r, rules.ABIs...)}
		}
		for range r.IntN(4) {
			rule.When = append(rule.When, Condition(r))
		}
		rules.Rules = append(rules.Rules, rule)
	}
	return rules
}

// Call is a random call near what rules ask about.
func Call(r *rand.Rand, rules policy.Rules) seccomp.Data {
	d := seccomp.Data{Arch: rules.ABIs[0].Arch(), IP: r.Uint64()}
	abi := pick(r, rules.ABIs...)
	if r.IntN(8) == 0 {
		abi = pick(r, seccomp.ABIs()...)
	}
	d.Arch = abi.Arch()
	if r.IntN(32) == 0 {
		d.Arch = r.Uint32()
	}
	d.NR = number(r, abi, rules)
	for i := range d.Args {
		d.Args[i] = near(r, pick(r, values...))
	}
	for _, rule := range rules.Rules {
		for _, c := range rule.When {
			if r.IntN(2) == 0 {
				d.Args[c.Arg] = near(r, c.Value)
			}
		}
	}
	if r.IntN(4) == 0 {
		d.Args[0] = r.Uint64N(26) // the calls of a multiplexer
	}
	return d
}

func number(r *rand.Rand, abi seccomp.ABI, rules policy.Rules) uint32 {
	if len(rules.Rules) > 0 && r.IntN(8) > 0 {
		rule := pick(r, rules.Rules...)
		if rule.Syscall == "" {
			return rule.Number
		}
		if m, ok := syscalls.Through(abi, rule.Syscall); ok && r.IntN(2) == 0 {
			return m.Number
		}
		if nr, ok := syscalls.Number(abi, rule.Syscall); ok {
			return nr
		}
	}
	return pick(r, abi.Base()+r.Uint32N(500), r.Uint32(), 0xffffffff, 0x3fffffff, 0x40000000, 0x7fffffff)
}

// near is v, or a value that differs from it a little.
func near(r *rand.Rand, v uint64) uint64 {
	return pick(r, v, v, v, v+1, v-1, v<<32|v>>32, v^1<<r.IntN(64), v&0xffffffff, v|0xffffffff<<32)
}
