package enforce

import (
	"fmt"
	"strings"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/seccomp"
)

// Runtime is a container runtime, as far as its versions make filters in ways
// of their own.
type Runtime uint8

const (
	// Runc is runc 1.2 and later.
	Runc Runtime = iota
	// Runc1_1_15 is runc 1.1.15 and what came after it as 1.1: no flags, and
	// no binary tree.
	Runc1_1_15
	// Runc1_1 is runc 1.0.2 to 1.1.14, whose ENOSYS is for the architectures
	// that the profile lists, and for no other.
	Runc1_1
	// Crun is crun 1.0 and later.
	Crun
	numRuntimes
)

// runtimeFacts is how a runtime makes a filter. Sources: runc's
// libcontainer/seccomp and libcontainer/specconv, crun's src/libcrun/seccomp.c.
type runtimeFacts struct {
	name string
	// runc: what both versions of it have in common.
	runc bool
	// stub: numbers beyond the profile's highest get ENOSYS; stubNative: on
	// the machine's own ABI too where the profile does not list it.
	stub, stubNative bool
	// flags: flags are taken.
	flags bool
	// treeAbove is the number of entries above which libseccomp is asked for
	// a binary tree; 0 is never.
	treeAbove int
}

var runtimes = [numRuntimes]runtimeFacts{
	Runc:       {name: "runc", runc: true, stub: true, stubNative: true, flags: true, treeAbove: 32},
	Runc1_1_15: {name: "runc-1.1.15", runc: true, stub: true, stubNative: true},
	Runc1_1:    {name: "runc-1.1", runc: true, stub: true},
	Crun:       {name: "crun", flags: true},
}

// Runtimes lists the runtimes.
func Runtimes() []Runtime { return []Runtime{Runc, Runc1_1_15, Runc1_1, Crun} }

func (r Runtime) facts() runtimeFacts {
	if r >= numRuntimes {
		return runtimeFacts{name: fmt.Sprintf("Runtime(%d)", uint8(r))}
	}
	return runtimes[r]
}

// String is the name of r that ParseRuntime reads.
func (r Runtime) String() string { return r.facts().name }

// ParseRuntime reads the name of a runtime, alone for its newest version or with
// a version behind it: runc, runc-1.1 (1.1.0 to 1.1.14), runc-1.1.15, runc-1.3.0,
// crun, crun-1.8.1.
func ParseRuntime(s string) (Runtime, error) {
	name, text, versioned := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "-")
	if name != "runc" && name != "crun" {
		return 0, fmt.Errorf("unknown runtime %q: want runc, runc-VERSION or crun", s)
	}
	if !versioned {
		if name == "crun" {
			return Crun, nil
		}
		return Runc, nil
	}
	var v [3]int
	if err := parseVersion(text, &v); err != nil {
		return 0, fmt.Errorf("runtime %q: %w", s, err)
	}
	version := seccomp.Version{Major: v[0], Minor: v[1]}
	before := func(major, minor int) bool {
		return version.Compare(seccomp.Version{Major: major, Minor: minor}) < 0
	}
	patched := strings.Count(text, ".") == 2
	switch {
	case name == "runc" && !before(1, 0) && before(1, 1) && patched && v[2] < 2:
		return 0, fmt.Errorf("runtime %q: what versions before 1.0.2 install is not known", s)
	case name == "crun" && before(1, 0), name == "runc" && before(1, 0):
		return 0, fmt.Errorf("runtime %q: what versions before 1.0 install is not known", s)
	case name == "crun":
		return Crun, nil
	case !before(1, 2):
		return Runc, nil
	case !before(1, 1) && v[2] >= 15:
		return Runc1_1_15, nil
	}
	return Runc1_1, nil
}

// parseVersion reads one to three numbers with dots between them.
func parseVersion(text string, v *[3]int) error {
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if len(parts) > len(v) {
		return fmt.Errorf("%q is no version", text)
	}
	for i, p := range parts {
		if _, err := fmt.Sscanf(p, "%d", &v[i]); err != nil || v[i] < 0 || fmt.Sprint(v[i]) != p {
			return fmt.Errorf("%q is no version", text)
		}
	}
	return nil
}

// Stack is what stands between a resolved profile and the kernel. The zero value
// is the newest of all.
type Stack struct {
	Runtime    Runtime
	Libseccomp libseccomp.Version
}

// library is the libseccomp of the stack.
func (s Stack) library() libseccomp.Version {
	if !s.Libseccomp.Valid() {
		all := libseccomp.Versions()
		return all[len(all)-1]
	}
	return s.Libseccomp
}

// String is as in "runc 1.1 with libseccomp 2.5.4".
func (s Stack) String() string {
	name, version, _ := strings.Cut(s.Runtime.String(), "-")
	if version != "" {
		name += " " + version
	}
	return fmt.Sprintf("%s with libseccomp %v", name, s.library())
}
