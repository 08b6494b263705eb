package enforce

import "testing"

func TestParseRuntime(t *testing.T) {
	for text, want := range map[string]Runtime{
		"runc": Runc, "RUNC": Runc, "runc-1.2": Runc, "runc-1.2.0": Runc, "runc-v1.3.4": Runc, "runc-1.5.1": Runc, "runc-2": Runc,
		"runc-1.1": Runc1_1, "runc-1.1.5": Runc1_1, "runc-1.1.14": Runc1_1, "runc-1.0.3": Runc1_1, "runc-1.0.2": Runc1_1, "runc-1.0": Runc1_1,
		"runc-1.1.15": Runc1_1_15, "runc-1.1.16": Runc1_1_15,
		"crun": Crun, "crun-1.8.1": Crun, "crun-1.21": Crun,
	} {
		if got, err := ParseRuntime(text); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "youki", "runc-", "runc-x", "runc-1.2.3.4", "runc-01.1", "runc-0.9", "runc-1.0.0", "runc-1.0.1", "crun-0.5", "runc-1.-1", "runc1.1"} {
		if got, err := ParseRuntime(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for _, r := range Runtimes() {
		if got, err := ParseRuntime(r.String()); err != nil || got != r {
			t.Errorf("%v reads as %v, %v", r, got, err)
		}
	}
}
