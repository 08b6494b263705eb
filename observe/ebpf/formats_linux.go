//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tracefsPaths are where tracefs may be mounted.
var tracefsPaths = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

// fromFormats finds where the tracepoints keep what the programs need without
// BTF: tracefs describes their records.
func (m *machine) fromFormats() error {
	o := &m.at
	for _, f := range []struct {
		event, field string
		to           *int16
	}{
		{"sched_process_fork", "parent_pid", &o.forkParent},
		{"sched_process_fork", "child_pid", &o.forkChild},
		{"sched_process_exec", "filename", &o.execFile},
		{"sched_process_exec", "old_pid", &o.execOld},
	} {
		text, err := readFormat(f.event)
		if err != nil {
			return err
		}
		if *f.to, err = fieldOffset(text, f.field); err != nil {
			return fmt.Errorf("the format of %s: %w", f.event, err)
		}
	}
	return nil
}

func readFormat(event string) (string, error) {
	for _, dir := range tracefsPaths {
		text, err := os.ReadFile(filepath.Join(dir, "events", "sched", event, "format"))
		if err == nil {
			return string(text), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("recording with eBPF on a kernel without BTF needs tracefs: mount -t tracefs tracefs %s: %w", tracefsPaths[0], os.ErrNotExist)
}

// fieldOffset reads a line like
//
//	field:pid_t old_pid;	offset:16;	size:4;	signed:1;
func fieldOffset(format, name string) (int16, error) {
	for line := range strings.Lines(format) {
		declaration, rest, _ := strings.Cut(strings.TrimSpace(line), ";")
		words := strings.Fields(strings.TrimPrefix(declaration, "field:"))
		if len(words) == 0 || words[len(words)-1] != name {
			continue
		}
		_, rest, found := strings.Cut(rest, "offset:")
		number, _, _ := strings.Cut(rest, ";")
		n, err := strconv.ParseInt(number, 10, 16)
		if !found || err != nil {
			return 0, fmt.Errorf("field %s: no offset in %q", name, line)
		}
		return int16(n), nil
	}
	return 0, fmt.Errorf("no field %s", name)
}
