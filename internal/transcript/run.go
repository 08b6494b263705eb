package transcript

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
)

// sessionTime is how long one session may take.
const sessionTime = 2 * time.Minute

// Options say how a document is tested.
type Options struct {
	// Programs are packages of this module, as in "./examples/filter", whose
	// programs the sessions find in PATH beside callgate.
	Programs []string
	// Update writes what the sessions print into the document where it
	// differs and the document leaves nothing open.
	Update bool
}

// Test runs each session of a document in a subtest. The documents show
// Debian on x86_64: elsewhere it skips.
func Test(t *testing.T, document string, o Options) {
	need.Linux(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the documents show the calls of x86_64")
	}
	need.Dash(t)
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	s := &scratch{bin: build(t, append([]string{"./cmd/callgate"}, o.Programs...)), dir: t.TempDir()}
	s.copy(t, filepath.Dir(document))
	edits := editor{lines: strings.Split(string(text), "\n")}
	sessions := 0
	for _, b := range blocks {
		if b.file != "" {
			s.write(t, b.file, b.text)
			continue
		}
		sessions++
		t.Run(fmt.Sprintf("line%d", b.line), func(t *testing.T) { s.session(t, document, b, o.Update, &edits) })
	}
	if sessions == 0 {
		t.Errorf("%s shows no session", document)
	}
	if edits.changed {
		if err := os.WriteFile(document, edits.text(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// build makes the programs of packages and returns their folder.
func build(t *testing.T, packages []string) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.CommandContext(t.Context(), need.Program(t, "go"), append([]string{"build", "-o", bin}, packages...)...)
	cmd.Dir = need.ModuleRoot(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// scratch is where the sessions of a document run.
type scratch struct{ bin, dir string }

// copy copies the files of a folder, those below it left out.
func (s *scratch) copy(t *testing.T, from string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, e.Name(), string(content))
	}
}

func (s *scratch) write(t *testing.T, name, content string) {
	t.Helper()
	if !filepath.IsLocal(name) {
		t.Fatalf("the document names the file %s, which is not in its folder", name)
	}
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// session runs one block and compares.
func (s *scratch) session(t *testing.T, document string, b block, update bool, edits *editor) {
	for _, thing := range b.needs {
		switch thing {
		case "root":
			need.Root(t)
		case "docker":
			need.Docker(t)
		case "unfiltered":
			need.Unfiltered(t)
		default:
			need.Program(t, thing)
		}
	}
	got := s.run(t, b)
	for i, st := range b.steps {
		switch {
		case matches(st.want, got[i]):
		case b.sample && st.want != "":
			if got[i] == "" {
				t.Errorf("%s:%d: %s\nprints nothing", document, st.line, st.command)
			}
		case update && !strings.Contains(st.want, open):
			edits.replace(st, got[i])
		default:
			t.Errorf("%s:%d: %s\n-- the document shows:\n%s-- it prints:\n%s", document, st.line, st.command, st.want, got[i])
		}
	}
}

// mark ends the output of a command. No program prints it.
const mark = "\x1e"

// run returns what each command of a session prints. Each sees the status of
// the one before it.
func (s *scratch) run(t *testing.T, b block) []string {
	t.Helper()
	var script strings.Builder
	for _, st := range b.steps {
		fmt.Fprintf(&script, "%s\n_status=$?; printf '\\036'; (exit $_status)\n", st.command)
	}
	ctx, cancel := context.WithTimeout(t.Context(), sessionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", script.String())
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+s.bin+":"+os.Getenv("PATH"), "LC_ALL=C", "TERM=dumb")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatalf("sh: %v\n%s", err, out)
	}
	parts := strings.Split(string(bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))), mark)
	if len(parts) != len(b.steps)+1 {
		t.Fatalf("%d of %d commands ended, the output is:\n%s", len(parts)-1, len(b.steps), out)
	}
	return parts
}

// editor replaces lines of a document.
type editor struct {
	lines   []string
	moved   int // by how much what follows the last replacement has moved
	changed bool
}

// replace puts output in the place of what a step shows. Steps come in the
// order of the document.
func (e *editor) replace(st step, output string) {
	fresh := lines(output)
	e.lines = slices.Replace(e.lines, st.start-1+e.moved, st.end-1+e.moved, fresh...)
	e.moved += len(fresh) - (st.end - st.start)
	e.changed = true
}

func (e *editor) text() []byte { return []byte(strings.Join(e.lines, "\n")) }
