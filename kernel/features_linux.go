package kernel

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/seccomp"
)

// answer is the error of a feature that the kernel either has, or answered
// with errno; those errnos that only a kernel without it gives are lacks.
func answer(what string, errno unix.Errno, since seccomp.Version, lacks ...unix.Errno) error {
	if errno == 0 {
		return nil
	}
	e := &Error{Op: what, Errno: errno}
	for _, l := range lacks {
		if errno == l {
			e.Since, e.Missing = since, true
		}
	}
	return e
}

func modeFeatures() []Feature {
	filter := sys.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, 0) // no program: changes nothing
	if filter == unix.EFAULT {
		filter = 0
	}
	call := sys.ProbeFilterFlags(0)
	if call == unix.EFAULT {
		call = 0
	}
	return []Feature{
		{"mode", "strict", version(2, 6), answer("strict mode", sys.Prctl(unix.PR_GET_SECCOMP, 0, 0), version(2, 6), unix.EINVAL)},
		{"mode", "filter", version(3, 5), answer("filter mode", filter, version(3, 5), unix.EINVAL)},
		{"mode", "no_new_privs", version(3, 5), answer("no_new_privs", sys.Prctl(unix.PR_GET_NO_NEW_PRIVS, 0, 0), version(3, 5), unix.EINVAL)},
		{"mode", "seccomp(2)", version(3, 17), answer("seccomp(2)", call, version(3, 17), unix.ENOSYS, unix.EINVAL)},
	}
}

func probeAction(a seccomp.Action) error {
	since := actionSince[a.Kind()]
	errno := sys.ActionAvailable(uint32(a.Kind()))
	if errno == unix.EINVAL && since == version(3, 5) {
		// The question is of 4.14; the first actions are as old as filters.
		if errno = sys.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, 0); errno == unix.EFAULT {
			return nil
		}
	}
	return answer("action "+a.KindName(), errno, since, unix.EOPNOTSUPP, unix.EINVAL, unix.ENOSYS)
}

func probeFlag(f Flag) error {
	ask := f
	if f == WaitKillableRecv {
		ask |= NewListener
	}
	errno := sys.ProbeFilterFlags(uint32(ask))
	if errno == unix.EFAULT {
		return nil
	}
	return answer("flag "+f.String(), errno, f.Since(), unix.EINVAL, unix.ENOSYS)
}

// inspectionFeatures are what it takes to look at other processes.
func inspectionFeatures() []Feature {
	_, logged := loggedActions()
	return []Feature{
		{"inspection", "actions_logged", version(4, 14), logged},
		{"inspection", "PTRACE_SECCOMP_GET_FILTER", version(4, 4), canReadFilters()},
		{"inspection", "ptrace", version(2, 6), canTrace()},
		{"bpf", "bpf(2)", version(3, 18), canUseBPF()},
		{"bpf", "BTF", version(5, 4), exists("type information of the kernel (BTF)", "/sys/kernel/btf/vmlinux", version(5, 4))},
	}
}

func exists(what, path string, since seccomp.Version) error {
	_, err := os.Stat(path)
	return fileError(what, err, since)
}

func fileError(what string, err error, since seccomp.Version) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return &Error{Op: what, Err: err, Since: since, Missing: true}
	}
	return &Error{Op: what, Err: err}
}

// canReadFilters asks for all that [Filters] needs, without a process to try
// it on: ns_last_pid is there exactly where the kernel is built with
// CONFIG_CHECKPOINT_RESTORE.
func canReadFilters() error {
	if err := exists(opFilters, "/proc/sys/kernel/ns_last_pid", version(4, 4)); err != nil {
		return err
	}
	status, err := ReadStatus(os.Getpid())
	if err != nil {
		return err
	}
	if status.Mode != ModeDisabled {
		return &Error{Op: opFilters, Errno: syscall.EACCES, Reason: "this process has a filter of its own"}
	}
	if admin, err := hasCapability(unix.CAP_SYS_ADMIN); err != nil || !admin {
		return &Error{Op: opFilters, Errno: syscall.EACCES, Reason: "this process has no CAP_SYS_ADMIN in the first user namespace", Err: err}
	}
	return nil
}

// hasCapability reports whether this process has the capability towards the
// first user namespace.
func hasCapability(capability uint) (bool, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false, err
	}
	_, rest, _ := strings.Cut(string(text), "CapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	effective, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return false, err
	}
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false, err
	}
	all := []string{"0", "0", "4294967295"}
	for i, field := range strings.Fields(string(ids)) {
		if i >= len(all) || field != all[i] {
			return false, nil
		}
	}
	return effective>>capability&1 == 1, nil
}

// canTrace asks whether a child can be held by ptrace; Yama may forbid it.
func canTrace() error {
	text, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if err != nil {
		return nil // no Yama
	}
	scope := strings.TrimSpace(string(text))
	admin, err := hasCapability(unix.CAP_SYS_PTRACE)
	if err != nil {
		return err
	}
	if scope == "3" || scope == "2" && !admin {
		return &Error{Op: "trace a child", Errno: syscall.EPERM, Reason: "/proc/sys/kernel/yama/ptrace_scope is " + scope}
	}
	return nil
}

// canUseBPF makes a call that creates nothing: a map of no type.
func canUseBPF() error {
	errno := sys.BPFNothing()
	if errno == unix.EINVAL || errno == unix.E2BIG {
		return nil
	}
	e := answer("bpf(2)", errno, version(3, 18), unix.ENOSYS)
	if errno == unix.EPERM {
		e = &Error{Op: "bpf(2)", Errno: errno, Reason: "this needs CAP_BPF (5.8) or CAP_SYS_ADMIN"}
	}
	return e
}

func loggedActions() ([]string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_logged")
	if err != nil {
		return nil, fileError("read which actions are logged", err, version(4, 14))
	}
	return strings.Fields(string(text)), nil
}
