package tally

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file tells by which executable a thread makes a call. It is asked at
// each call, in the order of the calls of each thread, and while the thread
// waits for the answer: then its number is its own.
//
// The executable is the path that was given to the exec which made the process
// what it is. The kernel puts that path at the upper end of the new program's
// stack and its address into the auxiliary vector (AT_EXECFN, getauxval(3)), so
// that it can be read at the first call after exec, and in every child that has
// not called exec itself. Where the memory cannot be read, for Yama or because
// the process is not dumpable, it is the file behind /proc/TID/exe, or else not
// known.
//
// What is read is kept for each thread. A thread's number is used again after
// its end, which is seen where the thread calls exit, and found out by Prune
// where a signal ended it. Should a number be used again in between, the calls
// of its new owner count for the old one's executable until its next exec: the
// call is recorded in any case.
//
// The cost of a call of a known thread is two look-ups in maps; of a new thread
// some 10 µs.

// Tasks knows the threads of a workload.
type Tasks struct {
	tally     *Tally
	turns     map[number]turn
	threads   map[int]*process // by thread
	processes map[int]*process // by process
	prunedAt  int              // number of threads that the last Prune has left
	// Linked says that an executable had to be named by its file, as the
	// path that was given to exec could not be read.
	Linked bool
}

type process struct {
	pid       int
	row       *Row
	executing int  // the thread that has called exec; 0 where none has
	over      bool // it has called exit_group, so that its other threads may belong to another soon
}

// NewTasks returns Tasks that know no thread yet.
func NewTasks(t *Tally) *Tasks {
	return &Tasks{tally: t, turns: callTurns(), threads: map[int]*process{}, processes: map[int]*process{}}
}

// Row is the row of the executable by which a thread makes a call.
func (t *Tasks) Row(tid int, d *seccomp.Data) *Row {
	p := t.threads[tid]
	if p == nil || p.over {
		p = t.adopt(tid)
	}
	if p.executing != 0 {
		t.settle(p, tid)
	}
	row := p.row
	switch t.turns[number{d.Arch, d.NR}] {
	case execs:
		p.executing = tid
	case exits:
		delete(t.threads, tid)
	case exitsGroup:
		p.over = true
		delete(t.threads, tid)
		delete(t.processes, p.pid)
	}
	return row
}

// Executes reports whether a call executes another program, if it succeeds.
func (t *Tasks) Executes(d *seccomp.Data) bool { return t.turns[number{d.Arch, d.NR}] == execs }

// RowNow is the row of the executable that a thread's process has at this
// moment. It is for those who are not asked about each call, and so would miss
// an exec.
func (t *Tasks) RowNow(tid int) *Row { return t.tally.Row(t.executable(tid)) }

// adopt deals with a thread that is new.
func (t *Tasks) adopt(tid int) *process {
	if len(t.threads) > 2*t.prunedAt+1024 {
		t.Prune()
	}
	pid := Process(tid)
	p := t.processes[pid]
	if p == nil || tid == pid { // of that number there may have been another
		p = &process{pid: pid, row: t.tally.Row(t.executable(tid))}
		t.processes[pid] = p
	}
	t.threads[tid] = p
	return p
}

// settle deals with the first call behind an exec, which may have failed. That
// the thread that called it makes another call, or is gone, says that exec is
// over: a thread that succeeds takes the number of the process. The first
// thread of a process may go on for a while when another has called exec.
func (t *Tasks) settle(p *process, tid int) {
	if tid != p.executing && tid != p.pid {
		return
	}
	if tid == p.executing || !exists(p.executing) {
		p.executing = 0
	}
	p.row = t.tally.Row(t.executable(tid))
}

// Prune forgets threads that are gone, and returns how many processes are left
// of those that have made a call.
func (t *Tasks) Prune() int {
	for tid := range t.threads {
		if !exists(tid) {
			delete(t.threads, tid)
		}
	}
	for pid := range t.processes {
		if !exists(pid) {
			delete(t.processes, pid)
		}
	}
	t.prunedAt = len(t.threads)
	return len(t.processes)
}

func (t *Tasks) executable(tid int) string {
	if path, err := execPath(tid); err == nil && path != "" {
		return path
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", tid))
	if err != nil {
		return ""
	}
	t.Linked = true
	return path
}

func exists(tid int) bool {
	_, err := os.Lstat("/proc/" + strconv.Itoa(tid))
	return err == nil
}

// Process is the process that a thread belongs to: itself where that cannot
// be read.
func Process(tid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	_, rest, _ := strings.Cut(string(text), "\nTgid:")
	line, _, _ := strings.Cut(rest, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return tid
	}
	return pid
}

// maxPath is PATH_MAX, with the zero byte.
const maxPath = 4096

// execPath is the path that was given to the exec of a thread's process.
func execPath(tid int) (string, error) {
	auxv, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", tid))
	if err != nil {
		return "", err
	}
	at := auxValue(auxv, auxExecFn)
	var path []byte
	for len(path) < maxPath {
		// Not beyond the page: the next one may not be there.
		chunk := make([]byte, maxPath-at%maxPath)
		n, err := sys.ReadMemory(tid, chunk, at)
		if err != nil {
			return "", err
		}
		path = append(path, chunk[:n]...)
		if end := bytes.IndexByte(path, 0); end >= 0 {
			return string(path[:end]), nil
		}
		at += uint64(n)
	}
	return "", unix.ENAMETOOLONG
}

// auxExecFn is AT_EXECFN of linux/auxvec.h.
const auxExecFn = 31

// auxValue is a value of an auxiliary vector, whose words are those of the
// program: no key is so large that the upper half of 64 bits is used, but two
// words of 32 bits look like that.
func auxValue(auxv []byte, key uint64) uint64 {
	size := 8
	if len(auxv) < 8 || binary.NativeEndian.Uint64(auxv)>>32 != 0 {
		size = 4
	}
	word := func(b []byte) uint64 {
		if size == 4 {
			return uint64(binary.NativeEndian.Uint32(b))
		}
		return binary.NativeEndian.Uint64(b)
	}
	for ; len(auxv) >= 2*size; auxv = auxv[2*size:] {
		if word(auxv) == key {
			return word(auxv[size:])
		}
	}
	return 0
}

// turn is what a call means for the thread that makes it.
type turn uint8

const (
	goesOn turn = iota
	execs
	exits
	exitsGroup
)

// callTurns are the calls after which a thread is not what it was, on every
// ABI.
func callTurns() map[number]turn {
	all := map[number]turn{}
	for _, abi := range seccomp.ABIs() {
		for name, what := range map[string]turn{"execve": execs, "execveat": execs, "exit": exits, "exit_group": exitsGroup} {
			if nr, ok := syscalls.Number(abi, name); ok {
				all[number{abi.Arch(), nr}] = what
			}
		}
	}
	return all
}
