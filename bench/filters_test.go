package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// filter is what a compiler makes of a problem, or why it makes nothing.
type filter struct {
	name    string
	absent  error
	meaning *policy.Policy // what it is for
	program bpf.Program
	build   func() ([]byte, error) // nil for runc, which makes it in its own process
}

// made are the filters of all problems: they are made once.
var made = map[string][]filter{}

func problems(t testing.TB) []Problem {
	t.Helper()
	all, err := Problems()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// filters are the filters for a problem, runc's last.
func filters(t testing.TB, p Problem) []filter {
	t.Helper()
	if made[p.Name] != nil {
		return made[p.Name]
	}
	var all []filter
	for _, c := range Compilers() {
		all = append(all, compiled(t, c, p))
	}
	all = append(all, runc(t, p))
	made[p.Name] = all
	return all
}

func compiled(t testing.TB, c Compiler, p Problem) filter {
	t.Helper()
	f := filter{name: c.Name}
	rules, err := c.Express(p.Rules)
	if err != nil {
		f.absent = err
		return f
	}
	if f.meaning, err = c.Meaning(rules); err != nil {
		t.Fatalf("%s: %s: %v", p.Name, c.Name, err)
	}
	if f.build, err = c.Prepare(rules); err != nil {
		t.Fatalf("%s: %s: %v", p.Name, c.Name, err)
	}
	raw, err := f.build()
	if err != nil {
		t.Fatalf("%s: %s: %v", p.Name, c.Name, err)
	}
	if f.program, err = bpf.Decode(raw, order); err != nil {
		t.Fatalf("%s: %s: %v", p.Name, c.Name, err)
	}
	return f
}

// runc is the filter of a container that runc has started, read back.
func runc(t testing.TB, p Problem) filter {
	t.Helper()
	f := filter{name: "runc"}
	for _, program := range []string{"runc", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			f.absent = fmt.Errorf("there is no %s here", program)
			return f
		}
	}
	switch {
	case p.Rules.Default.Kind() == seccomp.KillThread:
		f.absent = fmt.Errorf("%w: runc would not get to the container", errKills)
		return f
	case os.Geteuid() != 0:
		f.absent = errors.New("only root can read filters back")
		return f
	}
	release, library := need.Runc(t)
	stack, err := stackOf(release, library)
	if err != nil {
		f.absent = err
		return f
	}
	predicted, err := enforce.New(p.Resolved, stack)
	if err != nil {
		t.Fatal(err)
	}
	if f.meaning, err = predicted.Policy(); err != nil {
		t.Fatal(err)
	}
	if f.program, err = readBack(t, p); err != nil {
		f.absent = err
	}
	return f
}

func stackOf(runc, library string) (stack enforce.Stack, err error) {
	if stack.Runtime, err = enforce.ParseRuntime("runc-" + runc); err != nil {
		return stack, err
	}
	stack.Libseccomp, err = libseccomp.Parse(library)
	return stack, err
}

// readBack starts a container under the profile of a problem and reads its
// filter.
func readBack(t testing.TB, p Problem) (bpf.Program, error) {
	t.Helper()
	object, err := json.Marshal(p.Resolved)
	if err != nil {
		return nil, err
	}
	root := image.New(t)
	root.Busybox(t, "sleep")
	bundle := root.Bundle(t, "runc", image.Container{
		Args: []string{"sleep", "600"}, Capabilities: image.Capabilities, Seccomp: object,
	})
	id, err := bundle.Start(t)
	if err != nil {
		return nil, err
	}
	out, err := bundle.Command(t, nil, "state", id).Output()
	if err != nil {
		return nil, err
	}
	var state struct{ PID int }
	if err := json.Unmarshal(out, &state); err != nil {
		return nil, err
	}
	programs, err := kernel.Filters(t.Context(), state.PID)
	if err != nil {
		return nil, err
	}
	if len(programs) != 1 {
		return nil, fmt.Errorf("the container has %d filters", len(programs))
	}
	return programs[0], nil
}
