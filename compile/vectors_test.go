package compile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// simulation is one of libseccomp's own simulation tests: a filter and what
// the library expects of it.
type simulation struct {
	Filter struct {
		Default, BadArch string
		Arches           []string
		Rules            []struct {
			Action   string
			Name     string
			Args     []struct{ Arg, Cmp, A, B any }
			Arches   []string
			Resolved map[string]struct {
				NR *int64
			}
		}
	}
	Vectors []struct {
		Line   int
		Arch   string
		NR     [2]int64
		Args   [6]*[2]uint64
		Expect string
		Count  int
	}
}

// TestLibseccompSimulations evaluates libseccomp's tests in three ways: by
// the diagram of the rules, by the compiled program, and by the diagram that
// it lifts to. Test 43 is about the order in which libseccomp tries rules of
// several actions on one argument, which is not what the rules say.
func TestLibseccompSimulations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "libseccomp-vectors"), "tests", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	compared, recorded := 0, 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if strings.HasPrefix(name, "43-") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			n, of := simulate(t, file)
			compared, recorded = compared+n, recorded+of
		})
	}
	if compared != recorded || compared == 0 {
		t.Errorf("%d verdicts were compared, of %d", compared, recorded)
	}
	t.Logf("%d verdicts, each in three ways", compared)
}

func simulate(t *testing.T, file string) (compared, recorded int) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.UseNumber()
	var sim simulation
	if err := dec.Decode(&sim); err != nil {
		t.Fatal(err)
	}
	rules := sim.rules(t)
	p, err := policy.Build(rules)
	if err != nil {
		t.Fatal(err)
	}
	program, err := compile.Compile(p, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	order := rules.ABIs[0].ByteOrder()
	lifted, err := lift.Program(program, order)
	if err != nil {
		t.Fatal(err)
	}
	filter, err := bpf.Load(program, order)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range sim.Vectors {
		recorded += v.Count
		want := action(t, v.Expect)
		abi := abi(t, v.Arch)
		d := seccomp.Data{Arch: abi.Arch()}
		expand(v.NR, v.Args, &d, func() {
			compared++
			for way, got := range map[string]seccomp.Action{
				"diagram": p.Eval(d), "program": filter.Run(d).Canonical(), "lifted": lifted.Eval(d),
			} {
				if got != want {
					t.Errorf("line %d: %s: %v %+v: %v, want %v", v.Line, way, abi, d, got, want)
				}
			}
		})
	}
	return compared, recorded
}

// expand calls f for each combination of the numbers and arguments.
func expand(nr [2]int64, args [6]*[2]uint64, d *seccomp.Data, f func()) {
	var arg func(i int)
	arg = func(i int) {
		if i == len(args) {
			f()
			return
		}
		if args[i] == nil {
			d.Args[i] = 0
			arg(i + 1)
			return
		}
		for v := args[i][0]; ; v++ {
			d.Args[i] = v
			arg(i + 1)
			if v == args[i][1] {
				return
			}
		}
	}
	for n := nr[0]; n <= nr[1]; n++ {
		d.NR = uint32(n)
		arg(0)
	}
}

func (s simulation) rules(t *testing.T) policy.Rules {
	r := policy.Rules{Default: action(t, s.Filter.Default), Unlisted: action(t, s.Filter.BadArch)}
	for _, a := range s.Filter.Arches {
		r.ABIs = append(r.ABIs, abi(t, a))
	}
	for _, in := range s.Filter.Rules {
		rule := policy.Rule{Syscall: in.Name, Action: action(t, in.Action)}
		for _, a := range in.Args {
			rule.When = append(rule.When, condition(t, a.Arg, a.Cmp, a.A, a.B))
		}
		if syscalls.Known(in.Name) {
			for _, a := range in.Arches {
				rule.ABIs = append(rule.ABIs, abi(t, a))
			}
			r.Rules = append(r.Rules, rule)
			continue
		}
		// A number that no call has.
		rule.Syscall = ""
		for a, resolved := range in.Resolved {
			if resolved.NR != nil {
				rule.ABIs, rule.Number = []seccomp.ABI{abi(t, a)}, uint32(*resolved.NR)
				r.Rules = append(r.Rules, rule)
			}
		}
	}
	return r
}

func condition(t *testing.T, arg, cmp, a, b any) policy.Condition {
	op, ok := map[string]policy.Op{
		"EQ": policy.EQ, "NE": policy.NE, "LT": policy.LT, "LE": policy.LE,
		"GE": policy.GE, "GT": policy.GT, "MASKED_EQ": policy.MaskedEQ,
	}[cmp.(string)]
	if !ok {
		t.Fatalf("operator %v", cmp)
	}
	c := policy.Condition{Arg: int(integer(t, arg)), Op: op, Value: integer(t, a)}
	if op == policy.MaskedEQ {
		c.Mask, c.Value = integer(t, a), integer(t, b)
	}
	return c
}

func integer(t *testing.T, v any) (n uint64) {
	if err := json.Unmarshal([]byte(v.(json.Number)), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func abi(t *testing.T, name string) seccomp.ABI {
	a, err := seccomp.ParseABI(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func action(t *testing.T, text string) seccomp.Action {
	a, err := seccomp.ParseAction(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
