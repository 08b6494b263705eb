package libseccomp

import (
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// Deciding is the diagram of what decides the calls with the architecture and the
// number of d: answer says what stands in it for a rule, and for nil, where none
// decides. Rules whose part of it is empty may be among those that are asked about.
func (f *Filter) Deciding(s *policy.Space, d seccomp.Data, answer func(*Rule) policy.Node) policy.Node {
	g := f.generate()
	b := &builder{s, answer(nil), func(l *leaf) policy.Node { return answer(l.rule) }, map[job]policy.Node{}}
	for _, p := range g.parts {
		nr := d.NR
		if p.dead {
			nr = p.arch
		}
		if p.arch != d.Arch || p.foreign(d.NR) {
			continue
		}
		for _, e := range p.entries {
			if !e.pseudo() && uint32(e.nr) == nr {
				return b.entry(g, e)
			}
		}
	}
	return b.fallback
}
