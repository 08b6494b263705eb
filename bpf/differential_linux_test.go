//go:build amd64 || arm64 || 386

package bpf_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	. "github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
	"golang.org/x/sys/unix"
)

var hostOrder binary.ByteOrder = binary.NativeEndian

// Variables of the environment: the seed and the number of programs of
// TestKernel, and what a re-executed child is to do.
const (
	seedVariable  = "CALLGATE_BPF_SEED"
	countVariable = "CALLGATE_BPF_COUNT"
	childVariable = "CALLGATE_BPF_CHILD"
)

// defaultCount is the number of programs that TestKernel compares.
const defaultCount = 21000

func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		os.Exit(child(job))
	}
	os.Exit(m.Run())
}

// job is what a child does, report what it found: both as JSON.
type job struct {
	Kind         string // differential, cases, thread
	Seed         uint64
	First, Count uint64
}

type report struct {
	Programs, Valid, Calls, Killed int
	Told                           int            // calls whose verdict the tracer was told
	Traced                         bool           // children may be traced
	Opcodes                        map[uint16]int // executed, in calls that agree
	Taken                          map[uint16]int // conditional jumps whose test held
	Reasons                        map[Reason]int // of programs that both refuse
	Kinds                          map[string]int // of verdicts
	DivisionByZero, LargeShift     int
	Failures                       []string
}

// child runs a job in this process, whose filters nobody can take back.
func child(text string) int {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if j.Kind == "thread" {
		return threadChild(Program{Stmt(LoadImm, 7), Stmt(DivX, 0), allow})
	}
	p, err := newProber()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	r := report{Traced: p.canTrace, Opcodes: map[uint16]int{}, Taken: map[uint16]int{}, Reasons: map[Reason]int{}, Kinds: map[string]int{}}
	switch j.Kind {
	case "differential":
		for n := range j.Count {
			g := newGenerator(j.Seed, j.First+n)
			g.traced = p.canTrace && g.oneIn(20)
			q, calls := g.program(), p.inputs(g)
			r.compare(fmt.Sprintf("program %d of seed %d", j.First+n, j.Seed), p, q, calls, g.traced)
			if len(r.Failures) >= 5 {
				break
			}
		}
	case "cases":
		for _, c := range verifyCases {
			r.compare(c.name, p, c.p, []seccomp.Data{{NR: unix.SYS_GETPPID, Arch: p.arch, IP: p.ip}}, false)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return 2
	}
	return 0
}

// inputs makes calls for the program that g made last.
func (p *prober) inputs(g *generator) []seccomp.Data {
	calls := make([]seccomp.Data, 6)
	others := slices.Sorted(func(yield func(uint32) bool) {
		for nr := range p.free {
			if !yield(nr) {
				return
			}
		}
	})
	for n := range calls {
		calls[n] = seccomp.Data{NR: unix.SYS_GETPPID, Arch: p.arch, IP: p.ip, Args: g.args()}
		if g.oneIn(5) {
			calls[n].NR = pick(g, others...)
		}
		for i := range calls[n].Args {
			calls[n].Args[i] = uint64(uintptr(calls[n].Args[i])) // registers may have 32 bits
		}
	}
	return calls
}

// compare holds the package to the kernel on one program.
func (r *report) compare(name string, p *prober, q Program, calls []seccomp.Data, traced bool) {
	r.Programs++
	fail := func(format string, args ...any) {
		r.Failures = append(r.Failures, fmt.Sprintf("%s: %s\n%v", name, fmt.Sprintf(format, args...), q))
	}
	if q == nil {
		q = Program{}
	}
	results, err := p.probe(q, calls, traced)
	verified := q.Verify()
	if err != nil && !errors.Is(err, unix.EINVAL) {
		fail("the kernel says %v, Verify %v", err, verified)
		return
	}
	if (verified == nil) != (err == nil) {
		fail("the kernel says %v, Verify %v", err, verified)
		return
	}
	if err != nil {
		var ve *VerifyError
		errors.As(verified, &ve)
		r.Reasons[ve.Reason]++
		return
	}
	r.Valid++
	for n, d := range calls {
		steps, verdict, _ := q.Trace(hostOrder, d)
		if ran, err := q.Run(hostOrder, d); err != nil || ran != verdict {
			fail("Run says %v (%v), Trace %v", ran, err, verdict)
			return
		}
		if want := observed(verdict, p.free[d.NR], traced); results[n] != want {
			fail("%+v: the kernel gives %d, the machine %v, which is %d", d, results[n], verdict, want)
			return
		}
		r.count(q, steps, verdict)
		switch {
		case results[n] == killed:
			r.Killed++
		case results[n] >= told:
			r.Told++
		}
	}
}

// count notes what the comparison has covered.
func (r *report) count(q Program, steps []Step, verdict seccomp.Action) {
	r.Calls++
	r.Kinds[verdict.Canonical().KindName()]++
	if !verdict.Known() {
		r.Kinds["unknown"]++
	}
	for n, s := range steps {
		i := q[s.PC]
		r.Opcodes[i.Code]++
		switch {
		case i.IsJump() && n+1 < len(steps) && i.JT != i.JF && steps[n+1].PC == s.PC+1+int(i.JT):
			r.Taken[i.Code]++
		case (i.Code == LshX || i.Code == RshX) && s.X >= 32:
			r.LargeShift++
		case i.Code == DivX && s.X == 0:
			r.DivisionByZero++
		}
	}
}

func (r *report) add(o report) {
	r.Programs += o.Programs
	r.Valid += o.Valid
	r.Calls += o.Calls
	r.Killed += o.Killed
	r.Told += o.Told
	r.Traced = r.Traced || o.Traced
	r.DivisionByZero += o.DivisionByZero
	r.LargeShift += o.LargeShift
	r.Failures = append(r.Failures, o.Failures...)
	addCounts(&r.Opcodes, o.Opcodes)
	addCounts(&r.Taken, o.Taken)
	addCounts(&r.Reasons, o.Reasons)
	addCounts(&r.Kinds, o.Kinds)
}

func addCounts[K comparable](to *map[K]int, from map[K]int) {
	if *to == nil {
		*to = make(map[K]int)
	}
	for k, n := range from {
		(*to)[k] += n
	}
}

// runChild runs a job in a re-executed child.
func runChild(t *testing.T, j job) (report, error) {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		return report{}, err
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text), "GODEBUG=asyncpreemptoff=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return report{}, err
	}
	var r report
	return r, json.Unmarshal(out, &r)
}

// needKernel skips where no filter can be installed at all.
func needKernel(t *testing.T) {
	t.Helper()
	need.Path(t, "seccomp", "/proc/sys/kernel/seccomp/actions_avail")
}

// TestVerifyCasesAgainstKernel lets the kernel judge the table of TestVerify.
func TestVerifyCasesAgainstKernel(t *testing.T) {
	needKernel(t)
	r, err := runChild(t, job{Kind: "cases"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Failures {
		t.Error(f)
	}
	if r.Programs != len(verifyCases) {
		t.Errorf("%d programs, want %d", r.Programs, len(verifyCases))
	}
}

// TestKernel compares Verify and the virtual machine with the running kernel
// on random programs: whether the kernel takes a program, and what it answers
// to calls with it. CALLGATE_BPF_COUNT sets the number of programs and
// CALLGATE_BPF_SEED repeats a run.
func TestKernel(t *testing.T) {
	needKernel(t)
	seed, count := rand.Uint64(), uint64(defaultCount)
	if s := os.Getenv(seedVariable); s != "" {
		seed = parse(t, s)
	}
	if s := os.Getenv(countVariable); s != "" {
		count = parse(t, s)
	}
	t.Logf("%s=%d", seedVariable, seed)
	r := differential(t, seed, count)
	for _, f := range r.Failures {
		t.Error(f)
	}
	if r.Programs < int(count) {
		t.Errorf("%d programs, want %d", r.Programs, count)
	}
	t.Logf("%d programs, %d of them valid, %d calls, %d killed, %d told a tracer, %v", r.Programs, r.Valid, r.Calls, r.Killed, r.Told, r.Kinds)
	t.Logf("refused: %v", r.Reasons)
	if count >= defaultCount {
		checkCoverage(t, r)
	}
}

func parse(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// differential divides the programs among children.
func differential(t *testing.T, seed, count uint64) report {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		total report
	)
	parts := uint64(runtime.NumCPU())
	for n := range parts {
		first, end := count*n/parts, count*(n+1)/parts
		wg.Go(func() {
			r, err := runChild(t, job{Kind: "differential", Seed: seed, First: first, Count: end - first})
			mu.Lock()
			defer mu.Unlock()
			total.add(r)
			if err != nil {
				t.Errorf("child: %v", err)
			}
		})
	}
	wg.Wait()
	return total
}

// checkCoverage demands that the random programs reach everything that can
// differ.
func checkCoverage(t *testing.T, r report) {
	t.Helper()
	for _, code := range Opcodes() {
		i := Instruction{Code: code}
		if r.Opcodes[code] < 20 {
			t.Errorf("%v was executed %d times", i, r.Opcodes[code])
		}
		if taken := r.Taken[code]; i.IsJump() && (taken < 20 || taken > r.Opcodes[code]-20) {
			t.Errorf("%v went to its first target %d times of %d", i, taken, r.Opcodes[code])
		}
	}
	for reason := Empty; reason <= UnsetCell; reason++ {
		if r.Reasons[reason] == 0 {
			t.Errorf("no program was refused because %v", reason)
		}
	}
	for _, k := range seccomp.Kinds() {
		if r.Kinds[k.KindName()] == 0 {
			t.Errorf("no verdict %v", k)
		}
	}
	if r.Kinds["unknown"] == 0 || r.DivisionByZero == 0 || r.LargeShift == 0 {
		t.Errorf("%d unknown verdicts, %d divisions by zero, %d large shifts", r.Kinds["unknown"], r.DivisionByZero, r.LargeShift)
	}
	if r.Traced && r.Told < 500 {
		t.Errorf("only %d verdicts TRAP and TRACE were compared with their data", r.Told)
	}
	if r.Valid*2 < r.Programs {
		t.Errorf("only %d of %d programs are valid", r.Valid, r.Programs)
	}
}

// TestKernelDivisionKillsThread shows which verdict a division by zero is: it
// ends its thread, and the process lives.
func TestKernelDivisionKillsThread(t *testing.T) {
	needKernel(t)
	if _, err := runChild(t, job{Kind: "thread"}); err != nil {
		t.Fatal(err)
	}
}
