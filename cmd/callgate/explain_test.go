package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// randomProfile is a document with several rules for few calls.
func randomProfile(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var rules []string
	for range 1 + r.IntN(7) {
		var args []string
		for range r.IntN(3) {
			args = append(args, fmt.Sprintf(`{"index": %d, "value": %s, "valueTwo": %d, "op": "SCMP_CMP_%s"}`,
				r.IntN(3), pick("0", "1", "2", "3", "4294967297"), r.IntN(4), pick("EQ", "EQ", "NE", "LT", "GE", "GT", "MASKED_EQ")))
		}
		rules = append(rules, fmt.Sprintf(`{"names": ["%s"], "action": "SCMP_ACT_%s", "args": [%s]}`,
			pick("kcmp", "kcmp", "connect", "socketcall", "accept", "semop", "mseal"), pick("ALLOW", "ERRNO", "LOG"), strings.Join(args, ", ")))
	}
	return fmt.Sprintf(`{"defaultAction": "SCMP_ACT_%s", "architectures": ["SCMP_ARCH_X86"], "syscalls": [%s]}`,
		pick("ALLOW", "ERRNO"), strings.Join(rules, ",\n"))
}

// TestExplainDecider holds what explain names as decider, and the conditions that
// it tells, to what decides each call.
func TestExplainDecider(t *testing.T) {
	told, asText := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(1, seed))
		text := randomProfile(r)
		stack := enforce.Stack{Runtime: enforce.Runtimes()[r.IntN(4)]}
		src, err := source.Open("-", source.Options{
			Env: profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6}), Stack: &stack, Stdin: strings.NewReader(text),
		})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		p, err := src.Policy()
		if err != nil {
			continue // contradictions
		}
		e, err := newExplainer(p, src)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			abi := []seccomp.ABI{seccomp.X86_64, seccomp.X86}[r.IntN(2)]
			name := []string{"kcmp", "connect", "socketcall", "mseal", "ipc"}[r.IntN(5)]
			nr, ok := syscalls.Number(abi, name)
			if !ok {
				continue
			}
			call := seccomp.Data{Arch: abi.Arch(), NR: nr}
			for i := range call.Args {
				call.Args[i] = []uint64{0, 1, 2, 3, 5, 1<<32 + 1}[r.IntN(6)]
			}
			known := uint8([]int{0, 1, 3, 0x3f}[r.IntN(4)])
			x, err := e.explain(asked{abi: abi, name: name, data: call, known: known})
			if err != nil {
				t.Fatal(err)
			}
			if told++; x.text != "" {
				asText++
				continue
			}
			got, want := x.decider(call), e.filter.Decide(call)
			place := e.enforced(call)
			if got.action != want.Action || got.by != place.by || got.origin != place.origin {
				t.Errorf("seed %d, %v %+v, known %b: explain says %v by %s, %v by %s decides\n%s",
					seed, stack, call, known, got.action, got.reason(), want.Action, place.reason(), text)
			}
			for _, p := range x.passed {
				if p.Rule.Origin == got.origin {
					t.Errorf("seed %d: %s decides and does not", seed, got.reason())
				}
			}
		}
	}
	if told < 5000 || asText > told/10 {
		t.Errorf("%d explanations, %d of them without rules", told, asText)
	}
}

// decider is the first outcome whose conditions hold.
func (x explanation) decider(call seccomp.Data) outcome {
	for _, o := range x.outcomes {
		holds := true
		for _, c := range o.when {
			holds = holds && c.Holds(x.asked.abi, call.Args)
		}
		if holds {
			return o
		}
	}
	return outcome{by: "nothing"}
}
