package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/policy"
)

// stopwatch measures what the stages of a compilation take.
type stopwatch struct {
	started time.Time
	stages  []stage
}

type stage struct {
	name, why string
	took      time.Duration
}

func (w *stopwatch) start() { w.started = time.Now() }

func (w *stopwatch) stop(name, why string) {
	w.stages = append(w.stages, stage{name, why, time.Since(w.started)})
}

// printStats tells how large and how fast a filter is.
func (v *compileVerb) printStats(p *policy.Policy, program bpf.Program, weights compile.Weights, stages []stage) error {
	s, err := compile.Measure(p, program, v.env.arch.abi.ByteOrder(), weights)
	if err != nil {
		return err
	}
	if v.format == formatJSON {
		return v.terminal.json(statsOf(s, stages))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d of them shared by ABIs; a call executes at most %s\n", count(s.Instructions, "instruction"), s.Shared, most(s.Longest, s.Bounded))
	var lines []string
	for _, a := range s.ABIs {
		weighted := "-"
		if a.Weighted > 0 {
			weighted = fmt.Sprintf("%.2f", a.Weighted)
		}
		lines = append(lines, fmt.Sprintf("%v\t%d\t%d\t%d\t%d\t%.2f\t%d\t%s\t%s\t%.2f\t%.2f\t%d of %d",
			a.ABI, a.Instructions, a.Own, a.Calls, a.Min, a.Mean, a.Max, weighted, most(a.Longest, a.Bounded), a.Tests, a.Optimal, a.Bitmap, a.Allowed))
	}
	table(&b, "ABI\tINSNS\tOWN\tCALLS\tMIN\tMEAN\tMAX\tWEIGHTED\tLONGEST\tTESTS\tOPTIMAL\tBITMAP", lines)
	lines = nil
	for _, x := range stages {
		lines = append(lines, fmt.Sprintf("%s\t%v\t%s", x.name, x.took.Round(time.Microsecond), x.why))
	}
	table(&b, "STAGE\tTIME\tWHAT", lines)
	return v.terminal.write("", []byte(b.String()), false)
}

// most is a number of instructions on the longest way, where that may be one that
// no call takes with a sign.
func most(n int, bounded bool) string {
	if bounded {
		return fmt.Sprintf("<=%d", n)
	}
	return fmt.Sprint(n)
}

// stats is what programs get to know of a filter.
type stats struct {
	Instructions int         `json:"instructions"`
	Shared       int         `json:"shared"`
	Longest      int         `json:"longest"`
	Bounded      bool        `json:"bounded,omitempty"`
	ABIs         []abiStats  `json:"abis"`
	Stages       []stageTime `json:"stages"`
}

type abiStats struct {
	ABI          string   `json:"abi"`
	Instructions int      `json:"instructions"`
	Own          int      `json:"own"`
	Calls        int      `json:"calls"`
	Executed     executed `json:"executed"`
	Longest      int      `json:"longest"`
	Bounded      bool     `json:"bounded,omitempty"`
	Tests        float64  `json:"tests"`
	Optimal      float64  `json:"optimal"`
	Allowed      int      `json:"allowed"`
	Bitmap       int      `json:"bitmap"`
}

type executed struct {
	Min      int     `json:"min"`
	Mean     float64 `json:"mean"`
	Max      int     `json:"max"`
	Weighted float64 `json:"weighted,omitempty"`
}

type stageTime struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

func statsOf(s compile.Stats, stages []stage) stats {
	out := stats{Instructions: s.Instructions, Shared: s.Shared, Longest: s.Longest, Bounded: s.Bounded, ABIs: []abiStats{}}
	for _, a := range s.ABIs {
		out.ABIs = append(out.ABIs, abiStats{
			ABI: a.ABI.String(), Instructions: a.Instructions, Own: a.Own, Calls: a.Calls,
			Executed: executed{a.Min, a.Mean, a.Max, a.Weighted}, Longest: a.Longest, Bounded: a.Bounded,
			Tests: a.Tests, Optimal: a.Optimal, Allowed: a.Allowed, Bitmap: a.Bitmap,
		})
	}
	for _, x := range stages {
		out.Stages = append(out.Stages, stageTime{x.name, x.took.Seconds()})
	}
	return out
}
