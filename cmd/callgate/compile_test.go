package main

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// Whatever form a program is written in, it can be read back from it.
func TestEmitters(t *testing.T) {
	program := bpf.Program{
		bpf.LoadWord(seccomp.OffsetNR),
		bpf.Jump(bpf.JumpGE, 0xfffffffe, 255, 0),
		bpf.Stmt(bpf.And, 0x7e020000),
		bpf.Goto(70000),
		bpf.Ret(seccomp.ReturnErrno(1)),
		bpf.Ret(seccomp.Allow),
	}
	readers := map[string]func(*testing.T, []byte) bpf.Program{
		"asm":  readAsm,
		"c":    readC,
		"go":   readGo,
		"json": readJSON,
	}
	for form, emit := range emitters {
		if form == "dot" || form == "svg" {
			continue // pictures leave out what a person need not read
		}
		text, err := emit(program, "a */ strange\nname", seccomp.X86_64)
		if err != nil {
			t.Fatal(err)
		}
		if got := readers[form](t, text); !slices.Equal(got, program) {
			t.Errorf("%s: %v\nwant %v", text, got, program)
		}
	}
}

func readAsm(t *testing.T, text []byte) bpf.Program {
	p, err := bpf.Assemble(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readC(t *testing.T, text []byte) bpf.Program {
	return readFields(t, regexp.MustCompile(`(?m)^\t\{ (0x\w+), +(\d+), +(\d+), (0x\w+) \},`), text)
}

func readGo(t *testing.T, text []byte) bpf.Program {
	if _, err := parser.ParseFile(token.NewFileSet(), "filter.go", text, 0); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return readFields(t, regexp.MustCompile(`(?m)^\t\{Code: (0x\w+), JT: (\d+), JF: (\d+), K: (0x\w+)\},`), text)
}

func readFields(t *testing.T, line *regexp.Regexp, text []byte) bpf.Program {
	var p bpf.Program
	for _, m := range line.FindAllSubmatch(text, -1) {
		var f [4]uint64
		for i := range f {
			n, err := strconv.ParseUint(string(m[i+1]), 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			f[i] = n
		}
		p = append(p, bpf.Instruction{Code: uint16(f[0]), JT: uint8(f[1]), JF: uint8(f[2]), K: uint32(f[3])})
	}
	return p
}

func readJSON(t *testing.T, text []byte) bpf.Program {
	var p bpf.Program
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}
