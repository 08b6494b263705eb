//go:build amd64 || arm64 || 386

package tracee

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
)

func (t *tracee) runTo(p Point) (reached Reached, err error) {
	t.do(func() {
		if t.ended || t.free {
			err = ErrEnded
			return
		}
		if err = t.leave(); err != nil {
			return
		}
		switch {
		case p.After > 0:
			reached, err = t.runAfter(p)
		case p.Symbol == "":
			err = t.runToEntry()
		case p.Symbol == "main":
			reached, err = t.runToMain()
		default:
			reached, err = t.runToSymbol(p.Symbol)
		}
		if err == nil {
			err = t.settle(&reached)
		}
	})
	return reached, err
}

// settle notes how the held thread shall go on, and holds back its signals.
func (t *tracee) settle(reached *Reached) error {
	r, err := getRegisters(t.held.tid)
	if err != nil {
		return err
	}
	t.home = &r
	reached.Address = r.pc()
	if t.mask, err = sys.PtraceSigmask(t.held.tid, ^uint64(0)); err != nil {
		return err
	}
	reached.Threads, err = threadCount(t.pid)
	return err
}

// leave undoes settle.
func (t *tracee) leave() error {
	if t.home == nil || t.held == nil {
		return nil
	}
	err := t.home.set(t.held.tid)
	if _, maskErr := sys.PtraceSigmask(t.held.tid, t.mask); err == nil {
		err = maskErr
	}
	t.home = nil
	return err
}

// resumeHeld lets the thread go on that was held, and those that were stopped
// beside it.
func (t *tracee) resumeHeld() {
	for _, th := range t.threads {
		t.resume(th)
	}
}

// runToAddr runs to one of the addresses.
func (t *tracee) runToAddr(addrs ...uint64) error {
	size := len(breakpoint)
	for _, addr := range addrs {
		code, err := memory{t.pid}.read(addr, size)
		if err != nil {
			return err
		}
		t.breaks[addr], t.were[addr] = code, true
	}
	// A thread that is held does, but the first one exists at any time.
	holder := t.pid
	if t.held != nil {
		holder = t.held.tid
	}
	t.setBreaks(holder)
	t.resumeHeld()
	var execErr error
	err := t.until(func(th *thread, e event) bool {
		switch {
		case e.kind == gotExec:
			t.held, execErr = th, ErrExec
			return true
		case e.kind == gotBreak && slices.Contains(addrs, e.addr):
			t.held = th
			return true
		}
		return false
	})
	if err == nil && execErr == nil {
		for addr, code := range t.breaks {
			err = write(t.held.tid, addr, code)
		}
	}
	clear(t.breaks)
	if execErr != nil {
		if err := t.load(); err != nil {
			return err
		}
		return execErr
	}
	return err
}

// setBreaks writes the breakpoints through a thread that is held.
func (t *tracee) setBreaks(tid int) {
	for addr := range t.breaks {
		_ = write(tid, addr, breakpoint)
	}
}

func (t *tracee) runToEntry() error {
	if t.atEntry {
		return nil
	}
	t.atEntry = true
	return t.runToAddr(t.bias + t.image.entry)
}

func (t *tracee) runToMain() (Reached, error) {
	t.begun = true
	if addr, name, ok := t.image.main(); ok {
		return Reached{Name: name}, t.runToAddr(t.bias + addr)
	}
	if err := t.runToEntry(); err != nil {
		return Reached{}, err
	}
	addr, err := t.findMain()
	switch {
	case err != nil:
		return Reached{}, err
	case addr == 0:
		return Reached{Substitute: "the program is stripped and hands no main function to a C library: held at its entry point, before its first system call"}, nil
	}
	// A Go program that a C linker linked is started by the C library, and
	// what it hands to that is called main in its own table.
	if goMain, ok := t.image.goFunction("main.main", "main", addr-t.bias); ok {
		return Reached{Name: "main.main"}, t.runToAddr(t.bias + goMain)
	}
	return Reached{Name: "main"}, t.runToAddr(addr)
}

// maxSteps bounds the search for main. The start code of the C libraries
// takes a few dozen instructions, that of musl's static PIE programs relocates
// the program first.
const maxSteps = 200_000

// findMain finds the main function of a stripped program, which is held at
// its entry point: it executes the start code step by step until the registers
// are those of a call of __libc_start_main(main, argc, argv, ...), whose
// second and third parameter are known from the stack of the new process.
// Glibc, musl and uClibc all have that function. Nothing that the program does
// until then reaches the kernel: the search ends before a system call, and is
// 0 then.
func (t *tracee) findMain() (uint64, error) {
	th, mem, abi := t.held, memory{t.pid}, t.image.abi
	call, _ := callInstruction(abi)
	size := abi.WordBits() / 8
	r, err := getRegisters(th.tid)
	if err != nil {
		return 0, err
	}
	top, err := mem.read(r.sp(), size)
	if err != nil {
		return 0, err
	}
	argc, argv := word(top, size), r.sp()+uint64(size)
	maps, err := mappings(t.pid)
	if err != nil {
		return 0, err
	}
	isCode := func(addr uint64) bool {
		return slices.ContainsFunc(maps, func(m mapping) bool { return m.code && m.contains(addr) })
	}
	th.how = unix.PTRACE_SINGLESTEP
	defer func() { th.how = 0 }()
	for range maxSteps {
		if p := r.params(abi, mem); p[1] == argc && p[2] == argv && isCode(p[0]) {
			return p[0], nil
		}
		next, err := mem.read(r.pc(), len(call))
		if err != nil || bytes.Equal(next, call) {
			return 0, nil
		}
		t.resume(th)
		if err := t.until(func(_ *thread, e event) bool { return e.kind == gotStep }); err != nil {
			return 0, err
		}
		if r, err = getRegisters(th.tid); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (t *tracee) runToSymbol(name string) (Reached, error) {
	reached := Reached{Name: name}
	if addr, ok := t.image.symbol(name); ok {
		return reached, t.runToAddr(t.bias + addr)
	}
	if err := t.runToEntry(); err != nil { // from here on the libraries are there
		return Reached{}, err
	}
	addrs, err := t.inLibraries(name)
	switch {
	case err != nil:
		return Reached{}, err
	case len(addrs) == 0:
		return Reached{}, fmt.Errorf("%q: %w", name, ErrNoSymbol)
	}
	return reached, t.runToAddr(addrs...)
}

// inLibraries finds a function in the files that are mapped into the process.
func (t *tracee) inLibraries(name string) ([]uint64, error) {
	maps, err := mappings(t.pid)
	if err != nil {
		return nil, err
	}
	var addrs []uint64
	for _, m := range maps {
		if m.offset != 0 || m.name == "" || m.name[0] != '/' {
			continue
		}
		// The file as the process sees it, in its own mount namespace.
		f, err := os.Open(fmt.Sprintf("/proc/%d/root%s", t.pid, m.name))
		if err != nil {
			continue
		}
		if img, err := loadImage(f); err == nil {
			if addr, ok := img.symbol(name); ok {
				addrs = append(addrs, img.bias(m.start)+addr)
			}
		}
		f.Close()
	}
	return slices.Compact(addrs), nil
}

// runAfter counts returned calls from main on.
func (t *tracee) runAfter(p Point) (Reached, error) {
	var reached Reached
	if !t.begun {
		var err error
		if reached, err = t.runToMain(); err != nil {
			return reached, err
		}
	}
	t.how = unix.PTRACE_SYSCALL
	defer func() { t.how = unix.PTRACE_CONT }()
	t.resumeHeld()

	inside := map[int]bool{} // threads that are in such a call
	left := p.After
	var problem error
	err := t.until(func(th *thread, e event) bool {
		if e.kind == gotExec {
			problem = t.load()
			return problem != nil
		}
		if e.kind != gotSyscall || th.process != t.pid {
			return false
		}
		info, errno := sys.PtraceSyscallInfo(th.tid)
		switch {
		case errno != 0:
			problem = fmt.Errorf("PTRACE_GET_SYSCALL_INFO: %w (needs Linux 5.3)", errno)
			return true
		case info.Op == sys.SyscallInfoEntry:
			inside[th.tid] = info.Arch == t.image.abi.Arch() && uint32(info.Data[0]) == p.NR
		case info.Op == sys.SyscallInfoExit && inside[th.tid] && !startsAnew(int64(info.Data[0])):
			left--
		}
		t.held = th
		return left == 0
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return reached, err
	}
	return reached, t.interruptHeld()
}

// startsAnew reports whether a result is one of the kernel's own for a call
// that a signal interrupted and that will be made once more (ERESTARTSYS,
// ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK of linux/errno.h).
func startsAnew(result int64) bool {
	return result == -512 || result == -513 || result == -514 || result == -516
}

// interruptHeld takes the held thread out of the system call at whose exit it
// stopped: on arm64 a register is not itself there.
func (t *tracee) interruptHeld() error {
	th := t.held
	if _, errno := sys.Ptrace(unix.PTRACE_INTERRUPT, th.tid, 0, 0); errno != 0 {
		return errno
	}
	th.how = unix.PTRACE_CONT
	defer func() { th.how = 0 }()
	t.resume(th)
	return t.until(func(other *thread, e event) bool { return other == th && e.kind == gotStop })
}
