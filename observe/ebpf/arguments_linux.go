//go:build amd64 || arm64

package ebpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// argSpecs says for each index of mapSpecs where the arguments of interest are.
func (a arch) argSpecs() map[uint32]argSpec {
	all := map[uint32]argSpec{}
	for _, space := range []struct {
		abi   seccomp.ABI
		base  uint32
		limit uint32
		regs  [6]int16
	}{
		{a.native, 0, slots, a.args},
		{a.compat, slots, slots, a.compatArgs},
		{a.x32, specX32, specs - specX32, a.args},
	} {
		if space.abi == 0 {
			continue
		}
		for nr := range syscalls.All(space.abi) {
			kept := observe.Interesting(space.abi, nr)
			slot := nr - space.abi.Base()
			if len(kept) == 0 || slot >= space.limit {
				continue
			}
			s := argSpec{N: uint16(len(kept))}
			for i, argument := range kept {
				s.Regs[i] = uint16(space.regs[argument])
			}
			all[space.base+slot] = s
		}
	}
	return all
}

// arguments stores the tuple of argument values of the call whose cell is R0.
// A cell with more than maxTuples gets no more.
func (p *program) arguments() {
	p.emit(
		asm.StoreMem(asm.RFP, fpCell, asm.R0, asm.DWord),
		asm.And.Imm(asm.R9, kindCompat),
	)
	p.specIndex()
	p.lookup(mapSpecs, fpSpec)
	p.emit(
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.LoadMem(asm.R1, asm.R0, 6, asm.Half),
		asm.JEq.Imm(asm.R1, 0, "out"),
		asm.LoadMem(asm.R2, asm.RFP, fpCell, asm.DWord),
		asm.LoadMem(asm.R2, asm.R2, cellTuples, asm.Word),
		asm.JGT.Imm(asm.R2, maxTuples, "out"),
		asm.StoreMem(asm.RFP, fpSpec, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, asm.R8, entryRow, asm.Word),
		asm.StoreMem(asm.RFP, fpTuple, asm.R1, asm.Word),
		asm.StoreMem(asm.RFP, fpTuple+4, asm.R7, asm.Word),
		asm.StoreMem(asm.RFP, fpTuple+8, asm.R9, asm.Word),
		asm.StoreImm(asm.RFP, fpTuple+12, 0, asm.Word),
	)
	p.fill(fpTuple+16, 3, 0)
	p.values()
	p.lookup(mapTuples, fpTuple)
	p.emit(asm.JNE.Imm(asm.R0, 0, "out"))
	p.fill(fpZero, 1, 0)
	p.update(mapTuples, fpTuple, fpZero, updateNoExist)
	const exists = -17
	p.emit(
		asm.JEq.Imm(asm.R0, exists, "out"),
		asm.Mov.Imm(asm.R1, 1),
		asm.JEq.Imm(asm.R0, 0, "one more"),
	)
	p.add(globalValuesFull, 1)
	p.emit(asm.Mov.Imm(asm.R1, moreMark))
	p.label("one more")
	p.emit(
		asm.LoadMem(asm.R2, asm.RFP, fpCell, asm.DWord),
		asm.AddAtomic.Mem(asm.R2, asm.R1, asm.Word, cellTuples),
	)
}

// specIndex stores the index of the call R7 of kind R9 in mapSpecs.
func (p *program) specIndex() {
	p.emit(
		asm.Mov.Reg(asm.R1, asm.R9),
		asm.Mul.Imm(asm.R1, slots),
		asm.Add.Reg(asm.R1, asm.R7),
		asm.JLT.Imm(asm.R7, slots, "index"),
		asm.Mov.Reg(asm.R1, asm.R7),
		asm.Sub.Imm(asm.R1, x32Bit-specX32),
		asm.JLT.Imm(asm.R1, specX32, "out"), // 64 bits: below x32Bit it is huge
		asm.JGT.Imm(asm.R1, specs-1, "out"),
		asm.JNE.Imm(asm.R9, 0, "out"),
	)
	p.label("index")
	p.emit(asm.StoreMem(asm.RFP, fpSpec, asm.R1, asm.Word))
}

// values reads the registers that the argSpec in fpSpec names.
func (p *program) values() {
	for i := range 3 {
		slot := int32(fpTuple + 16 + 8*i)
		p.emit(
			asm.LoadMem(asm.R1, asm.RFP, fpSpec, asm.DWord),
			asm.LoadMem(asm.R2, asm.R1, 6, asm.Half),
			asm.JLE.Imm(asm.R2, int32(i), "read"),
			asm.LoadMem(asm.R2, asm.R1, int16(2*i), asm.Half),
			asm.LoadMem(asm.R3, asm.R6, 0, asm.DWord),
			asm.Add.Reg(asm.R3, asm.R2),
		)
		p.read(slot, 8)
	}
	p.label("read")
	p.emit(asm.JEq.Imm(asm.R9, 0, "wide"))
	for i := range 3 {
		p.emit(asm.StoreImm(asm.RFP, int16(fpTuple+20+8*i), 0, asm.Word))
	}
	p.label("wide")
}
