package transcript

import (
	"reflect"
	"strings"
	"testing"
)

const document = "# Title\n\n" +
	"```json web.json\n{}\n```\n\n" +
	"<!-- needs: docker gcc -->\n<!-- sample: it depends -->\n" +
	"```console\n$ cat <<E\n> a\n> E\na\n$ true\n$ echo b; echo c\nb\nc\n```\n" +
	"```sh\nnot run\n```\n"

func TestParse(t *testing.T) {
	got, err := parse(document)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 3, file: "web.json", text: "{}\n"},
		{line: 9, needs: []string{"docker", "gcc"}, sample: true, steps: []step{
			{line: 10, command: "cat <<E\na\nE", want: "a\n", start: 13, end: 14},
			{line: 14, command: "true", start: 15, end: 15},
			{line: 15, command: "echo b; echo c", want: "b\nc\n", start: 16, end: 18},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseErrors(t *testing.T) {
	for doc, want := range map[string]string{
		"```console\n$ true\n":               "line 1: the block has no end",
		"```console\ntrue\n```\n":            "line 2: a session starts with a command",
		"<!-- x -->\n```console\n$ a\n```\n": "line 2: the comment above says neither",
	} {
		if _, err := parse(doc); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("parse(%q): %v, want %q", doc, err, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		want, got string
		match     bool
	}{
		{"", "", true},
		{"a\n", "a", true},
		{"a\n", "b\n", false},
		{"a\n", "a\nb\n", false},
		{"a\nb\n", "a\n", false},
		{"a ... z\n", "a b c z\n", true},
		{"a ... z\n", "a b c\n", false},
		{"a...b...c\n", "abc\n", true},
		{"a...b...c\n", "acb\n", false},
		{"aba...aba\n", "aba\n", false},
		{"a\n...\n", "a\n", true},
		{"...\nz\n", "a\nz\n", true},
		{"...\nz\n", "z\na\nz\n", true},
		{"a\n...\nz\n", "a\nb\n", false},
		{"...\nb\n...\n", "a\nb\nc\n", true},
	} {
		if got := matches(c.want, c.got); got != c.match {
			t.Errorf("matches(%q, %q) = %v", c.want, c.got, got)
		}
	}
}

// TestRun holds the runner to a shell: the status of a command is there for
// the next one, and both outputs count.
func TestRun(t *testing.T) {
	s := &scratch{dir: t.TempDir()}
	s.write(t, "file", "text\n")
	got := s.run(t, block{steps: []step{{command: "cat file; exit_status() { return 3; }; exit_status"}, {command: "echo $?"}, {command: "echo err >&2"}}})
	if want := []string{"text\n", "3\n", "err\n", ""}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReplace(t *testing.T) {
	e := editor{lines: strings.Split(document, "\n")}
	blocks, err := parse(document)
	if err != nil {
		t.Fatal(err)
	}
	steps := blocks[1].steps
	e.replace(steps[0], "")
	e.replace(steps[1], "1\n2\n")
	e.replace(steps[2], "x\n")
	want := strings.NewReplacer("> E\na\n", "> E\n", "$ true\n", "$ true\n1\n2\n", "b\nc\n```", "x\n```").Replace(document)
	if got := string(e.text()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
