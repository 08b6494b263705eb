package tracee

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/callgate/callgate/seccomp"
)

// smallELF is an ELF file of 64 bits with one segment, at an address, and a
// symbol table.
func smallELF(machine elf.Machine, address uint64, symbols ...elf.Sym64) []byte {
	const header, segment, section = 64, 56, 64
	names := []byte("\x00main\x00main.main\x00.symtab\x00.strtab\x00.text\x00")
	var table bytes.Buffer
	must(binary.Write(&table, binary.LittleEndian, append([]elf.Sym64{{}}, symbols...)))
	sections := header + segment
	tableAt := sections + 4*section
	namesAt := tableAt + table.Len()

	var b bytes.Buffer
	h := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: 1, Entry: address + 0x10,
		Phoff: header, Shoff: uint64(sections), Ehsize: header,
		Phentsize: segment, Phnum: 1, Shentsize: section, Shnum: 4, Shstrndx: 2,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	must(binary.Write(&b, binary.LittleEndian, h))
	must(binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_LOAD), Vaddr: address + 0x123, Align: 0x1000}))
	must(binary.Write(&b, binary.LittleEndian, []elf.Section64{
		{},
		{Name: 16, Type: uint32(elf.SHT_SYMTAB), Off: uint64(tableAt), Size: uint64(table.Len()), Link: 2, Entsize: 24},
		{Name: 24, Type: uint32(elf.SHT_STRTAB), Off: uint64(namesAt), Size: uint64(len(names))},
		{Name: 32, Type: uint32(elf.SHT_PROGBITS), Addr: address},
	}))
	b.Write(table.Bytes())
	b.Write(names)
	return b.Bytes()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// nameMain is the offset of "main" in the string table of smallELF.
const nameMain = 1

func code(name uint32, value uint64) elf.Sym64 {
	return elf.Sym64{Name: name, Info: byte(elf.STT_FUNC), Shndx: 3, Value: value}
}

func TestImage(t *testing.T) {
	data := code(nameMain, 7)
	data.Info = byte(elf.STT_OBJECT)
	elsewhere := code(nameMain, 0)
	elsewhere.Shndx = uint16(elf.SHN_UNDEF)
	for _, c := range []struct {
		machine elf.Machine
		symbols []elf.Sym64
		abi     seccomp.ABI
		main    uint64
	}{
		{elf.EM_X86_64, []elf.Sym64{code(nameMain, 0x1234)}, seccomp.X86_64, 0x1234},
		{elf.EM_AARCH64, []elf.Sym64{data, elsewhere, code(nameMain, 0x40)}, seccomp.AARCH64, 0x40},
		{elf.EM_X86_64, []elf.Sym64{data, elsewhere}, seccomp.X86_64, 0},
		{elf.EM_X86_64, nil, seccomp.X86_64, 0},
	} {
		img, err := loadImage(bytes.NewReader(smallELF(c.machine, 0x400000, c.symbols...)))
		if err != nil {
			t.Fatal(err)
		}
		addr, name, ok := img.main()
		if img.abi != c.abi || img.entry != 0x400010 || ok != (c.main != 0) || addr != c.main || ok && name != "main" {
			t.Errorf("%v, %d symbols: ABI %v, entry %#x, main %#x %q %v, want %#x", c.machine, len(c.symbols), img.abi, img.entry, addr, name, ok, c.main)
		}
		if got := img.bias(0x7f0000400000); got != 0x7f0000000000 {
			t.Errorf("loaded at 0x7f0000400000 the bias is %#x", got)
		}
	}
	if _, err := loadImage(bytes.NewReader(smallELF(elf.EM_SPARC, 0))); err == nil {
		t.Error("a program for SPARC can be held")
	}
}

// FuzzImage reads hostile files: they are an error or have no such function,
// and never a panic.
func FuzzImage(f *testing.F) {
	small := smallELF(elf.EM_X86_64, 0x400000, code(nameMain, 0x1234))
	f.Add(small)
	f.Add(small[:100])
	f.Add([]byte("#!/bin/sh\n"))
	f.Add(bytes.ReplaceAll(small, []byte(".text\x00"), []byte(".gopc\x00")))
	f.Fuzz(func(_ *testing.T, data []byte) {
		img, err := loadImage(bytes.NewReader(data))
		if err != nil {
			return
		}
		img.main()
		img.symbol("main.main")
		img.bias(0x1000)
	})
}
