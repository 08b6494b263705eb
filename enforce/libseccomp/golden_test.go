package libseccomp_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// golden is an OCI object with what a library made of it on x86_64.
type golden struct {
	ID  int
	OCI struct {
		DefaultAction   string
		DefaultErrnoRet *uint16
		Architectures   []string
		Syscalls        []struct {
			Names    []string
			Action   string
			ErrnoRet *uint16
			Args     []struct {
				Index           int
				Value, ValueTwo uint64
				Op              string
			}
		}
	}
	Error   string
	BPFHex  string `json:"bpf_hex"`
	Vectors []struct {
		NR, Arch uint32
		Args     [6]uint64
		Ret      uint32
	}
}

// TestGolden compares the model with recorded answers of each release: the same
// error, or a program that lifts to the same diagram.
func TestGolden(t *testing.T) {
	for _, v := range libseccomp.Versions() {
		t.Run(v.String(), func(t *testing.T) {
			file, err := os.Open(need.Data(t, "golden-libseccomp/random-v"+v.String()+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			lines := bufio.NewScanner(file)
			lines.Buffer(nil, 1<<20)
			objects, refused, vectors := 0, 0, 0
			for ; lines.Scan(); objects++ {
				var g golden
				if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
					t.Fatal(err)
				}
				if g.check(t, v); g.Error != "" {
					refused++
				}
				vectors += len(g.Vectors)
			}
			if err := lines.Err(); err != nil || objects == 0 {
				t.Fatalf("%d objects: %v", objects, err)
			}
			t.Logf("%d objects, %d of them refused, %d verdicts", objects, refused, vectors)
		})
	}
}

func (g golden) check(t *testing.T, v libseccomp.Version) {
	t.Helper()
	f, at, err := g.filter(t, v)
	if g.Error != "" {
		want := strings.TrimPrefix(g.Error, "rule_add ")
		got := fmt.Sprintf("%s %d", at, -errno(err))
		if got != want {
			t.Errorf("object %d: %q (%v), want %q", g.ID, got, err, want)
		}
		return
	}
	if err != nil {
		t.Errorf("object %d: %s: %v, want no error", g.ID, at, err)
		return
	}
	code, err := hex.DecodeString(g.BPFHex)
	if err != nil {
		t.Fatal(err)
	}
	if diff := compare(f, code, binary.LittleEndian); diff != "" {
		t.Errorf("object %d: %s", g.ID, diff)
	}
	for _, vec := range g.Vectors {
		d := seccomp.Data{NR: vec.NR, Arch: vec.Arch, Args: vec.Args}
		if got := f.Decide(d); uint32(got.Action) != vec.Ret {
			t.Errorf("object %d: %+v: %+v, want %v", g.ID, d, got, seccomp.Action(vec.Ret))
		}
	}
}

// filter makes the calls that a runtime makes of an OCI object, and says at
// which rule it failed.
func (g golden) filter(t *testing.T, v libseccomp.Version) (f *libseccomp.Filter, at string, err error) {
	fallback := ociAction(t, g.OCI.DefaultAction, g.OCI.DefaultErrnoRet)
	f, err = libseccomp.New(v, seccomp.X86_64, fallback)
	if err != nil {
		return nil, "init", err
	}
	for _, a := range g.OCI.Architectures {
		abi, err := seccomp.ParseABI(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.AddABI(abi); err != nil && !errors.Is(err, syscall.EEXIST) {
			return nil, "arch", err
		}
	}
	for i, s := range g.OCI.Syscalls {
		action := ociAction(t, s.Action, s.ErrnoRet)
		for _, name := range s.Names {
			if _, ok := v.Resolve(seccomp.X86_64, name); !ok || action == fallback {
				continue
			}
			for _, args := range rules(s.Args, func(k int) libseccomp.Arg {
				a := s.Args[k]
				return libseccomp.Arg{Index: a.Index, Op: ops[a.Op], Value: a.Value, ValueTwo: a.ValueTwo}
			}) {
				if err := f.AddRule(libseccomp.Rule{Name: name, Action: action, Args: args}); err != nil {
					return f, fmt.Sprintf("syscalls[%d] %s", i, name), err
				}
			}
		}
	}
	return f, "", nil
}

// rules are the conditions as runtimes hand them over: as one rule, or as one
// rule each where an argument occurs twice.
func rules[T any](in []T, arg func(int) libseccomp.Arg) [][]libseccomp.Arg {
	var all, single = []libseccomp.Arg{}, [][]libseccomp.Arg{}
	seen, twice := map[int]bool{}, false
	for k := range in {
		a := arg(k)
		twice = twice || seen[a.Index]
		seen[a.Index] = true
		all = append(all, a)
		single = append(single, []libseccomp.Arg{a})
	}
	if twice {
		return single
	}
	return [][]libseccomp.Arg{all}
}

var ops = map[string]libseccomp.Op{
	"SCMP_CMP_NE": libseccomp.NE, "SCMP_CMP_LT": libseccomp.LT, "SCMP_CMP_LE": libseccomp.LE, "SCMP_CMP_EQ": libseccomp.EQ,
	"SCMP_CMP_GE": libseccomp.GE, "SCMP_CMP_GT": libseccomp.GT, "SCMP_CMP_MASKED_EQ": libseccomp.MaskedEQ,
}

func ociAction(t *testing.T, name string, errno *uint16) seccomp.Action {
	a, err := seccomp.ParseAction(name)
	if err != nil {
		t.Fatal(err)
	}
	if k := a.Kind(); k == seccomp.Err || k == seccomp.Trace {
		a = k | 1
		if errno != nil {
			a = k | seccomp.Action(*errno)
		}
	}
	return a
}

// errno is the errno that an error matches, 0 where there is none.
func errno(err error) int {
	var e syscall.Errno
	if errors.As(err, &e) {
		return int(e)
	}
	return 0
}

// compare lifts a program and compares it with the model. It returns a
// difference, or nothing.
func compare(f *libseccomp.Filter, code []byte, order binary.ByteOrder) string {
	program, err := bpf.Decode(code, order)
	if err != nil {
		return err.Error()
	}
	s := policy.NewSpace(0)
	want, err := lift.Into(s, program, order)
	if err != nil {
		return err.Error()
	}
	got, err := f.Build(s)
	if err != nil {
		return err.Error()
	}
	if got == want {
		return ""
	}
	d, err := policy.Diff(s.FromNode(got), s.FromNode(want))
	if err != nil || len(d) == 0 {
		return fmt.Sprintf("the answers differ in what the kernel ignores (%v)", err)
	}
	return fmt.Sprintf("%+v: the model says %v, the library %v (%d differences)", d[0].Call, d[0].A, d[0].B, len(d))
}
