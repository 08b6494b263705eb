package bpf_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// FuzzAssemble holds that what assembles is printed so that it assembles to
// the same program.
func FuzzAssemble(f *testing.F) {
	for _, c := range listingCases {
		f.Add(string(c.l.Append(nil, c.p)))
	}
	f.Add("a: jeq #0x10, +1, b ; comment\n jnset x, b {k=7}\nb:\n 01: ret errno(EPERM)")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Assemble(text)
		if err != nil {
			return
		}
		roundTrip(t, p.String(), p)
	})
}

// FuzzDecode holds, for any bytes, that the text goes back to them, that
// nothing panics, and that a program which verifies runs to its end.
func FuzzDecode(f *testing.F) {
	for _, c := range listingCases {
		f.Add(Encode(c.p, binary.LittleEndian), uint64(257), uint64(1))
	}
	for _, c := range verifyCases {
		if len(c.p) < 20 {
			f.Add(Encode(c.p, binary.LittleEndian), uint64(0), uint64(0))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, nr, arg uint64) {
		p, err := Decode(raw, binary.LittleEndian)
		if err != nil {
			return
		}
		text := Listing{Syscall: names, Raw: true}.Append(nil, p)
		again, err := Assemble(string(text))
		if err != nil || !bytes.Equal(Encode(again, binary.LittleEndian), raw) {
			t.Fatalf("%v\n%s", err, text)
		}
		p.Blocks()
		reached := p.Reachable()
		d := seccomp.Data{NR: uint32(nr), Arch: uint32(nr >> 32), IP: arg, Args: [6]uint64{arg, nr, arg ^ nr}}
		verdict, err := p.Run(binary.LittleEndian, d)
		if (err == nil) != (p.Verify() == nil) {
			t.Fatalf("Run says %v, Verify %v", err, p.Verify())
		}
		if err != nil {
			return
		}
		steps, traced, _ := p.Trace(binary.LittleEndian, d)
		if traced != verdict || len(steps) == 0 || len(steps) > len(p) {
			t.Fatalf("Trace says %v after %d steps, Run %v", traced, len(steps), verdict)
		}
		for _, s := range steps {
			if !reached[s.PC] {
				t.Fatalf("instruction %d runs but is not reachable", s.PC)
			}
		}
	})
}
