package compile

import (
	"slices"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
)

// pass is a step on the way from a diagram to a program that changes the graph.
type pass struct {
	Pass
	run  func(*graph, *Options)
	only []Goal // for which it runs; nil is all
}

// Pass is a step on the way from a diagram to a program.
type Pass struct{ Name, Why string }

var (
	selection = Pass{"select", "the diagram becomes switches over words, or questions about their bits where these are fewer"}
	placement = Pass{"place", "what is far away is reached over copies and jumps, and the nodes become instructions"}
	proof     = Pass{"prove", "the program is lifted, and must be the policy"}
)

// passes are those between the selection and the placement, in their order.
var passes = []pass{
	{Pass: Pass{"weigh", "how often calls come to each part decides what is asked first"},
		run: func(g *graph, o *Options) {
			if !g.weigh(o.Weights) {
				o.Weights = nil
			}
		}, only: []Goal{Speed, Size}},
	{Pass: Pass{"mask", "the numbers of x32 become those of x86_64 where that lets them share tests"},
		run: func(g *graph, _ *Options) { g.maskX32() }, only: []Goal{Speed, Size}},
	{Pass: Pass{"share", "a run of ranges that several tables have in common is told apart once"},
		run: func(g *graph, o *Options) { g.shareRuns(o.Optimize) }, only: []Goal{Speed, Size}},
	{Pass: Pass{"tree", "a switch becomes the tree of comparisons that costs least"},
		run: func(g *graph, o *Options) { g.trees(*o) }},
}

// Passes lists the steps from a diagram to a program, in their order.
func Passes() []Pass {
	all := []Pass{selection}
	for _, p := range passes {
		all = append(all, p.Pass)
	}
	return append(all, placement, proof)
}

// Stage is where a compilation stands behind a pass.
type Stage struct {
	Pass
	graph   *graph
	program bpf.Program
}

// Append appends what there is behind the pass as text: the graph, or the program
// as a listing.
func (s Stage) Append(b []byte, l bpf.Listing) []byte {
	if s.program != nil {
		return l.Append(b, s.program)
	}
	return s.graph.append(b)
}

// after tells who asked for it where a compilation stands.
func (o Options) after(p Pass, g *graph, program bpf.Program) {
	if o.After != nil {
		o.After(Stage{p, g, program})
	}
}

// lower is the graph of a diagram, ready to be placed; ok is false where no
// program of limit instructions has room for it.
func lower(s *policy.Space, root policy.Node, turns map[policy.Node]turn, limit int, o Options) (g *graph, ok bool) {
	g, ok = selectWords(s, root, turns, limit, o.Optimize)
	o.after(selection, g, nil)
	for _, p := range passes {
		if !ok || p.only != nil && !slices.Contains(p.only, o.Optimize) {
			continue
		}
		p.run(g, &o)
		o.after(p.Pass, g, nil)
	}
	return g, ok && !g.full()
}
