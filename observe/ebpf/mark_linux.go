//go:build amd64 || arm64

package ebpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

const (
	setModeFilter   = 1 // SECCOMP_SET_MODE_FILTER
	flagTSync       = 1 // SECCOMP_FILTER_FLAG_TSYNC
	flagNewListener = 8 // SECCOMP_FILTER_FLAG_NEW_LISTENER
	prSetSeccomp    = 22
	modeFilter      = 2
	maxFilter       = 4096 // instructions; BPF_MAXINSNS

	chunk = nameSize / 8 // instructions that are read at a time
)

// installers are the calls that install filters, in the spaces of numbers in
// which the mark is looked for.
func (p *program) installers() (numbers map[seccomp.ABI][2]uint32) {
	numbers = map[seccomp.ABI][2]uint32{}
	for _, abi := range []seccomp.ABI{p.native, p.compat} {
		install, _ := syscalls.Number(abi, "seccomp")
		prctl, _ := syscalls.Number(abi, "prctl")
		numbers[abi] = [2]uint32{install, prctl}
	}
	return numbers
}

// installs jumps where the number R7 may be that of a call that installs a
// filter. Which ABI it is of is found out there.
func (p *program) installs(label string) {
	for _, abi := range []seccomp.ABI{p.native, p.compat} {
		for _, nr := range p.installers()[abi] {
			p.emit(asm.JEq.Imm(asm.R7, int32(nr), label))
		}
	}
}

// mark looks whether the call R7 has installed a filter with the mark. If so
// the thread is followed from here on, in the row of the runtime; otherwise it
// goes on at "unmarked".
func (p *program) mark() {
	p.label("mark")
	p.compatKind(asm.R9, "which")
	p.emit(asm.JNE.Imm(asm.R9, 0, "mark compat"))
	p.installed(p.native, p.args, "native")
	p.filter(16, 8, asm.DWord)
	p.jump("search")
	p.label("mark compat")
	p.installed(p.compat, p.compatArgs, "compat")
	p.filter(8, 4, asm.Word)
	p.label("search")
	p.search()
	p.found()
}

// installed goes on where the call R7 of the ABI did install a filter.
func (p *program) installed(abi seccomp.ABI, args [6]int16, name string) {
	numbers := p.installers()[abi]
	checked := "installed " + name
	p.emit(
		asm.StoreImm(asm.RFP, fpFlags, 0, asm.Word),
		asm.JEq.Imm(asm.R7, int32(numbers[1]), "prctl "+name),
		asm.JNE.Imm(asm.R7, int32(numbers[0]), "unmarked"),
	)
	p.register(asm.R1, args[0], asm.Word)
	p.emit(asm.JNE.Imm(asm.R1, setModeFilter, "unmarked"))
	p.register(asm.R1, args[1], asm.Word)
	p.emit(
		asm.StoreMem(asm.RFP, fpFlags, asm.R1, asm.Word),
		asm.And.Imm(asm.R1, flagNewListener),
		asm.LoadMem(asm.R2, asm.R6, 8, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "result "+name),
		asm.JSLT.Imm(asm.R2, 0, "unmarked"), // a listener's descriptor
	)
	p.jump(checked)
	p.label("prctl " + name)
	p.register(asm.R1, args[0], asm.Word)
	p.emit(asm.JNE.Imm(asm.R1, prSetSeccomp, "unmarked"))
	p.register(asm.R1, args[1], asm.Word)
	p.emit(asm.JNE.Imm(asm.R1, modeFilter, "unmarked"))
	p.emit(asm.LoadMem(asm.R2, asm.R6, 8, asm.DWord))
	p.label("result " + name)
	p.emit(asm.JNE.Imm(asm.R2, 0, "unmarked"))
	p.label(checked)
	p.register(asm.R3, args[2], asm.DWord)
}

// filter reads the struct sock_fprog at R3, of the given size and with a
// pointer of the given size behind the length: R9 becomes how many
// instructions there are, R7 the address of the first.
func (p *program) filter(size, pointer int32, width asm.Size) {
	p.stack(asm.R1, fpFprog)
	p.emit(
		asm.Mov.Imm(asm.R2, size),
		asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, "unmarked"),
		asm.LoadMem(asm.R9, asm.RFP, fpFprog, asm.Half),
		asm.LoadMem(asm.R7, asm.RFP, int16(fpFprog+pointer), width),
		asm.JGT.Imm(asm.R9, maxFilter, "unmarked"),
	)
}

// search reads the R9 instructions at R7 and goes on where both halves of the
// mark are among their constants. The inside has no branches, or the verifier
// would follow each of them in each turn of the loop.
func (p *program) search() {
	p.fill(fpName, nameSize/8, 0)
	p.fill(fpLow, 1, 1)
	p.fill(fpHigh, 1, 1)
	p.label("chunk")
	p.emit(
		asm.JEq.Imm(asm.R9, 0, "unmarked"),
		asm.Mov.Reg(asm.R2, asm.R9),
		asm.JLE.Imm(asm.R2, chunk, "last"),
		asm.Mov.Imm(asm.R2, chunk),
	)
	p.label("last")
	p.emit(asm.LSh.Imm(asm.R2, 3), asm.Mov.Reg(asm.R3, asm.R7))
	p.stack(asm.R1, fpName)
	p.emit(
		asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, "unmarked"),
		asm.LoadMem(asm.R1, asm.RFP, fpHigh, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, fpLow, asm.DWord),
	)
	high, low := int32(uint32(p.opts.Mark>>32)), int32(uint32(p.opts.Mark))
	for i := range int16(chunk) {
		k := fpName + 8*i + 4 // sock_filter.k
		p.differs(asm.R1, k, high)
		p.differs(asm.R2, k, low)
	}
	p.emit(
		asm.StoreMem(asm.RFP, fpHigh, asm.R1, asm.DWord),
		asm.StoreMem(asm.RFP, fpLow, asm.R2, asm.DWord),
		asm.Or.Reg(asm.R1, asm.R2),
		asm.JEq.Imm(asm.R1, 0, "found"),
		asm.JLE.Imm(asm.R9, chunk, "unmarked"),
		asm.Sub.Imm(asm.R9, chunk),
		asm.Add.Imm(asm.R7, 8*chunk),
	)
	p.jump("chunk")
}

// differs clears r where the word in a slot is value: the upper bit of -x is
// set for each x but 0.
func (p *program) differs(r asm.Register, slot int16, value int32) {
	p.emit(
		asm.LoadMem(asm.R3, asm.RFP, slot, asm.Word),
		asm.Xor.Imm32(asm.R3, value),
		asm.Neg.Imm(asm.R3, 0),
		asm.RSh.Imm(asm.R3, 63),
		asm.And.Reg(r, asm.R3),
	)
}

// found follows the current thread, and all of its process where the filter
// was put on all.
func (p *program) found() {
	p.label("found")
	p.emit(
		asm.StoreImm(asm.RFP, fpEntry+entryRow, rowRuntime, asm.Word),
		asm.StoreImm(asm.RFP, fpEntry+entryState, stateOut, asm.Half),
		asm.StoreImm(asm.RFP, fpEntry+entryRuntime, 1, asm.Half),
	)
	p.follow(fpTID, "container")
	p.add(globalStarted, 1)
	p.emit(
		asm.LoadMem(asm.R1, asm.RFP, fpFlags, asm.Word),
		asm.And.Imm(asm.R1, flagTSync),
		asm.JEq.Imm(asm.R1, 0, "out"),
	)
	p.process()
	p.update(mapAdopt, fpTGID, fpEntry, updateNoExist)
	p.emit(asm.JNE.Imm(asm.R0, 0, "out"))
	p.add(globalAdopting, 1)
	p.exit()
}

// alarm wakes user space where the call R7 of kind R9 is to put the thread
// under a filter or into strict mode, and the ends of calls are not looked at
// yet. It goes on at "go on".
func (p *program) alarm() {
	p.label("alarm")
	p.emit(
		asm.LoadMapValue(asm.R1, 0, globalWatching).WithReference(mapGlobals),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.JNE.Imm(asm.R1, 0, "go on"),
		asm.JNE.Imm(asm.R9, 0, "alarm compat"),
	)
	p.register(asm.R1, p.args[0], asm.Word)
	p.jump("operation")
	p.label("alarm compat")
	p.register(asm.R1, p.compatArgs[0], asm.Word)
	p.label("operation")
	for _, abi := range []seccomp.ABI{p.native, p.compat} {
		p.emit(asm.JEq.Imm(asm.R7, int32(p.installers()[abi][1]), "option"))
	}
	p.emit(asm.JGT.Imm(asm.R1, setModeFilter, "go on")) // strict mode is 0
	p.jump("wake")
	p.label("option")
	p.emit(asm.JNE.Imm(asm.R1, prSetSeccomp, "go on"))
	p.label("wake")
	p.add(globalUnwatched, 1)
	p.fill(fpWord, 1, 0)
	p.emit(asm.LoadMapPtr(asm.R1, 0).WithReference(mapEvents))
	p.stack(asm.R2, fpWord)
	p.emit(
		asm.Mov.Imm(asm.R3, 8),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
	)
	p.jump("go on")
}
