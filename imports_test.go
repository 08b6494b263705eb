package callgate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/callgate/callgate"

// law is the law of imports: what the code of each package, tests apart, may
// import. Data flows one way, from the vocabulary at the top to the command at
// the bottom, and a package that is not in the table may not exist.
//
//   - inside: packages of this module; "*" is every one above the entry.
//   - outside: modules of others.
//   - system: packages of the standard library that reach outside the
//     program. A package without "os" cannot read the environment or files;
//     without "time" it knows no clock.
//
// An entry that ends in "/..." stands for the packages below it that have no
// entry of their own. A change of the table needs its reason in the commit.
var law = []struct{ pkg, inside, outside, system string }{
	{pkg: "seccomp"},
	{pkg: "syscalls", inside: "seccomp"},
	{pkg: "bpf", inside: "seccomp", system: "syscall"}, // for EINVAL, the kernel's answer
	{pkg: "policy", inside: "seccomp syscalls"},
	{pkg: "decode", inside: "seccomp syscalls"},
	{pkg: "profile", inside: "seccomp syscalls policy", outside: "github.com/opencontainers/runtime-spec"},
	{pkg: "enforce/libseccomp", inside: "seccomp syscalls policy", system: "syscall"}, // for the errno values that the library returns
	{pkg: "enforce/libseccomp/internal/...", inside: "*", system: "os os/exec"},
	{pkg: "enforce", inside: "seccomp syscalls policy profile enforce/libseccomp", system: "syscall"},
	{pkg: "lift", inside: "seccomp bpf policy"},
	{pkg: "compile", inside: "seccomp syscalls bpf policy lift"},
	{pkg: "lint", inside: "seccomp syscalls bpf policy decode profile enforce lift compile"},

	{pkg: "internal/sys", outside: "golang.org/x/sys", system: "unsafe syscall os"},
	{pkg: "kernel", inside: "seccomp bpf internal/sys", outside: "golang.org/x/sys", system: "os syscall time unsafe"},
	{pkg: "tracee", inside: "seccomp bpf kernel internal/sys", outside: "golang.org/x/sys", system: "os os/exec os/signal syscall time unsafe"},
	{pkg: "observe", inside: "seccomp syscalls policy profile kernel", system: "time"},
	{pkg: "observe/internal/tally", inside: "seccomp syscalls observe internal/sys", outside: "golang.org/x/sys", system: "os"},
	// The recorders that start a command do it as run does, under a filter.
	{pkg: "observe/notify", inside: "seccomp bpf kernel tracee observe observe/internal/tally internal/sys", outside: "golang.org/x/sys", system: "os os/signal syscall time"},
	{pkg: "observe/ptrace", inside: "seccomp kernel tracee observe observe/internal/tally internal/sys", outside: "golang.org/x/sys", system: "os syscall time"},
	{pkg: "observe/...", inside: "seccomp syscalls policy profile kernel observe internal/sys", outside: "golang.org/x/sys github.com/cilium/ebpf", system: "os syscall time unsafe"},
	{pkg: "container", outside: "golang.org/x/sys", system: "os os/exec syscall time"},

	{pkg: "internal/arbitrary", inside: "seccomp syscalls bpf policy profile"},
	{pkg: "internal/need", system: "os os/exec time"},
	{pkg: "internal/simulation", inside: "seccomp internal/need", system: "os"},                                                        // libseccomp's tests, which two packages are held to
	{pkg: "internal/image", inside: "internal/need", system: "os os/exec"},                                                             // what containers of tests run
	{pkg: "internal/image/httpserver", system: "os time net net/http"},                                                                 // is such a program
	{pkg: "observe/internal/recordertest", inside: "seccomp syscalls tracee observe internal/need", system: "os os/exec syscall time"}, // what every recorder is held to
	{pkg: "internal/transcript", inside: "internal/need", system: "os os/exec time"},                                                   // runs what documents show
	{pkg: "internal/draw", inside: "seccomp syscalls bpf"},
	{pkg: "internal/source", inside: "seccomp bpf policy profile lift compile enforce enforce/libseccomp kernel container", system: "os"},
	{pkg: "cmd/callgate", inside: "*", outside: "github.com/spf13/cobra github.com/spf13/pflag golang.org/x/sys", system: "os os/exec os/signal syscall time"},
	// Programs that generate tables, and the examples, are nobody's library.
	{pkg: "syscalls/internal/...", inside: "*", outside: "golang.org/x/sys", system: "os os/exec time"},
	{pkg: "decode/internal/...", inside: "*", outside: "golang.org/x/sys", system: "os os/exec time"},
	{pkg: "examples/...", inside: "*", system: "os os/exec syscall time unsafe"}, // unsafe: the buffers of raw calls
}

// never are chains of imports that may not exist, however long: the judge of
// a filter is not built from what makes filters, and the machine knows no
// policies.
var never = []struct{ pkg, other, why string }{
	{"lift", "compile", "the judge is independent"},
	{"lift", "profile", "the judge is independent"},
	{"bpf", "policy", "programs know nothing of policies"},
	{"policy", "bpf", "the function is not its machine code"},
	{"compile", "profile", "a compiler is given policies"},
	{"kernel", "policy", "the kernel is given programs"},
}

// modules are all modules of others that may be part of a program of this
// module, with why they are there.
var modules = map[string]string{
	"github.com/spf13/cobra":                 "the command line",
	"github.com/spf13/pflag":                 "cobra's flags",
	"github.com/inconshreveable/mousetrap":   "cobra needs it on Windows",
	"golang.org/x/sys":                       "system calls without cgo",
	"github.com/cilium/ebpf":                 "recording",
	"github.com/opencontainers/runtime-spec": "the names and types of OCI profiles",
}

// testModules are the further ones that tests and generators may import.
var testModules = map[string]string{
	"github.com/google/go-cmp":        "differences of large values",
	"github.com/rogpeppe/go-internal": "scripts that test the command line",
	"github.com/moby/profiles":        "Docker's own resolver, as an oracle",
}

// system are the packages of the standard library that only a package whose
// entry names them may import, and those that no package may.
var system = []string{
	"os", "os/exec", "os/signal", "os/user", "syscall", "time", "unsafe",
	"net", "net/http", "log", "log/slog", "flag", "expvar", "plugin", "C",
}

// targets are the systems for which the law is checked: files that are built
// for one of them only are read too.
var targets = []string{"linux/amd64", "linux/arm64", "linux/386", "darwin/arm64"}

type pkg struct {
	ImportPath, Name, Dir, ForTest     string
	Standard                           bool
	Module                             *struct{ Path string }
	Imports, TestImports, XTestImports []string
	Deps                               []string
	GoFiles, CgoFiles                  []string
}

// path is the import path below the module's, "." for its root.
func (p pkg) path() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

func (p pkg) ours() bool { return p.Module != nil && p.Module.Path == module }

// list returns the packages of this module and all that they import, as built
// for target.
func list(t *testing.T, target string) map[string]pkg {
	t.Helper()
	goos, goarch, _ := strings.Cut(target, "/")
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Name,Dir,Standard,Module,Imports,TestImports,XTestImports,Deps,GoFiles,CgoFiles", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v\n%s", target, err, &stderr)
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
	return all
}

func TestLawOfImports(t *testing.T) {
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			all := list(t, target)
			for _, p := range all {
				if p.ours() && p.path() != "." {
					checkImports(t, all, p)
				}
				checkModule(t, p)
			}
			for _, n := range never {
				if slices.Contains(all[module+"/"+n.pkg].Deps, module+"/"+n.other) {
					t.Errorf("%s imports %s, directly or not: %s", n.pkg, n.other, n.why)
				}
			}
		})
	}
}

// entry returns the index in the law of the entry for a package, or -1.
func entry(path string) int {
	wide := -1
	for i, e := range law {
		if e.pkg == path {
			return i
		}
		if dir, ok := strings.CutSuffix(e.pkg, "/..."); ok && strings.HasPrefix(path, dir+"/") {
			wide = i
		}
	}
	return wide
}

func checkImports(t *testing.T, all map[string]pkg, p pkg) {
	t.Helper()
	i := entry(p.path())
	if i < 0 {
		t.Errorf("%s is not in the law of imports", p.path())
		return
	}
	e := law[i]
	for _, path := range p.Imports {
		q, listed := all[path]
		switch {
		case path == "C" || !listed || q.Standard:
			if slices.Contains(system, path) && !contains(e.system, path) {
				t.Errorf("%s may not import %s", p.path(), path)
			}
		case q.ours():
			if e.inside != "*" && !contains(e.inside, q.path()) {
				t.Errorf("%s may not import %s: the law gives it %q", p.path(), q.path(), e.inside)
			}
		case !contains(e.outside, q.Module.Path):
			t.Errorf("%s may not import %s: the law gives it %q", p.path(), path, e.outside)
		}
	}
	if len(p.CgoFiles) > 0 {
		t.Errorf("%s uses cgo: %v", p.path(), p.CgoFiles)
	}
	for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
		if path == "C" {
			t.Errorf("the tests of %s use cgo", p.path())
		}
		first, _, _ := strings.Cut(path, "/")
		if strings.Contains(first, ".") && !strings.HasPrefix(path, module) && !testable(path) {
			t.Errorf("the tests of %s may not import %s", p.path(), path)
		}
	}
}

func contains(list, item string) bool { return slices.Contains(strings.Fields(list), item) }

// testable reports whether tests may import a package of others.
func testable(path string) bool {
	for _, allowed := range []map[string]string{modules, testModules} {
		for m := range allowed {
			if path == m || strings.HasPrefix(path, m+"/") {
				return true
			}
		}
	}
	return false
}

// checkModule holds the module of a package, one of the whole tree of
// imports, to the list.
func checkModule(t *testing.T, p pkg) {
	t.Helper()
	if p.Standard || p.ours() || p.Module == nil {
		return
	}
	if _, ok := modules[p.Module.Path]; !ok {
		t.Errorf("module %s is not settled: it comes with %s", p.Module.Path, p.ImportPath)
	}
	if len(p.CgoFiles) > 0 {
		t.Errorf("%s uses cgo", p.ImportPath)
	}
}

// TestNoInit holds the whole source, whatever it is built for, to what an
// import table does not show: nothing starts by itself, and nothing is C.
func TestNoInit(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || nested(path)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		return checkFile(t, path)
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d Go files found", files)
	}
}

// nested reports whether a folder is a module of its own.
func nested(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func checkFile(t *testing.T, path string) error {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, imp := range file.Imports {
		if imp.Path.Value == `"C"` {
			t.Errorf("%s: uses cgo", path)
		}
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			t.Errorf("%s: has a func init", path)
		}
	}
	return nil
}

// TestLawIsCurrent keeps the table honest: an inside entry names a package of
// the table, and what stands above.
func TestLawIsCurrent(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range law {
		for _, dep := range strings.Fields(e.inside) {
			if dep != "*" && !seen[dep] {
				t.Errorf("%s may import %s, which does not stand above it", e.pkg, dep)
			}
		}
		for _, path := range strings.Fields(e.system) {
			if !slices.Contains(system, path) {
				t.Errorf("%s: %s needs no leave", e.pkg, path)
			}
		}
		for _, m := range strings.Fields(e.outside) {
			if _, ok := modules[m]; !ok {
				t.Errorf("%s: module %s is not settled", e.pkg, m)
			}
		}
		seen[e.pkg] = true
	}
}
