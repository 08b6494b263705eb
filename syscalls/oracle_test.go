package syscalls_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// noCalls are numbers that golang.org/x/sys/unix names and that never had a
// call behind them.
var noCalls = regexp.MustCompile(`^(syscall_mask|arch_specific_syscall|(un|re)(us|serv)ed\d+)$`)

var xsysConstant = regexp.MustCompile(`(?m)^\s*SYS_(\w+)\s*=\s*(\d+)`)

// TestXSys compares both ways with the numbers that golang.org/x/sys/unix took
// from the kernel's own headers.
func TestXSys(t *testing.T) {
	out, err := exec.Command(need.Program(t, "go"), "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatalf("go list golang.org/x/sys/unix: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	for _, goarch := range []string{
		"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le",
		"mipsle", "ppc", "ppc64", "ppc64le", "riscv64", "s390x",
	} {
		abi, _ := seccomp.NativeABI(goarch)
		text, err := os.ReadFile(filepath.Join(dir, "zsysnum_linux_"+goarch+".go"))
		if err != nil {
			t.Fatal(err)
		}
		theirs := map[string]bool{}
		for _, m := range xsysConstant.FindAllStringSubmatch(string(text), -1) {
			name := strings.ToLower(m[1])
			if noCalls.MatchString(name) {
				continue
			}
			theirs[name] = true
			if nr, ok := syscalls.Number(abi, name); strconv.Itoa(int(nr)) != m[2] || !ok {
				t.Errorf("%v: %s is %d, %v, x/sys says %s", abi, name, nr, ok, m[2])
			}
		}
		for nr, name := range syscalls.All(abi) {
			if !theirs[name] && !(abi == seccomp.ARM && nr > 0xf0000) { // x/sys leaves out ARM's private calls
				t.Errorf("%v: x/sys lacks %s, %d", abi, name, nr)
			}
		}
	}
}

// Pseudo numbers of libseccomp, from seccomp-syscalls.h and its tables.
const (
	pseudoSocketcall = -100 // -100-N is call N of socketcall
	pseudoIPC        = -200 // -200-N is call N of ipc
	pseudoUnknown    = -1
)

// checkLibseccomp compares a name's number on one ABI with what libseccomp
// resolves it to. laterCalls are those that newer versions of the kernel or of
// libseccomp have on abi.
func checkLibseccomp(t *testing.T, abi seccomp.ABI, name string, resolved int, later func(seccomp.ABI, string) bool) {
	t.Helper()
	nr, direct := syscalls.Number(abi, name)
	m, muxed := syscalls.Through(abi, name)
	switch {
	case resolved >= 0:
		if abi == seccomp.PARISC64 && name == "_llseek" {
			return // versions before 2.6 gave it PA-RISC's 32-bit number
		}
		if !direct || int(nr) != resolved {
			t.Errorf("%v: %s is %d, %v, libseccomp says %d", abi, name, nr, direct, resolved)
		}
		if muxed {
			t.Errorf("%v: %s goes through %s, libseccomp says %d", abi, name, m.By, resolved)
		}
	case resolved == pseudoUnknown:
	case resolved > pseudoIPC-100:
		if !muxed { // libseccomp has pseudo numbers for send and recv on every ABI
			if name != "send" && name != "recv" {
				t.Errorf("%v: %s is not multiplexed, libseccomp says %d", abi, name, resolved)
			}
			return
		}
		want := pseudoSocketcall - int(m.Call)
		if m.By == "ipc" {
			want = pseudoIPC - int(m.Call)
		}
		if resolved != want {
			t.Errorf("%v: %s goes through %s as %d, libseccomp says %d", abi, name, m.By, m.Call, resolved)
		}
	case (direct || muxed) && !later(abi, name):
		t.Errorf("%v: %s is %d, libseccomp does not know it there", abi, name, nr)
	}
}

// TestLibseccompNames compares with what libseccomp 2.6.1 resolves every name
// to, on all ABIs.
func TestLibseccompNames(t *testing.T) {
	text, err := os.ReadFile(need.Data(t, "libseccomp-names/v2.6.1.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	later := func(abi seccomp.ABI, name string) bool {
		return abi == seccomp.LoongArch64 && name == "memfd_secret"
	}
	var abis []seccomp.ABI
	seen := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if abis == nil {
			for _, s := range f[1:] {
				abi, err := seccomp.ParseABI(s)
				if err != nil {
					t.Fatal(err)
				}
				abis = append(abis, abi)
			}
			continue
		}
		seen++
		if !syscalls.Known(f[0]) {
			t.Errorf("%s is not known", f[0])
		}
		for i, abi := range abis {
			n, err := strconv.Atoi(f[i+1])
			if err != nil {
				t.Fatal(err)
			}
			checkLibseccomp(t, abi, f[0], n, later)
		}
	}
	if names := len(syscalls.Names()); len(abis) != len(seccomp.ABIs()) || seen != names {
		t.Errorf("compared %d names on %d ABIs, the table has %d on %d", seen, len(abis), names, len(seccomp.ABIs()))
	}
}

// resolveProgram prints, for each name that it reads, a line of NAME, ABI and
// what the installed libseccomp resolves it to, for each of the ABIs that are
// its arguments and that it knows.
const resolveProgram = `
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
	char name[128];
	while (scanf("%127s", name) == 1)
		for (int i = 1; i < argc; i++) {
			uint32_t arch = seccomp_arch_resolve_name(argv[i]);
			if (arch)
				printf("%s %s %d\n", name, argv[i], seccomp_syscall_resolve_name_arch(arch, name));
		}
	return 0;
}`

// TestInstalledLibseccomp compares with the libseccomp of this machine,
// whichever version that is.
func TestInstalledLibseccomp(t *testing.T) {
	program := filepath.Join(t.TempDir(), "resolve")
	gcc := exec.Command(need.Libseccomp(t), "-x", "c", "-", "-o", program, "-lseccomp")
	gcc.Stdin = strings.NewReader(resolveProgram)
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	var abis []string
	for _, abi := range seccomp.ABIs() {
		abis = append(abis, abi.String())
	}
	resolve := exec.Command(program, abis...)
	resolve.Stdin = strings.NewReader(strings.Join(syscalls.Names(), "\n"))
	out, err := resolve.Output()
	if err != nil {
		t.Fatal(err)
	}
	// An older version lacks calls that ABIs got after it: their absence
	// from its tables says nothing.
	later := func(seccomp.ABI, string) bool { return true }
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		f := strings.Fields(line)
		abi, err := seccomp.ParseABI(f[1])
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatal(err)
		}
		checkLibseccomp(t, abi, f[0], n, later)
	}
	if len(lines) < 10*len(syscalls.Names()) {
		t.Errorf("libseccomp answered only %d times", len(lines))
	}
}

// TestResolved compares with the rules of libseccomp's own tests, resolved by
// libseccomp 2.6.1: the direct number and the way through the multiplexer.
func TestResolved(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "libseccomp-vectors"), "tests", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		for _, r := range resolvedRules(t, file) {
			for arch, want := range r.Resolved {
				abi, err := seccomp.ParseABI(arch)
				if err != nil {
					t.Fatal(err)
				}
				nr, direct := syscalls.Number(abi, r.Name)
				if direct != (want.NR != nil) || direct && int64(nr) != *want.NR {
					t.Errorf("%s: %v: %s is %d, %v, want %+v", file, abi, r.Name, nr, direct, want)
				}
				m, muxed := syscalls.Through(abi, r.Name)
				if muxed != (want.Mux != nil) || muxed && [2]uint32{m.Number, m.Call} != *want.Mux {
					t.Errorf("%s: %v: %s is made by %+v, %v, want %v", file, abi, r.Name, m, muxed, want.Mux)
				}
				seen++
			}
		}
	}
	if seen < 400 {
		t.Errorf("compared only %d rules", seen)
	}
}

type resolvedRule struct {
	Name     string
	Resolved map[string]struct {
		NR  *int64
		Mux *[2]uint32
	}
}

// resolvedRules are the rules of a test file that name a call.
func resolvedRules(t *testing.T, file string) []resolvedRule {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var test struct {
		Filter struct{ Rules []resolvedRule }
	}
	if err := json.Unmarshal(text, &test); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	named := test.Filter.Rules[:0]
	for _, r := range test.Filter.Rules {
		if r.Name != "" {
			named = append(named, r)
		}
	}
	return named
}
