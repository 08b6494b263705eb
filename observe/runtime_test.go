package observe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func TestRuntimeCalls(t *testing.T) {
	for _, runtime := range []string{"runc", "crun"} {
		with, ok := observe.RuntimeCalls(runtime, true)
		without, ok2 := observe.RuntimeCalls(runtime, false)
		if !ok || !ok2 || len(with) >= len(without) {
			t.Errorf("%s: %v, %v; %d calls with no_new_privs, %d without", runtime, ok, ok2, len(with), len(without))
		}
		// What is made behind a filter that was installed late is made behind
		// one that was installed early.
		for _, c := range with {
			if !slices.ContainsFunc(without, func(o observe.RuntimeCall) bool { return o.Name == c.Name }) {
				t.Errorf("%s calls %s with no_new_privs only", runtime, c.Name)
			}
		}
		for _, calls := range [][]observe.RuntimeCall{with, without} {
			checkRuntimeCalls(t, runtime, calls)
		}
	}
	if calls, ok := observe.RuntimeCalls("runsc", false); ok || calls != nil {
		t.Errorf("runsc: %v, %v", calls, ok)
	}
}

func checkRuntimeCalls(t *testing.T, runtime string, calls []observe.RuntimeCall) {
	t.Helper()
	for i, c := range calls {
		if i > 0 && calls[i-1].Name >= c.Name {
			t.Errorf("%s: %s after %s", runtime, c.Name, calls[i-1].Name)
		}
		if c.Why == "" || c.How < observe.Always || c.How > observe.Occasional {
			t.Errorf("%s: %+v", runtime, c)
		}
		if c.How == observe.Occasional && c.Optional {
			t.Errorf("%s: %s is refused in one of many starts, which nobody looks for", runtime, c.Name)
		}
		if got := c.On(seccomp.X86_64); !slices.Equal(got, []string{c.Name}) {
			t.Errorf("%s: %s is %v on x86_64", runtime, c.Name, got)
		}
	}
}

func TestRuntimeCallOn(t *testing.T) {
	for _, tt := range []struct {
		name string
		abi  seccomp.ABI
		want string
	}{
		{"setgid", seccomp.X86, "setgid32"},
		{"setgid", seccomp.ARM, "setgid32"},
		{"setgid", seccomp.MIPS, "setgid"}, // always had 32 bits
		{"setgid", seccomp.AARCH64, "setgid"},
		{"futex", seccomp.X86, "futex futex_time64"},
		{"futex", seccomp.RISCV64, "futex"},
		{"mmap", seccomp.ARM, "mmap2"},
		{"select", seccomp.AARCH64, ""},
		{"newfstatat", seccomp.X86, "fstatat64"},
		{"newfstatat", seccomp.S390X, "newfstatat"},
		{"newfstatat", seccomp.LoongArch64, "newfstatat"},
	} {
		if got := strings.Join((observe.RuntimeCall{Name: tt.name}).On(tt.abi), " "); got != tt.want {
			t.Errorf("%s on %v: %q, want %q", tt.name, tt.abi, got, tt.want)
		}
	}
}

// TestRuntimeCallsEverywhere holds that the execve is possible on each ABI, so
// that no profile is without it, and that no name is made up.
func TestRuntimeCallsEverywhere(t *testing.T) {
	for _, abi := range seccomp.ABIs() {
		for _, runtime := range []string{"runc", "crun"} {
			calls, _ := observe.RuntimeCalls(runtime, true)
			var names []string
			for _, c := range calls {
				names = append(names, c.On(abi)...)
			}
			if !slices.Contains(names, "execve") || !slices.Contains(names, "close") {
				t.Errorf("%s on %v: %v", runtime, abi, names)
			}
			for _, name := range names {
				if _, ok := syscalls.Number(abi, name); !ok {
					t.Errorf("%s: %v has no %s", runtime, abi, name)
				}
			}
		}
	}
}

func ExampleRuntimeCalls() {
	calls, _ := observe.RuntimeCalls("crun", true)
	for _, c := range calls {
		if c.How == observe.Always {
			fmt.Printf("%s: %s\n", c.Name, c.Why)
		}
	}
	// Output:
	// close: closes the filter
	// execve: starts the workload
}
