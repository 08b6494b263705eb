//go:build amd64 || arm64

package ebpf

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// machine is what the programs are made for: an architecture, and a kernel as
// its BTF describes it.
type machine struct {
	arch
	btf     bool // the programs get typed pointers (tp_btf)
	taskBTF bool // bpf_get_current_task_btf; 5.11
	dead    bool // seccomp says which threads it ends (SECCOMP_MODE_DEAD); 5.17
	at      offsets
}

// offsets are places in the kernel's structures, in bytes; those of nested
// structures are from the beginning of the outer one.
type offsets struct {
	pid, tgid, compat, atomicFlags, seccompMode, nsproxy int16 // of task_struct
	mntNS                                                int16 // of nsproxy
	inum                                                 int16 // of mnt_namespace
	filename                                             int16 // of linux_binprm
	// Of the records of the tracepoints without BTF.
	forkParent, forkChild, execFile, execOld int16
}

// fromBTF finds the offsets in the kernel's own description.
func (m *machine) fromBTF(spec *btf.Spec) error {
	o := &m.at
	for _, f := range []struct {
		to   *int16
		path []string
	}{
		{&o.pid, []string{"task_struct", "pid"}},
		{&o.tgid, []string{"task_struct", "tgid"}},
		{&o.compat, []string{"task_struct", "thread_info", m.compatField}},
		{&o.atomicFlags, []string{"task_struct", "atomic_flags"}},
		{&o.seccompMode, []string{"task_struct", "seccomp", "mode"}},
		{&o.nsproxy, []string{"task_struct", "nsproxy"}},
		{&o.mntNS, []string{"nsproxy", "mnt_ns"}},
		{&o.inum, []string{"mnt_namespace", "ns", "inum"}},
		{&o.filename, []string{"linux_binprm", "filename"}},
	} {
		var s *btf.Struct
		if err := spec.TypeByName(f.path[0], &s); err != nil {
			return fmt.Errorf("the kernel's BTF: struct %s: %w", f.path[0], err)
		}
		off, ok := memberOffset(s, f.path[1:])
		if !ok || off != uint32(int16(off)) {
			return fmt.Errorf("the kernel's BTF: struct %s has no %v in reach", f.path[0], f.path[1:])
		}
		*f.to = int16(off)
	}
	return nil
}

// memberOffset follows names into nested structures, and looks into those
// without a name.
func memberOffset(t btf.Type, path []string) (uint32, bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		rest := path
		if m.Name == path[0] {
			rest = path[1:]
		} else if m.Name != "" {
			continue
		}
		if len(rest) == 0 {
			return m.Offset.Bytes(), true
		}
		if off, ok := memberOffset(m.Type, rest); ok {
			return m.Offset.Bytes() + off, true
		}
	}
	return 0, false
}
