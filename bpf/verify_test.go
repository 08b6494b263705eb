package bpf_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

var (
	allow = Ret(seccomp.Allow)
	kill  = Ret(seccomp.KillProcess)
)

// verifyCases has every rule of the verifier from both sides. The kernel
// judges each of them, too: see TestVerifyCasesAgainstKernel.
var verifyCases = []struct {
	name   string
	p      Program
	reason Reason // 0: valid
	pc     int
}{
	{"empty", Program{}, Empty, -1},
	{"one return", Program{allow}, 0, 0},
	{"longest", repeat(Stmt(LoadImm, 1), 4095, allow), 0, 0},
	{"too long", repeat(Stmt(LoadImm, 1), 4096, allow), TooLong, -1},
	{"return A", Program{Stmt(ReturnA, 0)}, 0, 0},
	{"return X", Program{Stmt(ClassRet|RetX, 0)}, BadOpcode, 0},
	{"junk in unused fields", Program{{TAX, 9, 9, 9}, {Neg, 255, 255, 1 << 31}, {LoadLen, 1, 2, 99},
		{AddX, 7, 7, 0}, {DivX, 7, 7, 0}, {RshX, 7, 7, 99}, {LoadAbs, 200, 200, 0}, {Return, 200, 200, 0}}, 0, 0},
	{"code above a byte", Program{{0x100 | Return, 0, 0, 0}, allow}, BadOpcode, 0},
	{"half word", Program{Stmt(ClassLoad|SizeHalf|ModeAbs, 0), allow}, BadOpcode, 0},
	{"byte", Program{Stmt(ClassLoad|SizeByte|ModeAbs, 0), allow}, BadOpcode, 0},
	{"indirect", Program{Stmt(ClassLoad|ModeInd, 0), allow}, BadOpcode, 0},
	{"msh", Program{Stmt(ClassLoadX|SizeByte|ModeMSH, 0), allow}, BadOpcode, 0},
	{"modulo", Program{Stmt(ClassALU|OpMod, 3), allow}, BadOpcode, 0},
	{"modulo X", Program{Stmt(ClassALU|OpMod|SourceX, 0), allow}, BadOpcode, 0},
	{"negation with X bit", Program{Stmt(Neg|SourceX, 0), allow}, BadOpcode, 0},
	{"ja with X bit", Program{Stmt(JumpAlways|SourceX, 0), allow}, BadOpcode, 0},
	{"load into X by offset", Program{Stmt(ClassLoadX|ModeAbs, 0), allow}, BadOpcode, 0},
	{"ancillary load", Program{Stmt(LoadAbs, 0xfffff000), allow}, BadOffset, 0},
	{"last word", Program{LoadWord(60), allow}, 0, 0},
	{"behind the data", Program{LoadWord(64), allow}, BadOffset, 0},
	{"unaligned", Program{LoadWord(2), allow}, BadOffset, 0},
	{"constant division", Program{Stmt(Div, 1), allow}, 0, 0},
	{"constant division by zero", Program{Stmt(Div, 0), allow}, DivideByZero, 0},
	{"division by X", Program{Stmt(DivX, 0), allow}, 0, 0},
	{"lsh 31", Program{Stmt(Lsh, 31), allow}, 0, 0},
	{"lsh 32", Program{Stmt(Lsh, 32), allow}, ShiftTooFar, 0},
	{"rsh 31", Program{Stmt(Rsh, 31), allow}, 0, 0},
	{"rsh 32", Program{Stmt(Rsh, 32), allow}, ShiftTooFar, 0},
	{"ja to the last", Program{Goto(0), allow}, 0, 0},
	{"ja outside", Program{Goto(1), allow}, JumpOutside, 0},
	{"ja that wraps", Program{allow, Goto(0xffffffff), allow}, JumpOutside, 1},
	{"jt outside", Program{Jump(JumpEQ, 0, 1, 0), allow}, JumpOutside, 0},
	{"jf outside", Program{Jump(JumpSetX, 0, 0, 1), allow}, JumpOutside, 0},
	{"jump last", Program{allow, Jump(JumpEQ, 0, 0, 0)}, JumpOutside, 1},
	{"farthest jump", append(Program{Jump(JumpEQ, 0, 255, 0)}, repeat(Stmt(TAX, 0), 255, allow)...), 0, 0},
	{"no return", Program{allow, Stmt(LoadImm, 0)}, NoReturn, 1},
	{"cell 15", Program{Stmt(Store, 15), Stmt(LoadMem, 15), allow}, 0, 0},
	{"cell 16 written", Program{Stmt(Store, 16), allow}, BadCell, 0},
	{"cell 16 written from X", Program{Stmt(StoreX, 16), allow}, BadCell, 0},
	{"cell 16 read", Program{Stmt(LoadMem, 16), allow}, BadCell, 0},
	{"cell 16 read into X", Program{Stmt(LoadXMem, 16), allow}, BadCell, 0},
	{"unset cell", Program{Stmt(LoadMem, 0), allow}, UnsetCell, 0},
	{"unset cell into X", Program{Stmt(LoadXMem, 3), allow}, UnsetCell, 0},
	{"other cell set", Program{Stmt(Store, 1), Stmt(LoadXMem, 3), allow}, UnsetCell, 1},
	{"set on one way", Program{Jump(JumpEQ, 0, 0, 1), Stmt(Store, 0), Stmt(LoadMem, 0), allow}, UnsetCell, 2},
	{"set on both ways", Program{Jump(JumpEQ, 0, 0, 2), Stmt(Store, 0), Goto(1), Stmt(StoreX, 0), Stmt(LoadMem, 0), allow}, 0, 0},
	{"unset cell behind ja", Program{Goto(1), Stmt(LoadMem, 0), allow}, 0, 0},
	{"unset cell behind return", Program{allow, Stmt(LoadMem, 0), allow}, UnsetCell, 1},
	// Only the jump at 0 leads to 4, with M[0] set; but the return at 3
	// leaves its own cells behind.
	{"cells flow through a return", Program{Jump(JumpEQ, 0, 2, 0), Stmt(Store, 0), Goto(1), allow, Stmt(LoadMem, 0), allow}, UnsetCell, 4},
	{"ja keeps them apart", Program{Jump(JumpEQ, 0, 2, 0), Stmt(Store, 0), Goto(1), Goto(1), Stmt(LoadMem, 0), allow}, 0, 0},
}

func repeat(i Instruction, n int, last Instruction) Program {
	return append(slices.Repeat(Program{i}, n), last)
}

func TestVerify(t *testing.T) {
	for _, c := range verifyCases {
		t.Run(c.name, func(t *testing.T) {
			err := c.p.Verify()
			if c.reason == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var ve *VerifyError
			if !errors.As(err, &ve) || ve.PC != c.pc || ve.Reason != c.reason {
				t.Fatalf("got %v, want %q at %d", err, c.reason, c.pc)
			}
			if !errors.Is(err, c.reason) || !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%v does not match its reason and EINVAL", err)
			}
			if s := err.Error(); ve.Detail == "" || !strings.HasSuffix(s, ve.Detail) {
				t.Errorf("error %q has no advice", s)
			}
		})
	}
}

// TestVerifyReasons demands a case for each reason.
func TestVerifyReasons(t *testing.T) {
	for r := Empty; r <= UnsetCell; r++ {
		found := false
		for _, c := range verifyCases {
			found = found || c.reason == r
		}
		if !found {
			t.Errorf("no case for %q", r)
		}
	}
}

func TestOpcodes(t *testing.T) {
	if n := len(Opcodes()); n != 41 {
		t.Errorf("%d opcodes, want 41", n)
	}
	for code := range 1 << 16 {
		i := Instruction{Code: uint16(code), K: 4}
		if got, want := i.Allowed(), slices.Contains(Opcodes(), i.Code); got != want {
			t.Errorf("Allowed(%#x) = %v", code, got)
		}
		// A program around the opcode is refused for nothing but the opcode.
		err := Program{Stmt(Store, 4), i, allow, allow, allow, allow, allow}.Verify()
		if i.Allowed() != (err == nil) || err != nil && !errors.Is(err, BadOpcode) {
			t.Errorf("opcode %#x: %v", code, err)
		}
	}
}
