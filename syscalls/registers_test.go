package syscalls

import (
	"reflect"
	"strings"
	"testing"

	"github.com/callgate/callgate/seccomp"
)

// TestRegisters gives each register as name:kind.
func TestRegisters(t *testing.T) {
	for _, c := range []struct {
		abi        seccomp.ABI
		name, want string
	}{
		{seccomp.X86_64, "clone", "clone_flags:ulong newsp:ulong parent_tidptr:pointer child_tidptr:pointer tls:ulong"},
		{seccomp.X32, "clone", "clone_flags:ulong newsp:ulong parent_tidptr:pointer child_tidptr:pointer tls:ulong"},
		{seccomp.X86, "clone", "clone_flags:ulong newsp:ulong parent_tidptr:pointer tls:ulong child_tidptr:pointer"},
		{seccomp.AARCH64, "clone", "clone_flags:ulong newsp:ulong parent_tidptr:pointer tls:ulong child_tidptr:pointer"},
		{seccomp.S390X, "clone", "newsp:ulong clone_flags:ulong parent_tidptr:pointer child_tidptr:pointer tls:ulong"},
		{seccomp.X86, "setuid", "uid:uint16"},
		{seccomp.X86, "setuid32", "uid:uint32"},
		{seccomp.MIPS, "setuid", "uid:uint32"},
		{seccomp.X86, "mmap", "arg:pointer"},
		{seccomp.X86_64, "pread64", "fd:uint32 buf:pointer count:size pos:wide"},
		{seccomp.X32, "pread64", "fd:uint32 buf:pointer count:size pos:wide"},
		{seccomp.X86, "pread64", "fd:uint32 buf:pointer count:size pos:wide low pos:wide high"},
		{seccomp.ARM, "pread64", "fd:uint32 buf:pointer count:size :unused pos:wide low pos:wide high"},
		{seccomp.SHEB, "pread64", "fd:uint32 buf:pointer count:size dummy:long pos:wide high pos:wide low"},
		{seccomp.PPC, "readahead", "fd:int32 :unused offset:wide high offset:wide low count:size"},
		{seccomp.PARISC, "readahead", "fd:int32 offset:wide high offset:wide low count:size"},
		{seccomp.MIPSEL, "fallocate", "fd:int32 mode:int32 offset:wide low offset:wide high len:wide low len:wide high"},
		// The flags would be in a seventh register.
		{seccomp.MIPS, "sync_file_range", "fd:int32 :unused offset:wide high offset:wide low nbytes:wide high nbytes:wide low"},
		{seccomp.S390, "fadvise64_64", "args:pointer"},
		{seccomp.X86_64, "pipe", "fildes:pointer"},
		{seccomp.MIPS64, "pipe", ""},
		{seccomp.X86_64, "getpid", ""},
	} {
		var got []string
		for _, a := range Registers(c.abi, c.name) {
			got = append(got, a.Name+":"+a.Kind.String())
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("Registers(%v, %q) = %s, want %s", c.abi, c.name, got, c.want)
		}
	}
	if got := Registers(seccomp.X86_64, "getpid"); got == nil {
		t.Error("the registers of getpid are nil, want none")
	}
	for _, got := range [][]Arg{
		Registers(seccomp.X86_64, "no_such_call"), Registers(seccomp.X86_64, "tuxcall"), Registers(seccomp.ABI(0), "read"),
	} {
		if got != nil {
			t.Errorf("registers are %v, want nil", got)
		}
	}
}

// TestRegistersOfAll checks what must hold everywhere: no more than six, whole
// halves, nothing wide in 32 bits, and on x86_64 just the arguments.
func TestRegistersOfAll(t *testing.T) {
	for _, abi := range seccomp.ABIs() {
		for _, name := range Names() {
			regs := Registers(abi, name)
			halves := 0
			for _, a := range regs {
				switch a.Kind {
				case WideLow:
					halves++
				case WideHigh:
					halves--
				case Wide:
					if registerBits(abi) == 32 {
						t.Errorf("%v: %s of %s has 64 bits", abi, a.Name, name)
					}
				}
			}
			if len(regs) > maxRegisters || halves != 0 {
				t.Errorf("Registers(%v, %q) = %v", abi, name, regs)
			}
			if abi == seccomp.X86_64 && !reflect.DeepEqual(regs, Args(name)) {
				t.Errorf("%s: registers %v, arguments %v", name, regs, Args(name))
			}
		}
	}
}

// TestVariants checks that the table names only ABIs that have the call.
func TestVariants(t *testing.T) {
	for _, v := range variants {
		for _, abi := range seccomp.ABIs() {
			if _, ok := Number(abi, nameOf(int(v.id))); !ok && v.abis>>abi&1 != 0 {
				t.Errorf("%v lacks %s but has its own arguments for it", abi, nameOf(int(v.id)))
			}
		}
	}
}
