//go:build amd64 || arm64

package ebpf

import "github.com/cilium/ebpf/asm"

// fork gives the child of a followed thread the entry of its parent. It runs
// before the child does, whichever way the child is made.
func (m *machine) fork(o Options) asm.Instructions {
	p := &program{machine: m, opts: o}
	p.emit(asm.Mov.Reg(asm.R6, asm.R1))
	if p.btf {
		p.emit(
			asm.LoadMem(asm.R1, asm.R6, 0, asm.DWord),
			asm.LoadMem(asm.R2, asm.R1, p.at.pid, asm.Word),
			asm.LoadMem(asm.R1, asm.R6, 8, asm.DWord),
			asm.LoadMem(asm.R3, asm.R1, p.at.pid, asm.Word),
		)
	} else {
		p.emit(
			asm.LoadMem(asm.R2, asm.R6, p.at.forkParent, asm.Word),
			asm.LoadMem(asm.R3, asm.R6, p.at.forkChild, asm.Word),
		)
	}
	p.emit(
		asm.StoreMem(asm.RFP, fpTID, asm.R2, asm.Word),
		asm.StoreMem(asm.RFP, fpTGID, asm.R3, asm.Word), // the child
	)
	p.entryOf(fpTID, "untracked")
	p.emit(
		asm.LoadMem(asm.R1, asm.R0, entryRow, asm.Word),
		asm.StoreMem(asm.RFP, fpEntry+entryRow, asm.R1, asm.Word),
		asm.StoreImm(asm.RFP, fpEntry+entryState, stateIn, asm.Half),
		asm.LoadMem(asm.R1, asm.R0, entryRuntime, asm.Half),
		asm.StoreMem(asm.RFP, fpEntry+entryRuntime, asm.R1, asm.Half),
	)
	p.follow(fpTGID, "child")
	p.label("out")
	p.exit()

	// An entry that is there is of a thread with the same id that is gone.
	p.label("untracked")
	p.forget(fpTGID, "old")
	p.jump("out")
	return p.ins
}

// exec gives a followed thread the row of the program that it has become. All
// other threads of the process are gone by then, and it has the id of the
// first of them.
func (m *machine) exec(o Options) asm.Instructions {
	p := &program{machine: m, opts: o}
	p.emit(asm.Mov.Reg(asm.R6, asm.R1))
	old := p.at.execOld
	if p.btf {
		old = 8
	}
	p.emit(
		asm.LoadMem(asm.R1, asm.R6, old, asm.Word),
		asm.StoreMem(asm.RFP, fpCell, asm.R1, asm.Word), // the id before
	)
	p.current()
	p.unadopt(fpTID)
	p.label("old")
	p.emit(asm.Mov.Imm(asm.R9, 0))
	p.entryOf(fpCell, "untracked")
	p.emit(
		asm.LoadMem(asm.R9, asm.R0, entryRuntime, asm.Half),
	)
	p.label("follow")
	p.row()
	p.label("have row")
	p.emit(
		asm.LoadMem(asm.R1, asm.RFP, fpNew, asm.Word),
		asm.StoreMem(asm.RFP, fpEntry+entryRow, asm.R1, asm.Word),
		asm.StoreImm(asm.RFP, fpEntry+entryState, stateIn, asm.Half),
		asm.StoreImm(asm.RFP, fpEntry+entryRuntime, 0, asm.Half),
		asm.LoadMem(asm.R1, asm.RFP, fpCell, asm.Word),
		asm.LoadMem(asm.R2, asm.RFP, fpTID, asm.Word),
		asm.JEq.Reg(asm.R1, asm.R2, "same"),
	)
	p.forget(fpCell, "id")
	p.label("same")
	p.follow(fpTID, "program")
	p.emit(asm.JEq.Imm(asm.R9, 0, "out"))
	p.begins()
	p.label("out")
	p.exit()

	p.label("untracked")
	p.newcomer()
	return p.ins
}

// unadopt ends the following of all threads of a process.
func (p *program) unadopt(process int32) {
	p.unless(globalAdopting, "old")
	p.remove(mapAdopt, process)
	p.emit(asm.JNE.Imm(asm.R0, 0, "old"))
	p.add(globalAdopting, -1)
}

// begins counts a workload whose first exec this was.
func (p *program) begins() {
	p.add(globalWorkloads, 1)
	if !p.btf {
		return
	}
	p.taskWord(asm.R1, p.at.atomicFlags)
	p.emit(asm.And.Imm(asm.R1, 1), asm.JEq.Imm(asm.R1, 0, "out")) // PFA_NO_NEW_PRIVS
	p.add(globalPrivsNo, 1)
}

// row finds the row of the program that has been executed, and stores it in
// fpNew: that which has its name, or a free one. It comes to "have row".
func (p *program) row() {
	p.fill(fpName, nameSize/8, 0)
	if p.btf {
		p.emit(
			asm.LoadMem(asm.R3, asm.R6, 16, asm.DWord),
			asm.LoadMem(asm.R3, asm.R3, p.at.filename, asm.DWord),
		)
	} else { // the lower half of a __data_loc is where it is in the record
		p.emit(
			asm.LoadMem(asm.R3, asm.R6, p.at.execFile, asm.Word),
			asm.And.Imm(asm.R3, 0xffff),
			asm.Add.Reg(asm.R3, asm.R6),
		)
	}
	p.stack(asm.R1, fpName)
	p.emit(
		asm.Mov.Imm(asm.R2, nameSize),
		asm.FnProbeReadKernelStr.Call(),
		asm.JSLT.Imm(asm.R0, 0, "no row"),
	)
	p.named("new name")
	p.label("new name")
	p.emit(asm.LoadMapPtr(asm.R1, 0).WithReference(mapFree))
	p.stack(asm.R2, fpNew)
	p.emit(asm.FnMapPopElem.Call(), asm.JNE.Imm(asm.R0, 0, "no row"))
	p.update(mapNames, fpName, fpNew, updateNoExist)
	p.emit(asm.JNE.Imm(asm.R0, 0, "lost race"))
	p.add(globalRows, 1)
	p.jump("have row")

	p.label("lost race") // another thread has executed the same just now
	p.emit(asm.LoadMapPtr(asm.R1, 0).WithReference(mapFree))
	p.stack(asm.R2, fpNew)
	p.emit(asm.Mov.Imm(asm.R3, 0), asm.FnMapPushElem.Call())
	p.named("no row")

	p.label("no row")
	p.emit(asm.StoreImm(asm.RFP, fpNew, rowUnknown, asm.Word))
	p.add(globalRowsOut, 1)
}

// named takes the row that has the name already.
func (p *program) named(otherwise string) {
	p.lookup(mapNames, fpName)
	p.emit(
		asm.JEq.Imm(asm.R0, 0, otherwise),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word),
		asm.StoreMem(asm.RFP, fpNew, asm.R1, asm.Word),
	)
	p.jump("have row")
}

// newcomer follows a thread at its exec that has come from outside into a
// container or a cgroup that is followed.
func (p *program) newcomer() {
	p.unless(globalCgroup, "namespace")
	p.emit(
		asm.LoadMapPtr(asm.R1, 0).WithReference(mapCgroups),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnCurrentTaskUnderCgroup.Call(),
		asm.JEq.Imm(asm.R0, 1, "follow"),
	)
	p.label("namespace")
	if !p.btf {
		p.jump("out")
		return
	}
	p.unless(globalWanted, "out")
	p.emit(asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R3, asm.R0))
	for _, member := range []int16{p.at.nsproxy, p.at.mntNS} {
		p.emit(asm.Add.Imm(asm.R3, int32(member)))
		p.read(fpWord, 8)
		p.emit(asm.LoadMem(asm.R3, asm.RFP, fpWord, asm.DWord))
	}
	p.emit(asm.Add.Imm(asm.R3, int32(p.at.inum)))
	p.read(fpWord, 4)
	p.lookup(mapWanted, fpWord)
	p.emit(asm.JNE.Imm(asm.R0, 0, "follow"))
	p.jump("out")
}

// end removes the entry of a thread that exits.
func (m *machine) end(o Options) asm.Instructions {
	o.Arguments = false // they are not at hand here
	p := &program{machine: m, opts: o}
	p.emit(asm.Mov.Reg(asm.R6, asm.R1))
	p.current()
	p.unadopt(fpTID)
	p.label("old")
	p.entryOf(fpTID, "untracked")
	p.emit(asm.Mov.Reg(asm.R8, asm.R0))
	if p.dead {
		p.threadKilled()
	}
	p.label("out")
	p.forget(fpTID, "thread")
	p.label("untracked")
	p.exit()
	if p.dead {
		p.countRare()
	}
	return p.ins
}
