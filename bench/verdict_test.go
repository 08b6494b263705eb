package bench

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// TestVerdicts runs each filter on each call of x86_64, with arguments of zero,
// and holds it to the rules that its compiler was given.
func TestVerdicts(t *testing.T) {
	eachFilter(t, func(t *testing.T, p Problem, f filter) {
		program, err := bpf.Load(f.program, order)
		if err != nil {
			t.Fatal(err)
		}
		answers := map[seccomp.Action]bool{}
		for nr, name := range syscalls.All(seccomp.X86_64) {
			d := Call{Number: nr}.data()
			got, want := program.Run(d).Canonical(), f.meaning.Eval(d)
			answers[want] = true
			if got != want {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		if len(answers) < 3 {
			t.Errorf("the rules answer only %v: every problem has three answers", answers)
		}
	})
}

// mistakes are the calls to which a filter gives another answer than the rules
// that its compiler was given. Once a test of an argument has failed,
// go-seccomp-bpf compares that argument with the numbers of the calls that it
// has not tried yet; and it takes the number -1, by which tracers skip a call,
// for one of x32.
var mistakes = map[string][]string{
	"docker-x86_64/go-seccomp-bpf": {
		"socket, personality: ERRNO(EPERM) -> ALLOW",
		"4294967295: ERRNO(EPERM) -> ERRNO(ENOSYS)",
	},
	"demo/go-seccomp-bpf": {
		"4294967295: KILL_THREAD -> ERRNO(ENOSYS)",
	},
}

// TestMeaning holds each filter to its rules for all calls through the ABIs that
// the rules list, whatever their arguments.
func TestMeaning(t *testing.T) {
	eachFilter(t, func(t *testing.T, p Problem, f filter) {
		lifted, err := lift.Program(f.program, order)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := policy.Diff(f.meaning, lifted)
		if err != nil {
			t.Fatal(err)
		}
		var wrong []string
		for _, d := range differences {
			if slices.Contains(p.Rules.ABIs, d.ABI) {
				wrong = append(wrong, fmt.Sprintf("%s: %v -> %v", names(d), d.A, d.B))
			}
		}
		if known := mistakes[p.Name+"/"+f.name]; !slices.Equal(wrong, known) {
			t.Errorf("it differs in %q, known is %q", wrong, known)
		}
	})
}

// TestENOSYS holds the policy with ENOSYS to what the newest runc makes of the
// profile.
func TestENOSYS(t *testing.T) {
	for _, p := range problems(t) {
		if p.Rules.Default.Kind() != seccomp.Err {
			continue
		}
		f, err := enforce.New(p.Resolved, enforce.Stack{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := f.Policy()
		if err != nil {
			t.Fatal(err)
		}
		got, err := buildENOSYS(p.Rules)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := policy.Diff(want, got)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences {
			t.Errorf("%s: %v %s: %v, want %v", p.Name, d.ABI, names(d), d.B, d.A)
		}
	}
}

// names are the calls of a difference.
func names(d policy.Difference) string {
	var all string
	for i, r := range d.Numbers {
		if i > 0 {
			all += ", "
		}
		name, ok := syscalls.Name(d.ABI, r.Low)
		switch {
		case r.Low != r.High:
			all += fmt.Sprintf("%d-%d", r.Low, r.High)
		case ok:
			all += name
		default:
			all += fmt.Sprint(r.Low)
		}
	}
	return all
}

// eachFilter tests each filter but those that cannot be: for what a compiler
// cannot say, and where there is no runc.
func eachFilter(t *testing.T, test func(*testing.T, Problem, filter)) {
	for _, p := range problems(t) {
		for _, f := range filters(t, p) {
			t.Run(p.Name+"/"+f.name, func(t *testing.T) {
				switch {
				case f.absent == nil:
					test(t, p, f)
				case errors.Is(f.absent, errOneABI) && len(p.Rules.ABIs) > 1, errors.Is(f.absent, errKills) && p.Name == "demo":
					t.Skip(f.absent)
				case f.name == "runc":
					need.Missing(t, "runc", f.absent.Error())
				default:
					t.Error(f.absent)
				}
			})
		}
	}
}
