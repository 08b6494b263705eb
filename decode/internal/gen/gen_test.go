package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestTablesAreCurrent fails where "go generate ./decode" was forgotten.
func TestTablesAreCurrent(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	source, err := Generate(string(read("constants.txt")), string(read("calls.txt")))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(source, read("tables.go")) {
		t.Error("tables.go is not what constants.txt and calls.txt make: run go generate ./decode")
	}
}

// small is a pair of tables in which one line may be replaced by a bad one.
const (
	smallConstants = "family MIPS mips mipsel\ngroup g oct\nenum 0x3\nA 1 MIPS=2\nflags\nB 4\nC - x86=8\n"
	smallCalls     = "open,creat: str g mode\nopen @x86 1=A,2: str g .\nread 0&B: g buf:1\n"
)

func TestGenerate(t *testing.T) {
	source, err := Generate(smallConstants, smallCalls)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"A", 0x1, 0xfffffcff}`, `{"A", 0x2, 0x300}`, `{"B", 0x4, 0xffffffff}`, `{"C", 0x8, 0x2}`,
		`{"open", 0x2, []condition{{1, false, []string{"A"}, []uint64{0x2}}}`, `{kindBuffer, -1, 1}`,
	} {
		if !strings.Contains(string(source), want) {
			t.Errorf("no %s in\n%s", want, source)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ constants, calls, want string }{
		{"A 1", "", "constants.txt:1: this line belongs behind a group"},
		{"flags", "", "constants.txt:1: this line belongs behind a group"},
		{"group g\nA", "", "constants.txt:2: A: no value"},
		{"group g bin", "", `constants.txt:1: group g: unknown base "bin"`},
		{"group", "", "constants.txt:1: group: want a name and perhaps a base"},
		{"group g\ngroup g", "", "constants.txt:2: group g stands twice"},
		{"group g\nA x", "", `constants.txt:2: A: strconv.ParseUint: parsing "x": invalid syntax`},
		{"group g\nA 1 x86", "", `constants.txt:2: A: want ABI,...=VALUE and not "x86"`},
		{"group g\nA 1 vax=2", "", `constants.txt:2: A: unknown architecture "vax"`},
		{"group g\nA 1 x86=2 x86=3", "", `constants.txt:2: A: "x86=3" names an ABI twice`},
		{"group g\nenum 0x3\nA 4", "", "constants.txt: group g: A is outside of mask 0x3"},
		{"group g\nenum y\nA 4", "", `constants.txt:2: strconv.ParseUint: parsing "y": invalid syntax`},
		{"family F", "", "constants.txt:1: family: want a name and ABIs"},
		{smallConstants, "open", "calls.txt:1: no colon"},
		{smallConstants, "# x\nopen: foo", `calls.txt:2: no kind or group "foo"`},
		{smallConstants, "open: buf:9", "calls.txt:1: buf:9: no argument 9"},
		{smallConstants, "open 0=X: g", "calls.txt:1: condition \"0=X\": argument 0 takes no X"},
		{smallConstants, "open 5=A: g", `calls.txt:1: condition "5=A": want N=VALUE`},
		{smallConstants, "open nonsense: g", `calls.txt:1: condition "nonsense": want N=VALUE`},
		{smallConstants, "open @vax: g", `calls.txt:1: unknown architecture "vax"`},
	} {
		_, err := Generate(c.constants, c.calls)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("Generate(%q, %q): %v, want %s", c.constants, c.calls, err, c.want)
		}
	}
}
