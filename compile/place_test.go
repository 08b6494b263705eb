package compile

import (
	"encoding/binary"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// shapes are policies of n parts that make graphs of different shapes: deep,
// wide, with many returns, with tails that many share.
var shapes = map[string]func(b *policy.Builder, word uint64, i int){
	"values": func(b *policy.Builder, word uint64, i int) {
		b.Rule(seccomp.Allow, "write", policy.Arg(0).EQ(word))
	},
	"answers": func(b *policy.Builder, word uint64, i int) {
		b.Number(seccomp.Trace|seccomp.Action(i), seccomp.X86_64, uint32(3*i))
	},
	"two arguments": func(b *policy.Builder, word uint64, i int) {
		b.Number(seccomp.Trap|seccomp.Action(i), seccomp.X86_64, uint32(i), policy.Arg(0).EQ(uint64(i)), policy.Arg(1).LE(word))
	},
	"one tail": func(b *policy.Builder, word uint64, i int) {
		b.Number(seccomp.Allow, seccomp.X86_64, uint32(2*i), policy.Arg(i%6).EQ(uint64(i%7)))
	},
	"alternating": func(b *policy.Builder, word uint64, i int) {
		b.Number(seccomp.Allow, seccomp.X86_64, uint32(2*i))
	},
	"masks": func(b *policy.Builder, word uint64, i int) {
		b.Number(seccomp.Trace|seccomp.Action(i), seccomp.X86_64, uint32(i), policy.Arg(0).Masked(word, word>>7))
	},
	"crossed": func(b *policy.Builder, word uint64, i int) {
		b.Rule(seccomp.Trace|seccomp.Action(i), "mmap", policy.Arg(i%3).EQ(uint64(i)), policy.Arg((i+1)%3).GE(uint64(i)))
	},
}

// sizes calls f with the graphs of policies of each shape and of growing
// size, more closely where the reach of a conditional jump ends.
func sizes(t *testing.T, f func(t *testing.T, p *policy.Policy, build func(limit int) (bpf.Program, bool))) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			for n := 0; n < 1200; n += 1 + n/8 {
				r, b := arbitrary.New(1), policy.New(seccomp.ReturnErrno(seccomp.EPERM), seccomp.X86_64)
				if name == "crossed" && n > 40 {
					break
				}
				for i := range n {
					shape(b, r.Uint64(), i)
				}
				p, err := b.Build()
				if err != nil {
					t.Fatal(err)
				}
				f(t, p, func(limit int) (bpf.Program, bool) {
					g, ok := lower(p.Space(), p.Root(), turns(p, Speed), limit, Options{})
					if !ok {
						return nil, false
					}
					return g.place(binary.LittleEndian)
				})
			}
		})
	}
}

// A program fits where it is exactly as long as it may be, and not where it is
// one instruction longer.
func TestLimitIsExact(t *testing.T) {
	sizes(t, func(t *testing.T, p *policy.Policy, build func(limit int) (bpf.Program, bool)) {
		program, fits := build(1 << 20)
		if !fits {
			t.Fatal("there is no limit, yet it does not fit")
		}
		if again, fits := build(len(program)); !fits || len(again) != len(program) {
			t.Fatalf("%d instructions do not fit into %d", len(program), len(program))
		}
		if _, fits := build(len(program) - 1); fits {
			t.Fatalf("%d instructions fit into %d", len(program), len(program)-1)
		}
		if len(program) > bpf.MaxInstructions {
			return
		}
		if err := prove(program, p, binary.LittleEndian); err != nil {
			t.Fatalf("%d instructions: %v", len(program), err)
		}
	})
}

// Jumps without condition reach everything, so one is enough to get anywhere.
func TestNoChainsOfJumps(t *testing.T) {
	bridges := 0
	sizes(t, func(t *testing.T, p *policy.Policy, build func(limit int) (bpf.Program, bool)) {
		program, _ := build(1 << 20)
		for pc, i := range program {
			if i.Code != bpf.JumpAlways {
				continue
			}
			bridges++
			if to := pc + 1 + int(i.K); program[to].Code == bpf.JumpAlways || program[to].Code == bpf.Return {
				t.Fatalf("%d instructions: the jump at %d leads to %v", len(program), pc, program[to])
			}
		}
	})
	if bridges == 0 {
		t.Error("no program needed such a jump")
	}
}
