package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	tableFile  = "../../table.tsv"
	outputFile = "../../tables.go"
)

// TestCurrent makes the Go tables anew and compares them with those that are
// checked in.
func TestCurrent(t *testing.T) {
	output := filepath.Join(t.TempDir(), "tables.go")
	if err := run(tableFile, output); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(outputFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("tables.go is not what table.tsv says: run go generate ./syscalls")
	}
}

// TestReproducible checks that two runs give the same bytes.
func TestReproducible(t *testing.T) {
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for range 3 {
		calls, err := parse(tableFile, string(text))
		if err != nil {
			t.Fatal(err)
		}
		code, err := emit(calls)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = code
		}
		if !bytes.Equal(code, first) {
			t.Fatal("the same table gave two different files")
		}
	}
}

// TestMistakes changes one row of the table at a time: each mistake is told
// with its line.
func TestMistakes(t *testing.T) {
	numbers := strings.Repeat("\t7", 23)
	header := strings.Join(columns(), "\t")
	for _, c := range []struct{ what, row, want string }{
		{"columns", "read\t1.0\tio\tvoid\t-\t0", "t:2: 6 columns, want 28"},
		{"version", "read\t1\tio\tvoid\t-" + numbers, `t:2: kernel version "1": want two or three numbers`},
		{"version digits", "read\t1.x\tio\tvoid\t-" + numbers, `t:2: kernel version "1.x"`},
		{"version range", "read\t1.300\tio\tvoid\t-" + numbers, `t:2: kernel version "1.300"`},
		{"purpose", "read\t1.0\tquux\tvoid\t-" + numbers, `t:2: unknown purpose "quux"`},
		{"no purpose", "read\t1.0\t-\tvoid\t-" + numbers, `t:2: unknown purpose "-"`},
		{"argument", "read\t1.0\tio\tfd\t-" + numbers, `t:2: argument "fd": want a C type and a name`},
		{"type", "read\t1.0\tio\tquux_t fd\t-" + numbers, `t:2: argument "quux_t fd": unknown C type "quux_t"`},
		{"variant", "read\t1.0\tio\tint fd; x86\t-" + numbers, `t:2: arguments "x86": want ABIs`},
		{"variant's ABI", "read\t1.0\tio\tint fd; vax: void\t-" + numbers, `t:2: unknown architecture "vax"`},
		{"variant's type", "read\t1.0\tio\tint fd; x86: quux_t fd\t-" + numbers, `t:2: argument "quux_t fd"`},
		{"number", "read\t1.0\tio\tvoid\t-" + strings.Repeat("\tx", 23), "t:2: strconv.ParseUint"},
		{"negative", "read\t1.0\tio\tvoid\t-" + strings.Repeat("\t-1", 23), "t:2: strconv.ParseUint"},
		{"multiplexer", "read\t1.0\tio\tvoid\tmux 1 1" + numbers, `t:2: through "mux 1 1": want`},
		{"multiplexer call", "read\t1.0\tio\tvoid\tipc x 1" + numbers, `t:2: through "ipc x 1"`},
		{"register", "read\t1.0\tio\tint a\tipc 1 6" + numbers, `t:2: through "ipc 1 6": register "6"`},
		{"registers", "read\t1.0\tio\tvoid\tipc 1 1" + numbers, "t:2: 0 arguments, but 1 registers"},
		{"order", "b\t1.0\tio\tvoid\t-" + numbers + "\na\t1.0\tio\tvoid\t-" + numbers, "t:3: a stands out of order"},
		{"twice", "a\t1.0\tio\tvoid\t-" + numbers + "\nb\t1.0\tio\tvoid\t-" + numbers, "t: x86: a and b both have number 7"},
	} {
		_, err := parse("t", header+"\n"+c.row+"\n")
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.what, err, c.want)
		}
	}
	if _, err := parse("t", "name\tx86\n"); err == nil || !strings.Contains(err.Error(), "t:1: columns are") {
		t.Errorf("header: got %v", err)
	}
}

// FuzzParse checks that any row is refused with its line or leads to Go code.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(tableFile)
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "accept\t") || strings.HasPrefix(line, "clone\t") || strings.HasPrefix(line, "msgrcv\t") {
			f.Add(line)
		}
	}
	f.Add("read\t1.0\tio\tint \tipc 1 ,\t\n\t")
	header := strings.Join(columns(), "\t") + "\n"
	f.Fuzz(func(t *testing.T, row string) {
		calls, err := parse("t", header+row)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "t:") {
				t.Errorf("parse(%q): %v", row, err)
			}
			return
		}
		if _, err := emit(calls); err != nil {
			t.Errorf("emit of %q: %v", row, err)
		}
	})
}
