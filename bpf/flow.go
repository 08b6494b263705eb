package bpf

// Control flow of classic BPF is a graph without cycles: jumps only go
// forward. A walk in the order of the program therefore sees every
// predecessor of an instruction before it, and a walk from the end every
// successor.

// Targets is where control goes from i at index pc: where its test holds and
// where not. Both are the same for any instruction but a conditional jump,
// and -1 for a return. In a program that does not verify they may lie behind
// its end.
func (i Instruction) Targets(pc int) (holds, fails int) {
	switch {
	case i.IsReturn():
		return -1, -1
	case i.IsJump():
		return pc + 1 + int(i.JT), pc + 1 + int(i.JF)
	case i.Code == JumpAlways:
		to := pc + 1 + int(min(i.K, 1<<30)) // int may have 32 bits
		return to, to
	}
	return pc + 1, pc + 1
}

// Reachable tells for each instruction whether some call could reach it, as
// far as jumps tell: tests are taken to go either way. Jumps behind the end
// of p lead nowhere.
func (p Program) Reachable() []bool {
	seen := make([]bool, len(p))
	if len(p) > 0 {
		seen[0] = true
	}
	for pc, i := range p {
		if !seen[pc] || i.IsReturn() {
			continue
		}
		for _, to := range both(i.Targets(pc)) {
			if to < len(p) {
				seen[to] = true
			}
		}
	}
	return seen
}

// Block is a basic block: the instructions from Start up to but without End,
// which run all or not at all, but for a division by zero.
type Block struct {
	Start, End int
	// Holds and Fails are the indexes of the blocks that follow, in the
	// sense of [Instruction.Targets]; -1 where none does.
	Holds, Fails int
}

// Blocks divides p into its basic blocks, in the order of the program,
// unreachable ones included.
func (p Program) Blocks() []Block {
	leader := make([]bool, len(p)+1)
	leader[0] = true
	for pc, i := range p {
		holds, fails := i.Targets(pc)
		if holds == pc+1 && fails == pc+1 && !i.IsJump() && i.Code != JumpAlways {
			continue
		}
		leader[pc+1] = true
		for _, to := range both(holds, fails) {
			if to >= 0 && to < len(p) {
				leader[to] = true
			}
		}
	}
	var blocks []Block
	of := make([]int, len(p)) // the block that starts at an instruction
	for pc := range p {
		if leader[pc] {
			of[pc] = len(blocks)
			blocks = append(blocks, Block{Start: pc})
		}
		blocks[len(blocks)-1].End = pc + 1
	}
	index := func(pc int) int {
		if pc < 0 || pc >= len(p) {
			return -1
		}
		return of[pc]
	}
	for n := range blocks {
		b := &blocks[n]
		holds, fails := p[b.End-1].Targets(b.End - 1)
		b.Holds, b.Fails = index(holds), index(fails)
	}
	return blocks
}

func both(a, b int) [2]int { return [2]int{a, b} }
