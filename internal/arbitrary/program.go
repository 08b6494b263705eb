package arbitrary

import (
	"math/rand/v2"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// Program is a random program that the kernel accepts, of up to most
// instructions, with every opcode and constants near each other. Most look at
// few words, so that what they compute is seldom too large for a diagram.
func Program(r *rand.Rand, most int) bpf.Program {
	for {
		p := make(bpf.Program, 1+r.IntN(most))
		offsets := []uint32{16, 16, 20, seccomp.OffsetNR, seccomp.OffsetArch, 4 * r.Uint32N(16)}
		offsets = offsets[:1+r.IntN(len(offsets))]
		for pc := range p {
			p[pc] = instruction(r, len(p)-pc-1, offsets)
		}
		p[len(p)-1] = bpf.Ret(Action(r))
		if r.IntN(16) == 0 {
			p[len(p)-1] = bpf.Stmt(bpf.ReturnA, 0)
		}
		if p.Verify() == nil {
			return p
		}
	}
}

// instruction is a random one with rest more behind it.
func instruction(r *rand.Rand, rest int, offsets []uint32) bpf.Instruction {
	i := bpf.Instruction{Code: pick(r, bpf.Opcodes()...), K: uint32(pick(r, values...))}
	if r.IntN(3) == 0 {
		i.Code = bpf.LoadAbs
	}
	switch {
	case i.Code == bpf.LoadAbs:
		i.K = pick(r, offsets...)
	case i.Code == bpf.LoadMem, i.Code == bpf.LoadXMem, i.Code == bpf.Store, i.Code == bpf.StoreX:
		i.K = r.Uint32N(3)
	case i.Code == bpf.Lsh, i.Code == bpf.Rsh:
		i.K = r.Uint32N(32)
	case i.Code == bpf.JumpAlways:
		i.K = r.Uint32N(uint32(min(rest, 4) + 1))
	case i.IsJump():
		i.JT, i.JF = uint8(r.IntN(min(rest, 8)+1)), uint8(r.IntN(min(rest, 8)+1))
	case i.Code == bpf.Return:
		i.K = uint32(Action(r))
	case i.Code == bpf.ReturnA:
		// Returns of a word have as many answers as a word has values: the
		// fewer, the better to lift.
		return pick(r, bpf.Stmt(bpf.And, 0x5000f), bpf.Stmt(bpf.And, 0x7fff0003), bpf.LoadWord(offsets[0]))
	}
	return i
}

// CallFor is a random call near what a program compares with.
func CallFor(r *rand.Rand, p bpf.Program) seccomp.Data {
	k := func() uint64 {
		if r.IntN(4) > 0 {
			return uint64(pick(r, p...).K)
		}
		return pick(r, values...)
	}
	d := seccomp.Data{NR: uint32(near(r, k())), Arch: uint32(near(r, k())), IP: near(r, k())}
	for i := range d.Args {
		d.Args[i] = near(r, k()|k()<<32)
	}
	return d
}
