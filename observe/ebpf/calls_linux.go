//go:build amd64 || arm64

package ebpf

import (
	"math"

	"github.com/cilium/ebpf/asm"
)

// sysEnter counts the call that a followed thread begins. It runs at every
// call on the machine: one look into an array for threads that are not
// followed, two and an atomic addition for those that are.
func (m *machine) sysEnter(o Options) asm.Instructions {
	p := &program{machine: m, opts: o}
	p.emit(asm.Mov.Reg(asm.R6, asm.R1))
	p.current()
	p.entryOf(fpTID, "untracked")
	p.label("tracked")
	p.emit(
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.StoreImm(asm.R8, entryState, stateIn, asm.Half),
	)
	if p.taskBTF {
		p.emit(asm.LoadMem(asm.R9, asm.R7, p.at.compat, asm.Word))
		p.bits(asm.R9, p.compatMask, "kind")
	} else {
		p.compatKind(asm.R9, "kind")
	}
	p.emit(
		asm.LoadMem(asm.R7, asm.R6, 8, asm.DWord),
		asm.Mov.Reg32(asm.R7, asm.R7),
	)
	if o.Mark == 0 { // otherwise ends of calls are always looked at
		p.installs("alarm")
	}
	p.label("go on")
	p.count()
	p.label("out")
	p.exit()
	p.countRare()
	if o.Mark == 0 {
		p.alarm()
	}

	p.label("untracked")
	p.adopt()
	p.entryOf(fpTID, "lost")
	p.jump("tracked")
	return p.ins
}

// adopt makes an entry for the current thread, where all of its process are to
// be followed, and jumps to "out" where not.
func (p *program) adopt() {
	p.unless(globalAdopting, "out")
	p.process()
	p.lookup(mapAdopt, fpTGID)
	p.emit(
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.StoreMem(asm.RFP, fpEntry, asm.R1, asm.DWord),
	)
	p.follow(fpTID, "adopt")
}

// count adds one to the cell of the call R7 of kind R9 in the row of the
// entry R8, and comes to "out".
func (p *program) count() {
	p.emit(
		asm.JGT.Imm(asm.R9, kindCompat, "odd"),
		asm.JGT.Imm(asm.R7, slots-1, "odd"),
		asm.LoadMem(asm.R1, asm.R8, entryRow, asm.Word),
		asm.StoreMem(asm.RFP, fpRow, asm.R1, asm.Word),
	)
	p.lookup(mapRows, fpRow)
	p.emit(
		asm.JEq.Imm(asm.R0, 0, "lost"),
		asm.Mov.Reg(asm.R1, asm.R9),
		asm.Mul.Imm(asm.R1, slots),
		asm.Add.Reg(asm.R1, asm.R7),
		asm.Mul.Imm(asm.R1, cellSize),
		asm.Add.Reg(asm.R0, asm.R1),
	)
	p.label("cell")
	p.emit(
		asm.LoadMem(asm.R1, asm.R0, cellCount, asm.Word),
		asm.JEq.Imm(asm.R1, 0, "first"),
	)
	p.label("add")
	p.emit(
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.Word, cellCount),
	)
	if p.opts.Arguments {
		p.arguments()
	}
	p.jump("out")
}

// countRare is what count leaves to do where it seldom comes.
func (p *program) countRare() {
	p.label("first") // two threads that are here at once agree
	p.emit(
		asm.StoreMem(asm.RFP, fpCell, asm.R0, asm.DWord),
		asm.FnKtimeGetBootNs.Call(),
		asm.LoadMem(asm.R1, asm.RFP, fpCell, asm.DWord),
		asm.StoreMem(asm.R1, cellFirst, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R0, asm.R1),
	)
	p.jump("add")

	p.label("odd")
	p.emit(
		asm.LoadMem(asm.R1, asm.R8, entryRow, asm.Word),
		asm.StoreMem(asm.RFP, fpOdd, asm.R1, asm.Word),
		asm.StoreMem(asm.RFP, fpOdd+4, asm.R7, asm.Word),
		asm.StoreMem(asm.RFP, fpOdd+8, asm.R9, asm.Word),
	)
	p.lookup(mapOdd, fpOdd)
	p.emit(asm.JNE.Imm(asm.R0, 0, "cell"))
	p.fill(fpZero, cellSize/8, 0)
	p.update(mapOdd, fpOdd, fpZero, updateNoExist)
	p.lookup(mapOdd, fpOdd)
	p.emit(asm.JNE.Imm(asm.R0, 0, "cell"))

	p.label("lost")
	p.add(globalLost, 1)
	p.jump("out")
}

// sysExit looks for calls that ended and never began: a filter stopped them.
// With a mark it also sees where a filter gets installed. It is attached only
// where that can be: it costs as much as sysEnter.
func (m *machine) sysExit(o Options) asm.Instructions {
	p := &program{machine: m, opts: o}
	p.emit(asm.Mov.Reg(asm.R6, asm.R1))
	p.current()
	if o.Mark != 0 {
		p.register(asm.R7, p.nr, asm.Word)
		p.installs("mark")
		p.label("unmarked")
	}
	p.entryOf(fpTID, "out")
	p.emit(
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.StoreImm(asm.R8, entryState, stateOut, asm.Half),
		asm.JEq.Imm(asm.R1, stateIn, "out"),
		asm.JNE.Imm(asm.R1, stateUnknown, "stopped"),
	)
	p.label("out")
	p.exit()

	p.label("stopped")
	p.register(asm.R7, p.nr, asm.Word)
	p.emit(asm.LoadImm(asm.R1, math.MaxUint32, asm.DWord))
	p.emit(asm.JEq.Reg(asm.R7, asm.R1, "out")) // a tracer skipped it, or a signal's handler returned
	p.register(asm.R2, p.rolledBack, asm.DWord)
	p.emit(
		asm.LoadMem(asm.R1, asm.R6, 8, asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "denied"), // TRAP and KILL
		asm.JSLT.Imm(asm.R1, 0, "denied"),
	)
	p.compatKind(asm.R9, "made") // and somebody else gave the answer
	p.jump("count")

	p.label("denied")
	p.emit(asm.StoreImm(asm.R8, entryState, stateStopped, asm.Half))
	p.compatKind(asm.R9, "how")
	p.emit(asm.Or.Imm(asm.R9, kindDenied))

	p.label("count")
	p.count()
	p.countRare()
	if o.Mark != 0 {
		p.mark()
	}
	return p.ins
}

// threadKilled counts, at the end of a thread that KILL_THREAD or strict mode
// has ended, the call for which it did: such a thread never gets to sys_exit.
// It jumps to "out" in the end.
func (p *program) threadKilled() {
	const modeDead = 3 // SECCOMP_MODE_DEAD
	p.emit(
		asm.LoadMem(asm.R1, asm.R8, entryState, asm.Half),
		asm.JEq.Imm(asm.R1, stateStopped, "out"), // it has counted
		asm.LoadMem(asm.R1, asm.R7, p.at.seccompMode, asm.Word),
		asm.JNE.Imm(asm.R1, modeDead, "out"),
		asm.FnGetCurrentTaskBtf.Call(),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.FnTaskPtRegs.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.LoadMem(asm.R7, asm.R0, p.nr, asm.Word),
	)
	p.compatKind(asm.R9, "how")
	p.emit(asm.Or.Imm(asm.R9, kindDenied))
	p.count()
}
