package bpf

// The parts of an opcode (linux/bpf_common.h, linux/filter.h). The kernel
// compares the code of an instruction whole, so programs are best written and
// read with the whole opcodes below; the parts are for whoever sorts codes.
const (
	ClassMask   = 0x07
	ClassLoad   = 0x00 // LD: into A
	ClassLoadX  = 0x01 // LDX: into X
	ClassStore  = 0x02 // ST: A into a memory cell
	ClassStoreX = 0x03 // STX: X into a memory cell
	ClassALU    = 0x04
	ClassJump   = 0x05
	ClassRet    = 0x06
	ClassMisc   = 0x07

	SizeMask = 0x18
	SizeWord = 0x00
	SizeHalf = 0x08 // not allowed in a filter of system calls
	SizeByte = 0x10 // not allowed in a filter of system calls

	ModeMask = 0xe0
	ModeImm  = 0x00
	ModeAbs  = 0x20
	ModeInd  = 0x40 // not allowed in a filter of system calls
	ModeMem  = 0x60
	ModeLen  = 0x80
	ModeMSH  = 0xa0 // not allowed in a filter of system calls

	OpMask = 0xf0
	OpAdd  = 0x00
	OpSub  = 0x10
	OpMul  = 0x20
	OpDiv  = 0x30
	OpOr   = 0x40
	OpAnd  = 0x50
	OpLsh  = 0x60
	OpRsh  = 0x70
	OpNeg  = 0x80
	OpMod  = 0x90 // not allowed in a filter of system calls
	OpXor  = 0xa0

	OpJA   = 0x00
	OpJEQ  = 0x10
	OpJGT  = 0x20
	OpJGE  = 0x30
	OpJSet = 0x40

	SourceMask = 0x08
	SourceK    = 0x00 // the operand is the field K
	SourceX    = 0x08 // the operand is register X

	RetMask = 0x18
	RetK    = 0x00
	RetX    = 0x08 // not allowed in a filter of system calls
	RetA    = 0x10

	MiscTAX = 0x00
	MiscTXA = 0x80
)

// Every opcode that the kernel allows in a filter of system calls
// (kernel/seccomp.c, seccomp_check_filter). A, X and the memory cells M are
// 32 bits wide and start as zero; arithmetic wraps. Where a name has a form
// with X at its end, the plain form takes the field K as its operand and the
// other takes register X.
const (
	LoadAbs  = ClassLoad | SizeWord | ModeAbs  // A = the word at byte K of struct seccomp_data
	LoadImm  = ClassLoad | SizeWord | ModeImm  // A = K
	LoadMem  = ClassLoad | SizeWord | ModeMem  // A = M[K]
	LoadLen  = ClassLoad | SizeWord | ModeLen  // A = 64, the size of struct seccomp_data
	LoadXImm = ClassLoadX | SizeWord | ModeImm // X = K
	LoadXMem = ClassLoadX | SizeWord | ModeMem // X = M[K]
	LoadXLen = ClassLoadX | SizeWord | ModeLen // X = 64
	Store    = ClassStore                      // M[K] = A
	StoreX   = ClassStoreX                     // M[K] = X

	Add  = ClassALU | OpAdd           // A += K
	AddX = ClassALU | OpAdd | SourceX // A += X
	Sub  = ClassALU | OpSub           // A -= K
	SubX = ClassALU | OpSub | SourceX // A -= X
	Mul  = ClassALU | OpMul           // A *= K
	MulX = ClassALU | OpMul | SourceX // A *= X
	Div  = ClassALU | OpDiv           // A /= K, unsigned; K is not 0
	DivX = ClassALU | OpDiv | SourceX // A /= X, unsigned; if X is 0 the filter ends and returns 0, KILL_THREAD
	Or   = ClassALU | OpOr            // A |= K
	OrX  = ClassALU | OpOr | SourceX  // A |= X
	And  = ClassALU | OpAnd           // A &= K
	AndX = ClassALU | OpAnd | SourceX // A &= X
	Lsh  = ClassALU | OpLsh           // A <<= K; K is below 32
	LshX = ClassALU | OpLsh | SourceX // A <<= X modulo 32
	Rsh  = ClassALU | OpRsh           // A >>= K, logical; K is below 32
	RshX = ClassALU | OpRsh | SourceX // A >>= X modulo 32, logical
	Xor  = ClassALU | OpXor           // A ^= K
	XorX = ClassALU | OpXor | SourceX // A ^= X
	Neg  = ClassALU | OpNeg           // A = -A

	// A jump goes to the instruction after the next one by its offset: 0 is
	// the next instruction. Jumps go forward only.
	JumpAlways = ClassJump | OpJA             // by K
	JumpEQ     = ClassJump | OpJEQ            // by JT if A == K, else by JF
	JumpEQX    = ClassJump | OpJEQ | SourceX  // by JT if A == X, else by JF
	JumpGT     = ClassJump | OpJGT            // by JT if A > K unsigned, else by JF
	JumpGTX    = ClassJump | OpJGT | SourceX  // by JT if A > X unsigned, else by JF
	JumpGE     = ClassJump | OpJGE            // by JT if A >= K unsigned, else by JF
	JumpGEX    = ClassJump | OpJGE | SourceX  // by JT if A >= X unsigned, else by JF
	JumpSet    = ClassJump | OpJSet           // by JT if A & K is not 0, else by JF
	JumpSetX   = ClassJump | OpJSet | SourceX // by JT if A & X is not 0, else by JF

	Return  = ClassRet | RetK // end; the verdict is K
	ReturnA = ClassRet | RetA // end; the verdict is A

	TAX = ClassMisc | MiscTAX // X = A
	TXA = ClassMisc | MiscTXA // A = X
)

// shape says which fields of an instruction mean something.
type shape uint8

const (
	usesK   shape = 1 << iota // K is an operand, an offset or an index
	usesJ                     // JT and JF are offsets
	usesX                     // the operand is register X
	allowed                   // the kernel allows the opcode
)

// shapes has an entry for each allowed opcode.
var shapes = [256]shape{
	LoadAbs: allowed | usesK, LoadImm: allowed | usesK, LoadMem: allowed | usesK, LoadLen: allowed,
	LoadXImm: allowed | usesK, LoadXMem: allowed | usesK, LoadXLen: allowed,
	Store: allowed | usesK, StoreX: allowed | usesK,

	Add: allowed | usesK, AddX: allowed | usesX, Sub: allowed | usesK, SubX: allowed | usesX,
	Mul: allowed | usesK, MulX: allowed | usesX, Div: allowed | usesK, DivX: allowed | usesX,
	Or: allowed | usesK, OrX: allowed | usesX, And: allowed | usesK, AndX: allowed | usesX,
	Lsh: allowed | usesK, LshX: allowed | usesX, Rsh: allowed | usesK, RshX: allowed | usesX,
	Xor: allowed | usesK, XorX: allowed | usesX, Neg: allowed,

	JumpAlways: allowed | usesK,
	JumpEQ:     allowed | usesK | usesJ, JumpEQX: allowed | usesX | usesJ,
	JumpGT: allowed | usesK | usesJ, JumpGTX: allowed | usesX | usesJ,
	JumpGE: allowed | usesK | usesJ, JumpGEX: allowed | usesX | usesJ,
	JumpSet: allowed | usesK | usesJ, JumpSetX: allowed | usesX | usesJ,

	Return: allowed | usesK, ReturnA: allowed,
	TAX: allowed, TXA: allowed,
}

func shapeOf(code uint16) shape {
	if code >= uint16(len(shapes)) {
		return 0
	}
	return shapes[code]
}

// Opcodes lists every opcode that the kernel allows, in ascending order.
func Opcodes() []uint16 {
	var all []uint16
	for code, s := range shapes {
		if s&allowed != 0 {
			all = append(all, uint16(code))
		}
	}
	return all
}
