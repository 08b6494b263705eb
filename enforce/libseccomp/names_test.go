package libseccomp_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/internal/simulation"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// TestNames compares Resolve with what each release said of every name on every
// ABI, and that it knows no other names and ABIs.
func TestNames(t *testing.T) {
	for _, v := range libseccomp.Versions() {
		text, err := os.ReadFile(need.Data(t, "libseccomp-names/v"+v.String()+".tsv"))
		if err != nil {
			t.Fatal(err)
		}
		var abis []seccomp.ABI
		known := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			f := strings.Split(strings.TrimSpace(line), "\t")
			if abis == nil {
				for _, s := range f[1:] {
					abis = append(abis, simulation.ABI(t, s))
				}
				continue
			}
			known[f[0]] = true
			for i, abi := range abis {
				nr, ok := v.Resolve(abi, f[0])
				if strconv.Itoa(int(nr)) != f[i+1] || !ok {
					t.Errorf("%v: %v: %s is %d, %v, the library says %s", v, abi, f[0], nr, ok, f[i+1])
				}
			}
		}
		supported := 0
		for _, abi := range seccomp.ABIs() {
			if v.Supports(abi) {
				supported++
			}
			for _, name := range syscalls.Names() {
				if _, ok := v.Resolve(abi, name); ok != (known[name] && v.Supports(abi)) {
					t.Errorf("%v: %v: %s: known: %v", v, abi, name, ok)
				}
			}
		}
		if supported != len(abis) {
			t.Errorf("%v: %d ABIs, the library knows %d", v, supported, len(abis))
		}
		t.Logf("%v: %d names on %d ABIs", v, len(known), len(abis))
	}
}
