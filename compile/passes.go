package compile

import (
	"slices"

	"github.com/callgate/callgate/policy"
)

// pass is a step from the diagram to the program.
type pass struct {
	name, why string
	run       func(*graph, Options)
	// only is the goals for which it runs; nil is all.
	only []Goal
}

// passes are those between the selection of words and the placement, in their
// order.
var passes = []pass{
	{name: "weigh", why: "how often calls come to each part decides what is asked first",
		run: func(g *graph, o Options) { g.weigh(o.Weights) }},
	{name: "tree", why: "a switch becomes the tree of comparisons that costs least",
		run: func(g *graph, o Options) { g.trees(o) }},
}

// lower is the graph of a diagram, ready to be placed; ok is false where no
// program of limit instructions has room for it.
func lower(s *policy.Space, root policy.Node, limit int, o Options) (g *graph, ok bool) {
	g, ok = selectWords(s, root, limit)
	for _, p := range passes {
		if ok && (p.only == nil || slices.Contains(p.only, o.Optimize)) {
			p.run(g, o)
		}
	}
	return g, ok && !g.full()
}
