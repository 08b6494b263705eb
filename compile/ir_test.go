package compile

import (
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/arbitrary"
	"github.com/callgate/callgate/policy"
)

// TestPasses holds every graph on the way to a program to the policy: what it
// answers, and what its text answers when it is read again.
func TestPasses(t *testing.T) {
	for seed := range uint64(300) {
		rules := arbitrary.Rules(arbitrary.New(seed), 12)
		p, err := policy.Build(rules)
		if err != nil {
			t.Fatal(err)
		}
		for _, goal := range []Goal{Speed, Size, Unchanged} {
			_, err := Compile(p, Options{Optimize: goal, Unproven: true, After: func(s Stage) {
				if s.program != nil {
					return
				}
				text := string(s.Append(nil, bpf.Listing{}))
				read, err := parseGraph(text)
				if err != nil {
					t.Fatalf("seed %d: behind %s: %v\n%s", seed, s.Name, err, text)
				}
				r := arbitrary.New(seed)
				for range 60 {
					d := arbitrary.Call(r, rules)
					want := p.Eval(d)
					for _, g := range []*graph{s.graph, read} {
						if got, err := g.eval(d); err != nil || got != want {
							t.Fatalf("seed %d: behind %s: to %+v it answers %v (%v), want %v\n%s", seed, s.Name, d, got, err, want, text)
						}
					}
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGraphText reads what it wrote, and writes the same.
func TestGraphText(t *testing.T) {
	const text = `n8: load nr, n7
n7: switch nr, 0..40 n1 @250000, 41 n6 @999, 42..0xffffffff n2
n6: if eq 41, n1, n5
n5: if ge 7, n2, n4
n4: mask 0x3fffffff, n3
n3: if set 0x1000, n1, n2
n2: return ALLOW
n1: return ERRNO(EPERM)
`
	g, err := parseGraph(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(g.append(nil)); got != text {
		t.Errorf("%s", got)
	}
}

func TestGraphTextErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "want a new name"},
		{"n1: return NOTHING", "NOTHING"},
		{"n1: return ALLOW\nn1: return ALLOW", "want a new name"},
		{"n2: load nr, n3\nn1: return ALLOW", `no "n3"`},
		{"n2: load what, n1\nn1: return ALLOW", "want a word"},
		{"n2: load nr\nn1: return ALLOW", "want return, load"},
		{"n2: jump n1\nn1: return ALLOW", "want return, load"},
		{"n2: if near 1, n1, n1\nn1: return ALLOW", "want if eq"},
		{"n2: mask x, n1\nn1: return ALLOW", "want a number"},
		{"n2: switch nr\nn1: return ALLOW", "without parts"},
		{"n2: switch nr, 0..4 n1, 6 n1\nn1: return ALLOW", "no gaps"},
		{"n2: switch nr, 0..4 n7\nn1: return ALLOW", "want a range"},
		{"n2: if eq 1, n1, n1, n1\nn1: return ALLOW", "too many"},
	} {
		if _, err := parseGraph(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}
