//go:build amd64 || arm64 || 386

package tracee

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// errNotHeld says that a system call cannot be made in the program now.
var errNotHeld = errors.New("the program is not held at a point: call RunTo first")

// errStrict says that no further call can be made in the program.
var errStrict = errors.New("the program is in strict mode, and would be killed by the call that installs a filter")

func (t *tracee) syscall(nr uint32, args []uint64) (result int64, err error) {
	if len(args) > 6 {
		return 0, fmt.Errorf("a system call has at most 6 arguments, not %d", len(args))
	}
	t.do(func() { result, err = t.inject(nr, args...) })
	return result, err
}

// inject makes a system call in the held thread, and leaves that as it found
// it; after an exec there is nothing left of it. The instruction is one that is in the process's memory anyway, mostly in
// the vDSO, so that no code is changed that another thread might execute. The
// other threads go on meanwhile.
func (t *tracee) inject(nr uint32, args ...uint64) (int64, error) {
	if t.held == nil || t.home == nil || t.ended {
		return 0, errNotHeld
	}
	th, abi := t.held, t.image.abi
	at, err := t.findCall()
	if err != nil {
		return 0, err
	}
	r := *t.home
	var six [6]uint64
	copy(six[:], args)
	r.setCall(abi, nr, six)
	r.setPC(at)
	if err := r.set(th.tid); err != nil {
		return 0, err
	}
	th.how = unix.PTRACE_SYSCALL
	defer func() { th.how = 0 }()
	stops := 0 // the entry, then the exit
	var held []unix.Signal
	var executed, mine bool // exec, by the thread itself
	t.resume(th)
	err = t.until(func(other *thread, e event) bool {
		switch {
		case e.kind == gotExec:
			former, _ := sys.PtraceEventMsg(other.tid)
			executed, mine = true, int(former) == th.tid
			return true
		case other != th:
		case e.kind == gotSyscall:
			stops++
		case e.kind == gotSignal: // only SIGSTOP: all others are masked
			held = append(held, e.signal)
			th.signal = 0
		}
		return stops == 2
	})
	for _, signal := range held {
		_ = unix.Tgkill(t.pid, th.tid, signal)
	}
	switch {
	case err != nil || mine:
		return 0, err
	case executed:
		return 0, ErrExec
	}
	done, err := getRegisters(th.tid)
	if err != nil {
		return 0, err
	}
	return done.result(abi), t.home.set(th.tid)
}

// findCall is the address of an instruction that makes a system call.
func (t *tracee) findCall() (uint64, error) {
	maps, err := mappings(t.pid)
	if err != nil {
		return 0, err
	}
	code, align := callInstruction(t.image.abi)
	find := func(vdso bool) (uint64, bool) {
		for _, m := range maps {
			if !m.code || vdso != (m.name == "[vdso]") || m.name == "[vsyscall]" {
				continue
			}
			text, err := memory{t.pid}.read(m.start, int(m.end-m.start))
			if err != nil {
				continue
			}
			for at := 0; ; at++ {
				next := bytes.Index(text[at:], code)
				if next < 0 {
					break
				}
				if at += next; at%align == 0 {
					return m.start + uint64(at), true
				}
			}
		}
		return 0, false
	}
	for _, vdso := range []bool{true, false} {
		if addr, ok := find(vdso); ok {
			return addr, nil
		}
	}
	return 0, errors.New("the program has no instruction that makes a system call")
}

// calls are the numbers of those that are made in the program; mmap is that
// whose last argument is zero here, whatever unit it has.
var calls = map[seccomp.ABI]struct{ prctl, seccomp, mmap, execve uint32 }{
	seccomp.X86_64:  {157, 317, 9, 59},
	seccomp.X86:     {172, 354, 192, 11},
	seccomp.AARCH64: {167, 277, 222, 221},
}

func (t *tracee) install(p bpf.Program, o kernel.InstallOptions) (err error) {
	if err := installable(p, o); err != nil {
		return err
	}
	t.do(func() {
		if s, statusErr := kernel.ReadStatus(t.pid); statusErr == nil && s.Mode == kernel.ModeStrict {
			err = errStrict
			return
		}
		if o.Flags&kernel.TSync == 0 {
			if err = t.oneThread(); err != nil {
				return
			}
		}
		err = t.confine(p, o)
	})
	return err
}

// installable is an error for what cannot be installed in any program.
func installable(p bpf.Program, o kernel.InstallOptions) error {
	if o.Flags&kernel.NewListener != 0 {
		return errors.New("a listener cannot be made in a program that is held")
	}
	if err := p.Verify(); err != nil {
		return kernel.ExplainInstall(p, o.Flags, -int(unix.EINVAL))
	}
	return nil
}

// confine installs a filter, and remembers it.
func (t *tracee) confine(p bpf.Program, o kernel.InstallOptions) error {
	f, err := bpf.Load(p, binary.NativeEndian)
	if err == nil {
		err = t.noNewPrivs(o.NoNewPrivs)
	}
	if err == nil {
		err = t.installProgram(p, o.Flags)
	}
	if err == nil {
		t.filters = append(t.filters, f)
	}
	return err
}

func (t *tracee) noNewPrivs(set bool) error {
	if !set {
		return nil
	}
	r, err := t.inject(calls[t.image.abi].prctl, unix.PR_SET_NO_NEW_PRIVS, 1)
	if err == nil && r < 0 {
		err = fmt.Errorf("set no_new_privs in the program: %w", unix.Errno(-r))
	}
	return err
}

// installProgram lends the lowest part of the first thread's stack, which
// no program uses before its stack has grown that deep, and gives it back as
// it was.
func (t *tracee) installProgram(p bpf.Program, flags kernel.Flag) error {
	raw := bpf.Encode(p, binary.NativeEndian)
	size := t.image.abi.WordBits() / 8
	header := 2 * size // struct sock_fprog: a length of 16 bits and a pointer
	at, err := t.scratch(header + len(raw))
	if err != nil {
		return err
	}
	block := make([]byte, header, header+len(raw))
	binary.NativeEndian.PutUint16(block, uint16(len(p)))
	if pointer := at + uint64(header); size == 4 {
		binary.NativeEndian.PutUint32(block[size:], uint32(pointer))
	} else {
		binary.NativeEndian.PutUint64(block[size:], pointer)
	}
	block = append(block, raw...)
	before, err := memory{t.pid}.read(at, len(block))
	if err != nil {
		return err
	}
	if err := write(t.held.tid, at, block); err != nil {
		return err
	}
	r, err := t.inject(calls[t.image.abi].seccomp, unix.SECCOMP_SET_MODE_FILTER, uint64(flags), at)
	if err != nil {
		return err
	}
	if err := write(t.held.tid, at, before); err != nil {
		return err
	}
	return kernel.ExplainInstall(p, flags, int(r))
}

func (t *tracee) scratch(size int) (uint64, error) {
	if t.held == nil || t.home == nil {
		return 0, errNotHeld
	}
	maps, err := mappings(t.pid)
	if err != nil {
		return 0, err
	}
	for _, m := range maps {
		if m.name == "[stack]" && m.end-m.start >= uint64(size) {
			return m.start, nil
		}
	}
	return 0, fmt.Errorf("the program's stack has no room for a filter of %d bytes", size)
}

func (t *tracee) strict() (err error) {
	t.do(func() {
		if s, statusErr := kernel.ReadStatus(t.pid); statusErr == nil && s.Mode == kernel.ModeStrict {
			return // by itself
		}
		if err = t.oneThread(); err != nil {
			return
		}
		var r int64
		if r, err = t.inject(calls[t.image.abi].prctl, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_STRICT); err == nil {
			err = kernel.ExplainStrict(int(r))
		}
	})
	return err
}

func (t *tracee) oneThread() error {
	n, err := threadCount(t.pid)
	if err == nil && n > 1 {
		err = fmt.Errorf("%w: %d", ErrThreads, n)
	}
	return err
}
