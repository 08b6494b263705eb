package decode

import (
	"fmt"
	"go/ast"
	"go/build"
	goconstant "go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

// others are names that headers and x/sys give another meaning: the numbers of
// files, locks and times of 64 bits are the C library's, SYS_ are system calls
// there and calls of socketcall here, Q_ is not yet shifted into its place.
var others = regexp.MustCompile(`^(O_LARGEFILE|F_[GS]ETLKW?(64)?|SO_(TIMESTAMP(NS|ING)?|(RCV|SND)TIMEO)|SYS_.*|Q_.*)$`)

// values are the constants of all groups on an ABI. A name has one value in
// every group (which is checked).
func values(t *testing.T, abi seccomp.ABI) map[string]uint64 {
	all := map[string]uint64{}
	for i := range groups {
		for _, name := range groups[i].names(abi) {
			v, _ := groups[i].lookup(abi, name)
			if old, ok := all[name]; ok && old != v {
				t.Errorf("%v: %s is %#x and %#x", abi, name, old, v)
			}
			all[name] = v
		}
	}
	return all
}

// TestXSys compares with golang.org/x/sys/unix, whose numbers are made by the
// C compilers of the architectures.
func TestXSys(t *testing.T) {
	out, err := exec.Command(need.Program(t, "go"), "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatalf("go list golang.org/x/sys/unix: %v", err)
	}
	for _, goarch := range []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc", "ppc64", "ppc64le", "riscv64", "s390x"} {
		abi, _ := seccomp.NativeABI(goarch)
		theirs := xsysConstants(t, strings.TrimSpace(string(out)), goarch)
		compared := 0
		for name, v := range values(t, abi) {
			want, ok := theirs[name]
			if !ok || others.MatchString(name) {
				continue
			}
			compared++
			if v != want && uint32(v) != uint32(want) {
				t.Errorf("%v: %s is %#x, x/sys says %#x", abi, name, v, want)
			}
		}
		if compared < 1500 {
			t.Errorf("%v: compared only %d constants", abi, compared)
		}
	}
}

type noPackages struct{}

func (noPackages) Import(string) (*types.Package, error) { return nil, io.EOF }

// xsysConstants are the integer constants of the package in dir for goarch.
func xsysConstants(t *testing.T, dir, goarch string) map[string]uint64 {
	t.Helper()
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled = "linux", goarch, false
	fset := token.NewFileSet()
	var files []*ast.File
	paths, _ := filepath.Glob(filepath.Join(dir, "z*.go"))
	for _, path := range paths {
		if ok, err := context.MatchFile(dir, filepath.Base(path)); err != nil || !ok {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	// What the files import is not there: constants do not need it.
	config := types.Config{Error: func(error) {}, Importer: noPackages{}, IgnoreFuncBodies: true}
	pkg, _ := config.Check("unix", fset, files, nil)
	all := map[string]uint64{}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok {
			if v := goconstant.ToInt(c.Val()); v.Kind() == goconstant.Int {
				signed, exact := goconstant.Int64Val(v)
				all[name] = uint64(signed)
				if !exact {
					all[name], _ = goconstant.Uint64Val(v)
				}
			}
		}
	}
	return all
}

// kernelHeaders are headers that can be included together, without those of
// the C library that would change numbers.
const kernelHeaders = `asm/termbits.h asm/fcntl.h asm/ioctls.h asm/prctl.h asm/signal.h asm/socket.h
linux/aio_abi.h linux/bpf.h linux/capability.h linux/close_range.h linux/eventpoll.h
linux/falloc.h linux/fanotify.h linux/fiemap.h linux/serial.h linux/if_tun.h linux/ppp-ioctl.h linux/hdreg.h linux/ptp_clock.h linux/fs.h linux/futex.h linux/if_packet.h linux/inotify.h
linux/io_uring.h linux/ioprio.h linux/kcmp.h linux/kd.h linux/kexec.h linux/keyctl.h
linux/kvm.h linux/landlock.h linux/loop.h linux/membarrier.h linux/memfd.h linux/mempolicy.h
linux/mman.h linux/module.h linux/mount.h linux/netlink.h linux/nsfs.h linux/openat2.h
linux/perf_event.h linux/personality.h linux/prctl.h linux/ptrace.h linux/quota.h
linux/reboot.h linux/resource.h linux/rtc.h linux/sched.h linux/seccomp.h linux/securebits.h
linux/sem.h linux/shm.h linux/sockios.h linux/stat.h linux/tcp.h linux/time.h linux/timerfd.h
linux/tty.h linux/userfaultfd.h linux/vhost.h linux/vt.h linux/wait.h linux/watchdog.h linux/xattr.h`

// TestKernelHeaders compares with the kernel headers that are installed, for
// the machine's own ABI, and for x86 where gcc here can compile for it.
func TestKernelHeaders(t *testing.T) {
	gcc := need.Program(t, "gcc")
	need.Path(t, "gcc", "/usr/include/linux/seccomp.h")
	machines := map[string]seccomp.ABI{"x86_64": seccomp.X86_64, "i386": seccomp.X86, "aarch64": seccomp.AARCH64}
	for _, flag := range []string{"-O0", "-m32"} {
		theirs, err := headerConstants(t, gcc, flag, values(t, seccomp.X86_64))
		abi, known := machines[theirs.machine]
		if err != nil || !known {
			if flag == "-O0" {
				t.Errorf("machine %q: %v", theirs.machine, err)
			}
			t.Logf("gcc %s does not compile here: %v", flag, err)
			continue
		}
		ours := values(t, abi)
		for name, want := range theirs.values {
			if v := ours[name]; uint32(v) != uint32(want) {
				t.Errorf("%v: %s is %#x, the header says %#x", abi, name, v, want)
			}
		}
		t.Logf("%v: %d constants as the headers have them", abi, len(theirs.values))
		if len(theirs.values) < 500 {
			t.Errorf("%v: compared only %d constants", abi, len(theirs.values))
		}
	}
}

type headers struct {
	machine string
	values  map[string]uint64
}

// headerConstants lets the compiler say what the names are that it knows. The
// numbers are read from the assembler text: nothing has to run or to link.
func headerConstants(t *testing.T, gcc, flag string, names map[string]uint64) (headers, error) {
	var source strings.Builder
	source.WriteString("#include <stddef.h>\n")
	for header := range strings.FieldsSeq(kernelHeaders) {
		fmt.Fprintf(&source, "#if __has_include(<%s>)\n#include <%s>\n#endif\n", header, header)
	}
	source.WriteString("#if defined __x86_64__\nconst char machine[] = \"MACHINE x86_64\";\n#elif defined __i386__\nconst char machine[] = \"MACHINE i386\";\n#elif defined __aarch64__\nconst char machine[] = \"MACHINE aarch64\";\n#endif\n")
	source.WriteString("void constants(void) {\n")
	sorted := make([]string, 0, len(names))
	for name := range names {
		if !others.MatchString(name) {
			sorted = append(sorted, name)
		}
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		fmt.Fprintf(&source, "#ifdef %s\n__asm__ volatile(\"CONSTANT %s %%c0\" : : \"i\"((int)(%s)));\n#endif\n", name, name, name)
	}
	source.WriteString("}\n")
	file := filepath.Join(t.TempDir(), "constants.c")
	if err := os.WriteFile(file, []byte(source.String()), 0o600); err != nil {
		return headers{}, err
	}
	out, err := exec.Command(gcc, flag, "-w", "-S", "-o", "-", file).CombinedOutput()
	if err != nil {
		return headers{}, fmt.Errorf("%w: %.2000s", err, out)
	}
	return readAssembler(string(out)), nil
}

func readAssembler(text string) headers {
	h := headers{values: map[string]uint64{}}
	for line := range strings.Lines(text) {
		if _, machine, ok := strings.Cut(line, "MACHINE "); ok {
			h.machine = strings.TrimRight(machine, "\"\n")
		}
		if words := strings.Fields(line); len(words) == 3 && words[0] == "CONSTANT" {
			if v, err := strconv.ParseInt(words[2], 0, 64); err == nil {
				h.values[words[1]] = uint64(v)
			}
		}
	}
	return h
}
