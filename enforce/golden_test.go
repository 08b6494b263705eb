package enforce_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/lift"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// goldenRuntimes are the runtimes of which there are filters, by what the files
// call them.
var goldenRuntimes = map[string]enforce.Stack{
	"runc":      {Runtime: enforce.Runc1_1, Libseccomp: libseccomp.V2_5_4},
	"runc1.1.5": {Runtime: enforce.Runc1_1, Libseccomp: libseccomp.V2_5_4},
	"runc1.5.1": {Runtime: enforce.Runc, Libseccomp: libseccomp.V2_6_1},
	"crun":      {Runtime: enforce.Crun, Libseccomp: libseccomp.V2_5_4},
	"crun1.8.1": {Runtime: enforce.Crun, Libseccomp: libseccomp.V2_5_4},
}

// TestGolden predicts filters that runtimes have loaded: the bytes were read
// back from containers.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(need.Data(t, "golden-bpf"), "*.bpf"))
	if err != nil || len(files) == 0 {
		t.Fatal("no filters", err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".0.bpf")
		t.Run(base, func(t *testing.T) {
			at := strings.Index(base, "runc")
			if c := strings.Index(base, "crun"); c >= 0 {
				at = c
			}
			stack, ok := goldenRuntimes[base[at:]]
			if !ok {
				t.Fatalf("unknown runtime %q", base[at:])
			}
			predicted(t, file[:len(file)-len(base)-len(".0.bpf")]+base[:at-1]+".oci.json", stack, file)
		})
	}
}

func predicted(t *testing.T, document string, stack enforce.Stack, filter string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filter)
	if err != nil {
		t.Fatal(err)
	}
	program, err := bpf.Decode(raw, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	got, err := lift.Program(program, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, made(t, text, stack), got)
}

// made is the filter of an OCI object on x86_64.
func made(t *testing.T, text []byte, stack enforce.Stack) *enforce.Filter {
	t.Helper()
	p, _, err := profile.Parse("profile.json", text, profile.OCI)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Resolve(profile.Env{Engine: profile.OCI, ABI: seccomp.X86_64, Kernel: seccomp.Version{Major: 6}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := enforce.New(r, stack)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// equal compares a prediction with what a runtime did, and checks that Decide
// agrees with the diagram.
func equal(t *testing.T, f *enforce.Filter, got *policy.Policy) {
	t.Helper()
	want, err := f.Policy()
	if err != nil {
		t.Fatal(err)
	}
	differences, err := policy.Diff(want, got)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range differences {
		if i == 10 {
			t.Errorf("and %d more", len(differences)-i)
			break
		}
		t.Errorf("%v numbers %v: predicted %v, the runtime has %v, for %+v", d.ABI, d.Numbers, d.A, d.B, d.Call)
	}
	for _, a := range got.Answers() {
		if d := f.Decide(a.Call); d.Action != want.Eval(a.Call) {
			t.Errorf("Decide has %v, the diagram %v, for %+v", d.Action, want.Eval(a.Call), a.Call)
		}
	}
}
