package lift_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

var little, big = binary.ByteOrder(binary.LittleEndian), binary.ByteOrder(binary.BigEndian)

// check compares the policy of a program with the program run on many calls.
func check(t *testing.T, p bpf.Program, order binary.ByteOrder, lifted *policy.Policy, seed uint64, n int) {
	t.Helper()
	r := arbitrary.New(seed)
	f, err := bpf.Load(p, order)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		d := arbitrary.CallFor(r, p)
		if got, want := lifted.Eval(d), f.Run(d).Canonical(); got != want {
			t.Fatalf("seed %d: %+v: lifted %v, run %v\n%v", seed, d, got, want, p)
		}
	}
}

func TestRandomPrograms(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 300
	}
	refused := 0
	for seed := range uint64(n) {
		order := []binary.ByteOrder{little, big}[seed%2]
		p := arbitrary.Program(arbitrary.New(seed), 24)
		s := policy.NewSpace(1 << 17)
		root, err := lift.Into(s, p, order)
		if errors.Is(err, policy.ErrTooLarge) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, order, s.FromNode(root), seed, 100)
	}
	t.Logf("%d of %d programs refused", refused, n)
	if refused > n/8 {
		t.Errorf("%d of %d programs refused: more than the few that compute with several words", refused, n)
	}
}

// A program may have more ways through it than could ever be walked: each
// block here doubles them, and leaves another value in the accumulator.
func TestPathExplosion(t *testing.T) {
	for name, block := range map[string]func(i int) bpf.Program{
		"sum in memory": func(i int) bpf.Program {
			return bpf.Program{
				bpf.LoadWord(16), bpf.Jump(bpf.JumpSet, 1<<i, 0, 3),
				bpf.Stmt(bpf.LoadMem, 0), bpf.Stmt(bpf.Add, uint32(1)<<i), bpf.Stmt(bpf.Store, 0),
			}
		},
		"same value on both ways": func(i int) bpf.Program {
			return bpf.Program{bpf.LoadWord(16), bpf.Jump(bpf.JumpSet, 1<<i, 0, 1), bpf.LoadWord(24)}
		},
		"xor of another word": func(i int) bpf.Program {
			return bpf.Program{bpf.LoadWord(uint32(16 + 4*(i%2))), bpf.Jump(bpf.JumpSet, 1<<i, 0, 3),
				bpf.Stmt(bpf.LoadMem, 0), bpf.Stmt(bpf.Xor, uint32(1)<<i), bpf.Stmt(bpf.Store, 0)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := bpf.Program{bpf.Stmt(bpf.LoadImm, 0), bpf.Stmt(bpf.Store, 0)}
			for i := range 20 {
				p = append(p, block(i)...)
			}
			p = append(p, bpf.Stmt(bpf.LoadMem, 0), bpf.Jump(bpf.JumpEQ, 0x54321, 0, 1), bpf.Ret(seccomp.Log), bpf.Ret(seccomp.Trap))
			lifted, err := lift.Program(p, little)
			if err != nil {
				t.Fatal(err)
			}
			check(t, p, little, lifted, 1, 1000)
			call := seccomp.Data{Args: [6]uint64{0x54321<<32 | 0x54321}}
			f, _ := bpf.Load(p, little)
			if got, want := lifted.Eval(call), f.Run(call); got != want {
				t.Errorf("lifted %v, run %v", got, want)
			}
		})
	}
}

func TestArithmetic(t *testing.T) {
	for _, text := range []string{
		"ld [16]\nldx #5\nmul x\njeq #35, yes, no\nyes: ret LOG\nno: ret #0",
		"ld [16]\ndiv #7\njgt #100, yes, no\nyes: ret LOG\nno: ret #0",
		"ld #100\nst M[3]\nld [16]\nand #15\ntax\nld M[3]\ndiv x\nor #0x50000\nret a",
		"ld [16]\ntax\nld #1\nlsh x\njset #0x80000001, yes, no\nyes: ret LOG\nno: ret TRAP",
		"ld [16]\nneg\njge #0xfffffff0, yes, no\nyes: ret LOG\nno: ret TRAP",
	} {
		p, err := bpf.Assemble(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		lifted, err := lift.Program(p, little)
		if err != nil {
			t.Fatal(err)
		}
		for v := range uint64(300) {
			d := seccomp.Data{Args: [6]uint64{v}}
			want, _ := p.Run(little, d)
			if got := lifted.Eval(d); got != want.Canonical() {
				t.Errorf("%s: for %d: lifted %v, run %v", text, v, got, want)
			}
		}
		check(t, p, little, lifted, 1, 1000)
	}
}

// An answer taken from an argument has as many values as there are errnos.
func TestReturnOfArgument(t *testing.T) {
	for _, p := range []bpf.Program{
		{bpf.LoadWord(16), bpf.Stmt(bpf.ReturnA, 0)},
		{bpf.LoadWord(16), bpf.Stmt(bpf.And, 0xffff), bpf.Stmt(bpf.Or, 0x50000), bpf.Stmt(bpf.ReturnA, 0)},
	} {
		lifted, err := lift.Program(p, little)
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, little, lifted, 3, 2000)
	}
}

// What outgrows the space is refused by the instruction, never answered.
func TestRefusal(t *testing.T) {
	p := bpf.Program{
		bpf.LoadWord(16), bpf.Stmt(bpf.TAX, 0), bpf.LoadWord(24), bpf.Stmt(bpf.MulX, 0),
		bpf.Jump(bpf.JumpEQ, 0x12345677, 0, 1), bpf.Ret(seccomp.Allow), bpf.Ret(seccomp.KillThread),
	}
	_, err := lift.Program(p, little)
	var refusal *lift.Error
	if !errors.As(err, &refusal) || !errors.Is(err, policy.ErrTooLarge) || refusal.PC < 3 {
		t.Fatalf("error %v, want a refusal at the multiplication", err)
	}
	if !strings.Contains(err.Error(), "instruction "+fmt.Sprint(refusal.PC)) {
		t.Errorf("%v does not name the instruction", err)
	}
	if _, err := lift.Program(bpf.Program{bpf.LoadWord(2)}, little); !errors.Is(err, bpf.BadOffset) {
		t.Errorf("error %v, want that of Verify", err)
	}
}

func TestStack(t *testing.T) {
	ret := func(a seccomp.Action) bpf.Program { return bpf.Program{bpf.Ret(a)} }
	for _, c := range []struct {
		programs []bpf.Program
		want     seccomp.Action
	}{
		{nil, seccomp.Allow},
		{[]bpf.Program{ret(0x50005), ret(0x50007)}, 0x50007},
		{[]bpf.Program{ret(0x50005), ret(seccomp.Log)}, 0x50005},
		{[]bpf.Program{ret(seccomp.KillThread), ret(seccomp.KillProcess)}, seccomp.KillProcess},
		{[]bpf.Program{ret(0x12340000)}, seccomp.KillProcess},
		// The kernel orders an action that it does not know by its number.
		{[]bpf.Program{ret(0x12340000), ret(0x50005)}, 0x50005},
		{[]bpf.Program{ret(0x12340000), ret(seccomp.Allow)}, seccomp.KillProcess},
	} {
		p, err := lift.Stack(little, c.programs...)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Eval(seccomp.Data{}); got != c.want {
			t.Errorf("%v: %v, want %v", c.programs, got, c.want)
		}
	}
}

// dockerFilter is the filter that crun made of Docker's default profile, with
// some capabilities: def or sysadmin.
func dockerFilter(t testing.TB, capabilities string) bpf.Program {
	b, err := os.ReadFile(filepath.Join(need.Data(t, "golden-bpf"), "docker20.10.24-"+capabilities+".crun1.8.1.0.bpf"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := bpf.Decode(b, little)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRuntimeFilters(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "golden-bpf"), "*.bpf"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no filters")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := bpf.Decode(b, little)
		if err != nil {
			t.Fatal(err)
		}
		lifted, err := lift.Program(p, little)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		check(t, p, little, lifted, 5, 3000)
	}
}

// Filters that libseccomp made of random profiles, with verdicts of its own
// simulator.
func TestLibseccompFilters(t *testing.T) {
	for _, version := range []string{"2.5.4", "2.6.1"} {
		f, err := os.Open(filepath.Join(need.Data(t, "golden-libseccomp"), "random-v"+version+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		vectors := 0
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var c struct {
				BPF     string `json:"bpf_hex"`
				Vectors []struct {
					NR   uint32
					Arch uint32
					Args []uint64
					Ret  uint32
				}
			}
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatal(err)
			}
			if c.BPF == "" {
				continue
			}
			raw, err := hex.DecodeString(c.BPF)
			if err != nil {
				t.Fatal(err)
			}
			p, err := bpf.Decode(raw, little)
			if err != nil {
				t.Fatal(err)
			}
			lifted, err := lift.Program(p, little)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.Vectors {
				d := seccomp.Data{NR: v.NR, Arch: v.Arch}
				copy(d.Args[:], v.Args)
				if got := lifted.Eval(d); got != seccomp.Action(v.Ret).Canonical() {
					t.Errorf("%s: %+v: %v, want %#x", version, d, got, v.Ret)
				}
				vectors++
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		if vectors == 0 {
			t.Errorf("%s: no verdict was compared", version)
		}
		t.Logf("%s: %d verdicts", version, vectors)
	}
}

func FuzzLift(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(bpf.Encode(arbitrary.Program(arbitrary.New(seed), 16), little), seed)
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		p, err := bpf.Decode(b, little)
		if err != nil || p.Verify() != nil {
			return
		}
		order := []binary.ByteOrder{little, big}[seed%2]
		s := policy.NewSpace(1 << 16)
		n, err := lift.Into(s, p, order)
		if err != nil {
			if !errors.Is(err, policy.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		if root := s.FromNode(n); !s.Full() {
			check(t, p, order, root, seed, 20)
		}
	})
}

func BenchmarkDocker(b *testing.B) {
	p := dockerFilter(b, "def")
	for b.Loop() {
		if _, err := lift.Program(p, little); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(p)), "insns")
}

// BenchmarkCompiled lifts what package compile makes of Docker's default.
func BenchmarkCompiled(b *testing.B) {
	src, err := source.Open("docker:default", source.Options{
		Env: profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6, Minor: 12}),
	})
	if err != nil {
		b.Fatal(err)
	}
	policy, err := src.Policy()
	if err != nil {
		b.Fatal(err)
	}
	p, err := compile.Compile(policy, compile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := lift.Program(p, little); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(p)), "insns")
}

// BenchmarkDiff lifts two filters of about a thousand instructions each and
// compares them.
func BenchmarkDiff(b *testing.B) {
	p, q := dockerFilter(b, "def"), dockerFilter(b, "sysadmin")
	found := 0
	for b.Loop() {
		x, err := lift.Program(p, little)
		if err != nil {
			b.Fatal(err)
		}
		y, err := lift.Program(q, little)
		if err != nil {
			b.Fatal(err)
		}
		differences, err := policy.Diff(x, y)
		if err != nil {
			b.Fatal(err)
		}
		found = len(differences)
	}
	b.ReportMetric(float64(found), "differences")
}

func ExampleProgram() {
	p := bpf.Program{
		bpf.LoadWord(seccomp.OffsetArch),
		bpf.Jump(bpf.JumpEQ, seccomp.X86_64.Arch(), 0, 3),
		bpf.LoadWord(seccomp.OffsetNR),
		bpf.Jump(bpf.JumpEQ, 83, 0, 1),
		bpf.Ret(seccomp.ReturnErrno(seccomp.EPERM)),
		bpf.Ret(seccomp.Allow),
	}
	lifted, err := lift.Program(p, binary.LittleEndian)
	if err != nil {
		panic(err)
	}
	fmt.Print(lifted)
	// Output:
	// x86_64 {
	// 	ERRNO(EPERM): mkdir
	// 	else: ALLOW
	// }
	// else: ALLOW
}
