package tracee

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
	"io"

	"github.com/callgate/callgate/seccomp"
)

// image is what the ELF file of a program tells. Addresses are those of the
// file; the process adds its load bias.
type image struct {
	abi   seccomp.ABI
	entry uint64
	file  *elf.File
	// closer is the file that the image is read from as it is asked.
	closer io.Closer
}

// loadImage reads the ELF file of a program. It takes hostile files: the
// package debug/elf bounds what it reads, and gosym's panics are caught.
func loadImage(r io.ReaderAt) (*image, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	abi, err := abiOf(f)
	if err != nil {
		return nil, err
	}
	return &image{abi: abi, entry: f.Entry, file: f}, nil
}

// abiOf is the ABI through which a program makes its calls.
func abiOf(f *elf.File) (seccomp.ABI, error) {
	switch {
	case f.Machine == elf.EM_X86_64 && f.Class == elf.ELFCLASS64:
		return seccomp.X86_64, nil
	case f.Machine == elf.EM_X86_64:
		return seccomp.X32, nil
	case f.Machine == elf.EM_386:
		return seccomp.X86, nil
	case f.Machine == elf.EM_AARCH64:
		return seccomp.AARCH64, nil
	case f.Machine == elf.EM_ARM:
		return seccomp.ARM, nil
	}
	return 0, fmt.Errorf("programs for %v cannot be held", f.Machine)
}

// main is the address of the function that the program's author calls main,
// if the file says so: main.main of a Go program, main of others.
func (m *image) main() (addr uint64, name string, ok bool) {
	if m.isGo() {
		if addr, ok := m.symbol("main.main"); ok {
			return addr, "main.main", true
		}
	}
	addr, ok = m.symbol("main")
	return addr, "main", ok
}

func (m *image) isGo() bool { return m.pclntab() != nil }

// pclntab is the section with the function table of a Go program, which
// stripping does not remove.
func (m *image) pclntab() *elf.Section {
	if s := m.file.Section(".gopclntab"); s != nil {
		return s
	}
	return m.file.Section(".data.rel.ro.gopclntab")
}

// symbol is the address of a function by its name, from the symbol table, the
// dynamic symbols, or the function table of a Go program.
func (m *image) symbol(name string) (uint64, bool) {
	for _, table := range []func() ([]elf.Symbol, error){m.file.Symbols, m.file.DynamicSymbols} {
		symbols, err := table()
		if err != nil {
			continue // there is no such table
		}
		for _, s := range symbols {
			if s.Name == name && s.Section != elf.SHN_UNDEF && s.Value != 0 && isCode(s) {
				return s.Value, true
			}
		}
	}
	return m.goFunction(name, m.goEntry(), m.entry)
}

// isCode reports whether a symbol may be a function; those of assembly code
// have no type. An indirect function is a resolver, not the function.
func isCode(s elf.Symbol) bool {
	kind := elf.ST_TYPE(s.Info)
	return kind == elf.STT_FUNC || kind == elf.STT_NOTYPE
}

// goFunction looks a function up in the table that a Go program carries for
// its own stack traces.
//
// The table counts from the first function of the Go program, which the linker
// of a C compiler puts somewhere behind the start of the code. The address of
// one function, the anchor, tells that distance.
func (m *image) goFunction(name, anchor string, at uint64) (addr uint64, ok bool) {
	defer func() {
		if recover() != nil { // gosym panics on tables that make no sense
			addr, ok = 0, false
		}
	}()
	section, text := m.pclntab(), m.file.Section(".text")
	if section == nil || text == nil {
		return 0, false
	}
	data, err := section.Data()
	if err != nil {
		return 0, false
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return 0, false
	}
	f, known := table.LookupFunc(name), table.LookupFunc(anchor)
	if f == nil || known == nil {
		return 0, false
	}
	return f.Entry - known.Entry + at, true
}

// goEntry is the function at which a Go program without C starts.
func (m *image) goEntry() string {
	return map[seccomp.ABI]string{
		seccomp.X86_64:  "_rt0_amd64_linux",
		seccomp.X86:     "_rt0_386_linux",
		seccomp.AARCH64: "_rt0_arm64_linux",
	}[m.abi]
}

// bias is what the loader added to the addresses of the file, where the
// lowest of them got to be at start.
func (m *image) bias(start uint64) uint64 {
	for _, p := range m.file.Progs {
		if p.Type == elf.PT_LOAD {
			return start - p.Vaddr&^uint64(p.Align-1)
		}
	}
	return start
}
