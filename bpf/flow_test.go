package bpf_test

import (
	"slices"
	"testing"

	. "github.com/callgate/callgate/bpf"
)

func TestBlocks(t *testing.T) {
	p := Program{
		LoadWord(0), Jump(JumpEQ, 1, 0, 1), // 0
		Goto(2),           // 2
		Stmt(LoadImm, 1),  // 3
		Stmt(ReturnA, 0),  // 4
		allow,             // 5
		Stmt(LoadImm, 2),  // 6, unreachable
		Stmt(ReturnA, 99), // 7
	}
	want := []Block{{0, 2, 1, 2}, {2, 3, 3, 3}, {3, 5, -1, -1}, {5, 6, -1, -1}, {6, 8, -1, -1}}
	if got := p.Blocks(); !slices.Equal(got, want) {
		t.Errorf("blocks %v, want %v", got, want)
	}
	reach := []bool{true, true, true, true, true, true, false, false}
	if got := p.Reachable(); !slices.Equal(got, reach) {
		t.Errorf("reachable %v, want %v", got, reach)
	}
}

// TestFlowOfInvalid walks programs that do not verify: nothing may panic.
func TestFlowOfInvalid(t *testing.T) {
	for _, p := range []Program{
		nil,
		{Stmt(LoadImm, 0)},
		{Goto(0xffffffff)},
		{Jump(JumpEQ, 0, 255, 255)},
		{Stmt(0xffff, 0), Jump(JumpEQ, 0, 0, 9)},
	} {
		if n := len(p.Reachable()); n != len(p) {
			t.Errorf("%v: %d", p, n)
		}
		end := 0
		for _, b := range p.Blocks() {
			if b.Start != end || b.End <= b.Start {
				t.Errorf("%v: block %v", p, b)
			}
			end = b.End
		}
		if end != len(p) {
			t.Errorf("%v: blocks end at %d", p, end)
		}
	}
}

func TestRegisters(t *testing.T) {
	p := Program{
		Jump(JumpEQ, 0, 0, 0), // 0: A starts as zero
		LoadWord(16),          // 1
		Stmt(And, 0xff),       // 2
		Stmt(And, 0x1f),       // 3
		Stmt(TAX, 0),          // 4
		LoadWord(0),           // 5
		Jump(JumpEQX, 0, 1, 0),
		Stmt(Add, 1), // 7
		allow,        // 8: A is the number, or one more
		kill,         // 9: unreachable
	}
	zero, argument := Content{Kind: Constant}, Content{Field, 16, 0xffffffff}
	masked, nr := Content{Field, 16, 0x1f}, Content{Field, 0, 0xffffffff}
	want := []Registers{
		{zero, zero}, {zero, zero}, {argument, zero}, {Content{Field, 16, 0xff}, zero}, {masked, zero},
		{masked, masked}, {nr, masked}, {nr, masked}, {Content{}, masked}, {},
	}
	if got := p.Registers(); !slices.Equal(got, want) {
		t.Errorf("registers\n%v, want\n%v", got, want)
	}
}
