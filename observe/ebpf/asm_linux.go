//go:build amd64 || arm64

package ebpf

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"
)

// program is a program in the making. Registers, in every program:
//
//	R6  the context
//	R7  the task at first, then the number of the call
//	R8  the entry of the thread
//	R9  the kind of the call
//
// The functions below use R0 to R5 freely, and the slots of the stack that
// they are given.
type program struct {
	*machine
	opts Options
	ins  asm.Instructions
	next string // label of the next instruction
}

// Slots of the stack that have the same meaning in every program.
const (
	fpTID   = -8
	fpRow   = -12
	fpCell  = -24
	fpWord  = -32  // 8 bytes for a moment
	fpOdd   = -48  // oddKey
	fpZero  = -64  // an empty cell
	fpTuple = -104 // tupleKey
	fpSpec  = -112
	fpEntry = -120 // an entry
	fpFlags = -124
	fpFprog = -144 // struct sock_fprog
	fpHigh  = -152
	fpLow   = -160
	fpTGID  = -164
	fpNew   = -168 // a free row
	fpName  = -424 // nameSize bytes, and the chunk of a filter
)

func (p *program) emit(ins ...asm.Instruction) {
	for _, i := range ins {
		if p.next != "" {
			i = i.WithSymbol(p.next)
			p.next = ""
		}
		p.ins = append(p.ins, i)
	}
}

// label names the next instruction.
func (p *program) label(name string) {
	if p.next != "" { // an instruction has one label
		p.emit(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Ja)})
	}
	p.next = name
}

func (p *program) jump(label string) { p.emit(asm.Ja.Label(label)) }

func (p *program) exit() { p.emit(asm.Mov.Imm(asm.R0, 0), asm.Return()) }

// stack loads the address of a slot.
func (p *program) stack(dst asm.Register, slot int32) {
	p.emit(asm.Mov.Reg(dst, asm.RFP), asm.Add.Imm(dst, slot))
}

// lookup gets the address of a value of a map, or 0, in R0.
func (p *program) lookup(name string, key int32) {
	p.emit(asm.LoadMapPtr(asm.R1, 0).WithReference(name))
	p.stack(asm.R2, key)
	p.emit(asm.FnMapLookupElem.Call())
}

// fill stores a value in 64-bit words of the stack, from a slot on.
func (p *program) fill(slot, words int, value int32) {
	p.emit(asm.Mov.Imm(asm.R0, value))
	for i := range words {
		p.emit(asm.StoreMem(asm.RFP, int16(slot+8*i), asm.R0, asm.DWord))
	}
}

// Flags of an update.
const (
	updateAny     = 0
	updateNoExist = 1
)

// update leaves 0 or an error in R0.
func (p *program) update(name string, key, value, flags int32) {
	p.emit(asm.LoadMapPtr(asm.R1, 0).WithReference(name))
	p.stack(asm.R2, key)
	p.stack(asm.R3, value)
	p.emit(asm.Mov.Imm(asm.R4, flags), asm.FnMapUpdateElem.Call())
}

func (p *program) remove(name string, key int32) {
	p.emit(asm.LoadMapPtr(asm.R1, 0).WithReference(name))
	p.stack(asm.R2, key)
	p.emit(asm.FnMapDeleteElem.Call())
}

// entryOf gets the address of the entry of a thread in R0, and jumps where the
// thread is not followed.
func (p *program) entryOf(key int32, otherwise string) {
	p.lookup(mapTasks, key)
	p.emit(
		asm.JEq.Imm(asm.R0, 0, otherwise),
		asm.LoadMem(asm.R1, asm.R0, entryState, asm.Half),
		asm.JEq.Imm(asm.R1, stateNone, otherwise),
	)
}

// follow stores fpEntry as the entry of a thread.
func (p *program) follow(key int32, name string) {
	p.lookup(mapTasks, key)
	p.emit(
		asm.JEq.Imm(asm.R0, 0, name+" beyond"),
		asm.LoadMem(asm.R1, asm.RFP, fpEntry, asm.DWord),
		asm.LoadMem(asm.R2, asm.R0, 0, asm.DWord),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.JNE.Imm(asm.R2, 0, name+" followed"),
	)
	p.add(globalAlive, 1)
	p.jump(name + " followed")
	p.label(name + " beyond")
	p.add(globalTasksFull, 1)
	p.label(name + " followed")
}

// forget removes the entry of a thread, if it has one.
func (p *program) forget(key int32, name string) {
	p.entryOf(key, name+" forgotten")
	p.emit(
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
	)
	p.add(globalAlive, -1)
	p.label(name + " forgotten")
}

// add adds to a global number.
func (p *program) add(global uint32, n int32) {
	p.emit(
		asm.LoadMapValue(asm.R1, 0, global).WithReference(mapGlobals),
		asm.Mov.Imm(asm.R2, n),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
	)
}

// unless jumps where a global number is 0.
func (p *program) unless(global uint32, label string) {
	p.emit(
		asm.LoadMapValue(asm.R1, 0, global).WithReference(mapGlobals),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, label),
	)
}

// read copies from kernel memory at R3 to the stack. What it cannot read is 0.
func (p *program) read(slot, size int32) {
	p.stack(asm.R1, slot)
	p.emit(asm.Mov.Imm(asm.R2, size), asm.FnProbeReadKernel.Call())
}

// register loads a register of the call whose pt_regs are the first argument
// of the program.
func (p *program) register(dst asm.Register, at int16, size asm.Size) {
	p.emit(asm.LoadMem(asm.R3, asm.R6, 0, asm.DWord))
	if p.btf {
		p.emit(asm.LoadMem(dst, asm.R3, at, size))
		return
	}
	p.emit(asm.Add.Imm(asm.R3, int32(at)))
	p.read(fpWord, 8)
	p.emit(asm.LoadMem(dst, asm.RFP, fpWord, size))
}

// current puts the current task into R7 where it can be had cheaply, and its
// id on the stack.
func (p *program) current() {
	if p.taskBTF {
		p.emit(
			asm.FnGetCurrentTaskBtf.Call(),
			asm.Mov.Reg(asm.R7, asm.R0),
			asm.LoadMem(asm.R1, asm.R7, p.at.pid, asm.Word),
			asm.StoreMem(asm.RFP, fpTID, asm.R1, asm.Word),
		)
		return
	}
	p.emit(
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, fpTID, asm.R0, asm.Word),
	)
}

// process puts the id of the current process on the stack.
func (p *program) process() {
	p.emit(
		asm.FnGetCurrentPidTgid.Call(),
		asm.RSh.Imm(asm.R0, 32),
		asm.StoreMem(asm.RFP, fpTGID, asm.R0, asm.Word),
	)
}

// taskWord loads 32 bits of the current task; R7 need not have it.
func (p *program) taskWord(dst asm.Register, at int16) {
	if p.taskBTF {
		p.emit(asm.FnGetCurrentTaskBtf.Call(), asm.LoadMem(dst, asm.R0, at, asm.Word))
		return
	}
	p.emit(asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R3, asm.R0), asm.Add.Imm(asm.R3, int32(at)))
	p.read(fpWord, 4)
	p.emit(asm.LoadMem(dst, asm.RFP, fpWord, asm.Word))
}

// compatKind sets dst to kindCompat in a call of 32 bits, and to 0 otherwise.
func (p *program) compatKind(dst asm.Register, done string) {
	mask := p.compatMask
	if p.btf {
		p.taskWord(dst, p.at.compat)
	} else {
		p.register(dst, p.modeReg, asm.Word)
		mask = p.modeMask
	}
	p.bits(dst, mask, done)
}

// bits turns what compatKind has loaded into a kind.
func (p *program) bits(r asm.Register, mask int32, done string) {
	p.emit(asm.And.Imm(r, mask))
	if p.btf || p.modeExact { // one bit
		p.emit(asm.RSh.Imm(r, int32(bits.TrailingZeros32(uint32(mask)))))
		return
	}
	p.emit(
		asm.Mov.Reg(asm.R0, r),
		asm.Mov.Imm(r, 0),
		asm.JNE.Imm(asm.R0, p.modeCompat, done),
		asm.Mov.Imm(r, kindCompat),
	)
	p.label(done)
}
