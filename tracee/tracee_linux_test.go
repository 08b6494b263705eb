//go:build amd64 || arm64 || 386

package tracee_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/tracee"
)

// limit is how long a program of the tests may take: none may hang.
const limit = 20 * time.Second

// build compiles a source of testdata with gcc.
func build(t *testing.T, source string, flags ...string) string {
	t.Helper()
	return buildWith(t, "gcc", source, flags...)
}

func buildWith(t *testing.T, compiler, source string, flags ...string) string {
	t.Helper()
	gcc := need.Program(t, compiler)
	out := filepath.Join(need.PublicDir(t), "program")
	args := append([]string{"-O1", "-w", "-o", out, filepath.Join("testdata", source)}, flags...)
	if runtime.GOARCH == "386" { // the compiler may be for 64 bits
		args = append(args, "-m32")
	}
	if text, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		if strings.Contains(strings.Join(args, " "), "-m32") {
			need.Missing(t, "gcc-multilib", "gcc cannot build for 32 bits: "+string(text))
		}
		t.Fatalf("gcc %q: %v\n%s", args, err, text)
	}
	return out
}

// run is a program that is held, and what it writes.
type run struct {
	*tracee.Tracee
	t    *testing.T
	r, w *os.File
	out  chan string
}

// hold starts a program.
func hold(t *testing.T, user *syscall.Credential, path string, args ...string) *run {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	held, err := tracee.Start(tracee.Command{
		Path: path, Args: append([]string{path}, args...), Env: os.Environ(),
		FDs: []uintptr{null.Fd(), w.Fd(), w.Fd()}, User: user,
	}, tracee.Options{ExitKill: true})
	if runtime.GOARCH == "386" && errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the programs of this machine are not for 386")
	}
	if err != nil {
		t.Fatal(err)
	}
	x := &run{Tracee: held, t: t, r: r, w: w, out: make(chan string, 1)}
	w.Close()
	go func() {
		text, _ := io.ReadAll(r)
		x.out <- string(text)
	}()
	timer := time.AfterFunc(limit, func() {
		t.Errorf("%s %q hangs", path, args)
		_ = held.Signal(syscall.SIGKILL)
	})
	t.Cleanup(func() {
		timer.Stop()
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// to runs to a point that must be reached.
func (x *run) to(p tracee.Point) tracee.Reached {
	x.t.Helper()
	got, err := x.RunTo(p)
	if err != nil {
		x.t.Fatalf("RunTo(%+v): %v", p, err)
	}
	return got
}

// end lets the program end, and wants its status and what it wrote.
func (x *run) end(status string, out string) {
	x.t.Helper()
	ws, err := x.Wait(nil)
	if err != nil {
		x.t.Fatal(err)
	}
	if got := describe(ws); got != status {
		x.t.Errorf("it ended with %s, want %s", got, status)
	}
	if got := <-x.out; got != out {
		x.t.Errorf("it wrote %q, want %q", got, out)
	}
}

func describe(ws syscall.WaitStatus) string {
	if ws.Signaled() {
		return unix.SignalName(ws.Signal())
	}
	return "exit " + string(rune('0'+ws.ExitStatus()%10))
}

func nobody(t *testing.T) *syscall.Credential {
	uid, gid := need.Nobody(t)
	return &syscall.Credential{Uid: uid, Gid: gid}
}

// deny answers some calls of the ABI with an errno.
func deny(abi seccomp.ABI, errno seccomp.Errno, numbers ...uint32) bpf.Program {
	p := bpf.Program{
		bpf.LoadWord(seccomp.OffsetArch),
		bpf.Jump(bpf.JumpEQ, abi.Arch(), 1, 0),
		bpf.Ret(seccomp.Allow),
		bpf.LoadWord(seccomp.OffsetNR),
	}
	for i, nr := range numbers {
		p = append(p, bpf.Jump(bpf.JumpEQ, nr, uint8(len(numbers)-i), 0))
	}
	return append(p, bpf.Ret(seccomp.Allow), bpf.Ret(seccomp.ReturnErrno(errno)))
}

// Numbers of the calls that the tests deny or await.
var (
	openat = map[seccomp.ABI]uint32{seccomp.X86_64: 257, seccomp.X86: 295, seccomp.AARCH64: 56}
	open   = map[seccomp.ABI]uint32{seccomp.X86_64: 2, seccomp.X86: 5}
	write  = map[seccomp.ABI]uint32{seccomp.X86_64: 1, seccomp.X86: 4, seccomp.AARCH64: 64}
)

// flavours are the ways in which a program of C is linked.
var flavours = []struct {
	name  string
	flags []string
	thin  bool // its file does not name main
}{
	{"PIE", nil, false},
	{"no PIE", []string{"-no-pie"}, false},
	{"static", []string{"-static"}, false},
	{"static PIE", []string{"-static-pie"}, false},
	{"stripped PIE", []string{"-s"}, true},
	{"stripped no PIE", []string{"-s", "-no-pie"}, true},
	{"stripped static", []string{"-s", "-static"}, true},
	{"stripped static PIE", []string{"-s", "-static-pie"}, true},
	{"32", []string{"-m32"}, false},
	{"32 stripped PIE", []string{"-m32", "-s"}, true},
	{"32 stripped no PIE", []string{"-m32", "-s", "-no-pie"}, true},
	{"32 stripped static", []string{"-m32", "-s", "-static"}, true},
}

// TestMusl is TestFlavours with another C library, for stripped programs.
func TestMusl(t *testing.T) {
	for _, flags := range [][]string{{"-s"}, {"-s", "-no-pie"}, {"-s", "-static"}, {"-s", "-static-pie", "-fPIE"}} {
		path := buildWith(t, "musl-gcc", "program.c", flags...)
		t.Setenv("CONSTRUCT", "1")
		x := hold(t, nil, path, "open", "status")
		if reached := x.to(tracee.Point{Symbol: "main"}); reached.Name != "main" || reached.Substitute != "" {
			t.Errorf("%q: reached %+v, want main", flags, reached)
		}
		abi := x.ABI()
		p := deny(abi, seccomp.EPERM, openat[abi], open[abi])
		if err := x.Install(p, kernel.InstallOptions{NoNewPrivs: true}); err != nil {
			t.Fatal(err)
		}
		x.end("exit 5", "constructor\nmain\nopen failed\n")
	}
}

// TestFlavours puts a filter on each kind of program at main: what comes
// before main is not held to it, what comes after is.
func TestFlavours(t *testing.T) {
	for _, c := range flavours {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "32") && runtime.GOARCH == "arm64" {
				t.Skip("32-bit programs are not held on arm64")
			}
			path := build(t, "program.c", c.flags...)
			t.Setenv("CONSTRUCT", "1")
			for _, point := range []tracee.Point{{}, {Symbol: "main"}} {
				x := hold(t, nil, path, "open", "status")
				reached := x.to(point)
				if reached.Name != point.Symbol || reached.Substitute != "" || reached.Threads != 1 {
					t.Errorf("reached %+v, want %q", reached, point.Symbol)
				}
				err := x.Install(deny(x.ABI(), seccomp.EPERM, openat[x.ABI()]), kernel.InstallOptions{NoNewPrivs: true})
				if err != nil {
					t.Fatal(err)
				}
				if err := x.Detach(); err != nil {
					t.Fatal(err)
				}
				if s, err := kernel.ReadStatus(x.PID()); err == nil && s.Mode != kernel.ModeFilter && s.State != 'Z' {
					t.Errorf("status %+v", s)
				}
				x.end("exit 5", "constructor\nmain\nopen failed\n")
			}
		})
	}
}
