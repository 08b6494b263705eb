package profile_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/callgate/callgate/profile"
)

// endless is a document without an end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '['
	}
	e.read += int64(len(p))
	return len(p), nil
}

// TestHostile: documents made to exhaust the reader are refused, at a limit.
func TestHostile(t *testing.T) {
	const head = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_LOG","names":[`
	for name, c := range map[string]struct{ doc, code string }{
		"deep arrays":    {strings.Repeat("[", 1<<20), profile.CodeTooLarge},
		"deep objects":   {strings.Repeat(`{"a":`, 1<<20), profile.CodeTooLarge},
		"deep, balanced": {`{"x":` + strings.Repeat("[", profile.MaxDepth) + strings.Repeat("]", profile.MaxDepth) + "}", profile.CodeTooLarge},
		"many values":    {head + strings.Repeat(`"",`, profile.MaxValues), profile.CodeTooLarge},
		"many bytes":     {strings.Repeat(" ", profile.MaxSize+1), profile.CodeTooLarge},
		"open string":    {head + `"` + strings.Repeat("a", 1<<20), profile.CodeSyntax},
		"open comment":   {"/*" + strings.Repeat("*", 1<<20), profile.CodeSyntax},
		"NUL":            {"{\x00}", profile.CodeSyntax},
		"invalid UTF-8":  {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"x\":\"" + strings.Repeat("\xff", 1<<16) + "\"}", profile.CodeEncoding},
	} {
		p, found, err := profile.Parse("x.json", []byte(c.doc), profile.Docker)
		var refused *profile.Error
		if p != nil || !errors.As(err, &refused) {
			t.Errorf("%s: accepted", name)
			continue
		}
		if last := refused.Diagnostics[len(refused.Diagnostics)-1]; last.Code != c.code {
			t.Errorf("%s: %v, want %s", name, last, c.code)
		}
		if len(found) > 3*profile.MaxDiagnostics || len(err.Error()) > 100_000 {
			t.Errorf("%s: %d diagnostics, a message of %d bytes", name, len(found), len(err.Error()))
		}
	}
}

// TestDepth: what encoding/json just takes we take.
func TestDepth(t *testing.T) {
	n := profile.MaxDepth - 1
	doc := `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}"
	if _, _, err := profile.Parse("x.json", []byte(doc), profile.Docker); err != nil {
		t.Error(err)
	}
}

// TestManyMistakes: an error is not lost behind many warnings, and there is
// an end to the words.
func TestManyMistakes(t *testing.T) {
	doc := `{"syscalls":[{"names":[` + strings.Repeat(`"mkdri",`, 20000) + `"mkdri"],"action":"LOG"}],` +
		strings.Repeat(`"defaultActoin":1,`, 20000) + `"defaultAction":"SCMP_ACT_ALLOW"}`
	_, found, err := profile.Parse("x.json", []byte(doc), profile.Docker)
	var refused *profile.Error
	if !errors.As(err, &refused) || len(refused.Diagnostics) != 1 || refused.Diagnostics[0].Code != profile.CodeUnknownAction {
		t.Errorf("error %v", err)
	}
	if len(found) != profile.MaxDiagnostics+1 {
		t.Errorf("%d diagnostics", len(found))
	}
}

func TestReadStops(t *testing.T) {
	var source endless
	_, _, err := profile.Read("x.json", &source, profile.Docker)
	if err == nil || source.read > 4*profile.MaxSize {
		t.Errorf("error %v after %d bytes", err, source.read)
	}
	broken := errors.New("broken")
	if _, _, err := profile.Read("x.json", errReader{broken}, profile.Docker); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

var _ io.Reader = errReader{}

// TestTruncated: no beginning of a profile is a profile.
func TestTruncated(t *testing.T) {
	doc := strings.TrimSpace(engineDocument)
	for n := range len(doc) {
		if _, _, err := profile.Parse("x.json", []byte(doc[:n]), profile.Docker); err == nil {
			t.Fatalf("the first %d of %d bytes are accepted", n, len(doc))
		}
	}
}
