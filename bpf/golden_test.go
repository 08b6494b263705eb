package bpf_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

// goldenProgram reads one filter that a runtime installed, dumped from the
// kernel of a little-endian machine.
func goldenProgram(t testing.TB, name string) Program {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(need.Data(t, "golden-bpf"), name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode(b, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGoldenFilters reads, judges and prints filters of real containers.
func TestGoldenFilters(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "golden-bpf"), "*.bpf"))
	if err != nil || len(files) == 0 {
		t.Fatal("no filters", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p := goldenProgram(t, filepath.Base(file))
			if err := p.Verify(); err != nil {
				t.Fatal(err)
			}
			text := Listing{Syscall: names, Raw: true}.Append(nil, p)
			again, err := Assemble(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(Encode(again, binary.LittleEndian), Encode(p, binary.LittleEndian)) {
				t.Error("the bytes differ after disassembling and assembling")
			}
		})
	}
}

// TestGoldenVerdicts runs filters that libseccomp made on calls whose verdict
// another interpreter gave.
func TestGoldenVerdicts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "golden-libseccomp"), "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runVectors(t, file) })
	}
}

func runVectors(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	filters, calls := 0, 0
	for lines.Scan() {
		var g struct {
			BPF     string `json:"bpf_hex"`
			Vectors []struct {
				NR, Arch uint32
				Args     []uint64
				Ret      uint32
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		if g.BPF == "" {
			continue // libseccomp refused the profile
		}
		raw, err := hex.DecodeString(g.BPF)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(raw, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		filter, err := Load(p, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		filters++
		for _, v := range g.Vectors {
			d := seccomp.Data{NR: v.NR, Arch: v.Arch}
			copy(d.Args[:], v.Args)
			calls++
			if got := filter.Run(d); uint32(got) != v.Ret {
				t.Errorf("filter %d, %+v: %#x, want %#x", filters, d, uint32(got), v.Ret)
			}
		}
	}
	if err := lines.Err(); err != nil || filters == 0 || calls == 0 {
		t.Fatalf("%d filters, %d calls, %v", filters, calls, err)
	}
	t.Logf("%d filters, %d calls", filters, calls)
}
