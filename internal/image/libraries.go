package image

import (
	"debug/elf"
	"os/exec"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
)

// libraries are the files that the dynamic linker loads for a program or
// library, with itself; none for other files.
func libraries(t testing.TB, path string) []string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if names, err := f.DynString(elf.DT_NEEDED); err != nil || len(names) == 0 {
		return nil
	}
	out, err := exec.CommandContext(t.Context(), need.Program(t, "ldd"), path).CombinedOutput()
	if err != nil {
		t.Fatalf("ldd %s: %v: %s", path, err, out)
	}
	return loaded(string(out))
}

// loaded are the paths in the output of ldd.
func loaded(ldd string) []string {
	var paths []string
	for line := range strings.Lines(ldd) {
		for _, field := range strings.Fields(line) {
			if strings.HasPrefix(field, "/") {
				paths = append(paths, field)
			}
		}
	}
	return paths
}
