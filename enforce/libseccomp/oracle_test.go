package libseccomp_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

// oracleProgram asks the installed libseccomp. It first prints the release.
// Then each line that it reads is an operation: F init, A add and D remove an
// architecture, B bad architecture action, O optimize, R rule; it answers with
// the return code. At E it prints the return code of the export, the program in
// hexadecimal, and the end of the line.
const oracleProgram = `
#define _GNU_SOURCE
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static unsigned char code[1 << 22];
static void export(scmp_filter_ctx c, int fd) {
	if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET)) exit(2);
	printf("%d ", seccomp_export_bpf(c, fd));
	if (lseek(fd, 0, SEEK_SET)) exit(2);
	ssize_t n = read(fd, code, sizeof code);
	for (ssize_t i = 0; i < n; i++) printf("%02x", code[i]);
	printf("\n");
	fflush(stdout);
}
static int rule(scmp_filter_ctx c, char *p) {
	uint32_t action = strtoul(p, &p, 0);
	int nr = strtol(p, &p, 0), used;
	unsigned n = strtoul(p, &p, 0);
	char name[64];
	struct scmp_arg_cmp a[16];
	memset(a, 0, sizeof a);
	for (unsigned i = 0; i < n && i < 16; i++) {
		a[i].arg = strtoul(p, &p, 0);
		a[i].op = strtoul(p, &p, 0);
		a[i].datum_a = strtoull(p, &p, 0);
		a[i].datum_b = strtoull(p, &p, 0);
	}
	if (sscanf(p, "%63s%n", name, &used) == 1)
		nr = seccomp_syscall_resolve_name(name);
	return seccomp_rule_add_array(c, action, nr, n, a);
}
int main(void) {
	const struct scmp_version *v = seccomp_version();
	int fd = memfd_create("filter", 0);
	scmp_filter_ctx c = NULL;
	char line[4096];
	printf("%d.%d.%d\n", v->major, v->minor, v->micro);
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		uint32_t n = strtoul(line + 1, NULL, 0);
		switch (line[0]) {
		case 'F': seccomp_release(c); c = seccomp_init(n); break;
		case 'A': printf("%d ", seccomp_arch_add(c, n)); break;
		case 'D': printf("%d ", seccomp_arch_remove(c, n)); break;
		case 'B': printf("%d ", seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, n)); break;
		case 'O': printf("%d ", seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, n)); break;
		case 'R': printf("%d ", rule(c, line + 1)); break;
		case 'E': export(c, fd); break;
		}
	}
	return 0;
}`

// answerTime is how long the library may take for one profile before it counts
// as one from which it does not return.
const answerTime = 2 * time.Second

// oracle is the installed libseccomp in a process of its own.
type oracle struct {
	program string
	version libseccomp.Version
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *os.File
	lines   *bufio.Reader
	hangs   int // profiles that it did not return from
}

// ask starts the oracle. It skips the test where the release is not modelled.
func ask(t testing.TB) *oracle {
	t.Helper()
	o := &oracle{program: filepath.Join(t.TempDir(), "oracle")}
	gcc := exec.Command(need.Libseccomp(t), "-O2", "-x", "c", "-", "-o", o.program, "-lseccomp")
	gcc.Stdin = strings.NewReader(oracleProgram)
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	release := o.start(t)
	v, err := libseccomp.Parse(release)
	if err != nil {
		o.stop()
		t.Skipf("the installed release is %s: %v", release, err)
	}
	o.version = v
	t.Cleanup(o.stop)
	return o
}

func (o *oracle) start(t testing.TB) (release string) {
	o.cmd = exec.Command(o.program)
	in, err := o.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o.in, o.out, o.lines = in, out.(*os.File), bufio.NewReaderSize(out, 1<<16)
	line, err := o.lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (o *oracle) stop() {
	o.in.Close()
	o.cmd.Process.Kill()
	o.cmd.Wait()
}

// verdict is what the library answers to a profile.
type verdict struct {
	hangs  bool
	errnos []int // of the operations, then of the export
	code   []byte
}

// judge lets the library make a filter of p.
func (o *oracle) judge(t testing.TB, p profile) verdict {
	if _, err := io.WriteString(o.in, p.script()); err != nil {
		t.Fatalf("the helper is gone: %v\n%v", err, p)
	}
	if err := o.out.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		t.Fatal(err)
	}
	line, err := o.lines.ReadString('\n')
	if err != nil {
		o.stop()
		o.start(t)
		return verdict{hangs: true}
	}
	var v verdict
	fields := strings.Fields(line)
	if len(fields) > 0 && len(fields[len(fields)-1]) > 8 {
		if v.code, err = hex.DecodeString(fields[len(fields)-1]); err != nil {
			t.Fatal(err)
		}
		fields = fields[:len(fields)-1]
	}
	for _, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		v.errnos = append(v.errnos, -n)
	}
	return v
}

// profile is a sequence of calls of the library.
type profile struct {
	fallback, badABI seccomp.Action
	optimize         int
	drop             bool // the native ABI, first or last
	dropFirst        bool
	abis             []seccomp.ABI
	rules            []libseccomp.Rule
}

// token is SCMP_ARCH_*: the AUDIT_ARCH value but for x32.
func token(abi seccomp.ABI) uint32 {
	if abi == seccomp.X32 {
		return 0x4000003e
	}
	return abi.Arch()
}

func (p profile) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "F %d\n", uint32(p.fallback))
	drop := fmt.Sprintf("D %d\n", token(seccomp.X86_64))
	if p.drop && p.dropFirst {
		b.WriteString(drop)
	}
	for _, a := range p.abis {
		fmt.Fprintf(&b, "A %d\n", token(a))
	}
	if p.drop && !p.dropFirst {
		b.WriteString(drop)
	}
	fmt.Fprintf(&b, "B %d\nO %d\n", uint32(p.badABI), p.optimize)
	for _, r := range p.rules {
		fmt.Fprintf(&b, "R %d %d %d", uint32(r.Action), r.Number, len(r.Args))
		for _, a := range r.Args {
			fmt.Fprintf(&b, " %d %d %d %d", a.Index, a.Op, a.Value, a.ValueTwo)
		}
		fmt.Fprintf(&b, " %s\n", r.Name)
	}
	return b.String() + "E\n"
}

func (p profile) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "default %v, bad %v, optimize %d, ABIs %v, drop %v first %v\n", p.fallback, p.badABI, p.optimize, p.abis, p.drop, p.dropFirst)
	for _, r := range p.rules {
		fmt.Fprintf(&b, "  %s %d: %v", r.Name, r.Number, r.Action)
		for _, a := range r.Args {
			fmt.Fprintf(&b, ", a%d %v %#x", a.Index, a.Op, a.Value)
			if a.Op == libseccomp.MaskedEQ {
				fmt.Fprintf(&b, " %#x", a.ValueTwo)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// model makes the same calls of the model.
func (p profile) model(v libseccomp.Version) (f *libseccomp.Filter, errnos []int, hangs bool) {
	f, err := libseccomp.New(v, seccomp.X86_64, p.fallback)
	if err != nil {
		return nil, nil, false
	}
	note := func(err error) { errnos = append(errnos, errno(err)) }
	if p.drop && p.dropFirst {
		note(f.RemoveABI(seccomp.X86_64))
	}
	for _, a := range p.abis {
		note(f.AddABI(a))
	}
	if p.drop && !p.dropFirst {
		note(f.RemoveABI(seccomp.X86_64))
	}
	note(f.SetBadABI(p.badABI))
	note(f.SetOptimize(p.optimize))
	for _, r := range p.rules {
		err := f.AddRule(r)
		if note(err); err != nil && errno(err) == 0 {
			return f, errnos, true
		}
	}
	if len(f.ABIs()) == 0 {
		return f, append(errnos, int(syscall.EINVAL)), false
	}
	return f, append(errnos, 0), false
}
