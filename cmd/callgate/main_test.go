package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/callgate/callgate/internal/need"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"callgate": main})
}

// TestScript runs the command lines of testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               keepTest,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status,
			"need":   needThing,
		},
	})
}

// status runs a command and checks its exit status, or that it is one of
// several, as in
//
//	status 2 callgate no-such-verb
//	status 0|1 callgate doctor
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		status, ok := strings.CutPrefix(err.Error(), "exit status ")
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = status
	}
	if !slices.Contains(strings.Split(args[0], "|"), got) {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// needThing ends a script where something that it needs is missing, as the tests
// of Go code do: "need root", "need docker", "need PROGRAM". The line
// "need data NAME" also sets $DATA to the path of the thing, and "need image"
// $IMAGE to the name of a Docker image with a shell.
func needThing(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: need THING [NAME]")
	}
	t := ts.Value(testKey{}).(testing.TB)
	switch args[0] {
	case "root":
		need.Root(t)
	case "linux":
		need.Linux(t)
	case "docker":
		need.Docker(t)
	case "image":
		_, name := need.Image(t)
		ts.Setenv("IMAGE", name)
	case "unfiltered":
		need.Unfiltered(t)
	case "data":
		ts.Setenv("DATA", need.Data(t, args[1]))
	default:
		need.Program(t, args[0])
	}
}

// condition knows [root], and [kthreadd] where process 2 is the kernel's, beside
// testscript's own conditions.
func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "kthreadd":
		name, _ := os.ReadFile("/proc/2/comm")
		return string(name) == "kthreadd\n", nil
	}
	return false, fmt.Errorf("unknown condition %s", cond)
}

// testKey is the key under which a script's test is kept.
type testKey struct{}

func keepTest(env *testscript.Env) error {
	env.Values[testKey{}] = env.T()
	return nil
}

// TestEachVerbIsShown holds every verb to an example in its help and a script
// of its own name that runs it.
func TestEachVerbIsShown(t *testing.T) {
	for _, cmd := range newRoot(newTerminal()).Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		if !strings.Contains(cmd.Example, "callgate "+cmd.Name()) {
			t.Errorf("the help of %s has no example", cmd.Name())
		}
		if cmd.GroupID == "" {
			t.Errorf("%s is in no group, so that callgate's help leaves it out", cmd.Name())
		}
		checkScript(t, cmd)
	}
}

// TestHelpFits holds every help to the width of a terminal, and the verbs to
// the order in which commands has them.
func TestHelpFits(t *testing.T) {
	root := newRoot(newTerminal())
	for _, cmd := range append(root.Commands(), root) {
		for line := range strings.Lines(cmd.Long + "\n" + cmd.UsageString()) {
			if len(strings.TrimRight(line, "\n")) > lineWidth {
				t.Errorf("%s: more than %d columns: %s", cmd.Name(), lineWidth, line)
			}
		}
	}
	help := root.UsageString()
	for _, cmd := range commands(newTerminal()) {
		_, rest, ok := strings.Cut(help, "\n  "+cmd.Name()+" ")
		if !ok {
			t.Errorf("the help has no %s behind the verbs before it", cmd.Name())
		}
		help = rest
	}
}

func checkScript(t *testing.T, cmd *cobra.Command) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "script", cmd.Name()+".txtar"))
	if err != nil {
		t.Errorf("verb %s has no script: %v", cmd.Name(), err)
		return
	}
	wrong := "2"
	if cmd.GroupID == groupRun {
		wrong = "125"
	}
	for _, how := range []string{`(exec|status 0\|1)`, "status " + wrong} {
		line := regexp.MustCompile(`(?m)^` + how + ` callgate ` + cmd.Name() + `\b`)
		if !line.Match(script) {
			t.Errorf("the script of %s has no line like %v", cmd.Name(), line)
		}
	}
}
