package profile_test

import (
	"encoding/json"
	"testing"

	moby "github.com/moby/profiles/seccomp"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

func mobyText(tb testing.TB) []byte {
	text, err := json.MarshalIndent(moby.DefaultProfile(), "", "\t")
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

var benchEnv = profile.DockerEnv(seccomp.X86_64, seccomp.Version{Major: 6, Minor: 18})

// BenchmarkParse reads Docker's default profile as a document, with all
// checks.
func BenchmarkParse(b *testing.B) {
	text := mobyText(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, _, err := profile.Parse("default.json", text, profile.Docker); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseResolve takes the document to the rules of a policy.
func BenchmarkParseResolve(b *testing.B) {
	text := mobyText(b)
	for b.Loop() {
		p, _, err := profile.Parse("default.json", text, profile.Docker)
		if err != nil {
			b.Fatal(err)
		}
		rulesOf(b, p)
	}
}

// BenchmarkDefault takes the built-in profile to the rules of a policy.
func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		p, err := profile.Default("docker:default")
		if err != nil {
			b.Fatal(err)
		}
		rulesOf(b, p)
	}
}

func rulesOf(b *testing.B, p *profile.Profile) {
	r, err := p.Resolve(benchEnv)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := r.Rules(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEncodingJSON reads the same document as Docker does, for
// comparison.
func BenchmarkEncodingJSON(b *testing.B) {
	text := mobyText(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		var p moby.Seccomp
		if err := json.Unmarshal(text, &p); err != nil {
			b.Fatal(err)
		}
	}
}
