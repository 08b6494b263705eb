//go:build amd64 || arm64 || 386

package tracee

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/sys"
)

// memory is the memory of a process, by addresses. It can be read from any
// thread.
type memory struct{ pid int }

// ReadAt implements io.ReaderAt.
func (m memory) ReadAt(p []byte, addr int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := sys.ReadMemory(m.pid, p, uint64(addr))
	if err == nil && n < len(p) {
		err = unix.EFAULT
	}
	if err == unix.ENOSYS { // built without CONFIG_CROSS_MEMORY_ATTACH
		return m.readFile(p, addr)
	}
	return max(n, 0), err
}

func (m memory) readFile(p []byte, addr int64) (int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", m.pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(p, addr)
}

// read is n bytes of memory.
func (m memory) read(addr uint64, n int) ([]byte, error) {
	p := make([]byte, n)
	if _, err := m.ReadAt(p, int64(addr)); err != nil {
		return nil, fmt.Errorf("read %d bytes of process %d at %#x: %w", n, m.pid, addr, err)
	}
	return p, nil
}

// words32 is three words of 32 bits; zeros where they cannot be read.
func (m memory) words32(addr uint64) (words [3]uint64) {
	if p, err := m.read(addr, 12); err == nil {
		for i := range words {
			words[i] = uint64(binary.NativeEndian.Uint32(p[4*i:]))
		}
	}
	return words
}

// write changes memory, code too, of a thread that is held. Only the tracer's
// thread may call it.
func write(tid int, addr uint64, p []byte) error {
	if _, err := unix.PtracePokeData(tid, uintptr(addr), p); err != nil {
		return fmt.Errorf("write %d bytes of thread %d at %#x: %w", len(p), tid, addr, err)
	}
	return nil
}

// mapping is a line of /proc/PID/maps.
type mapping struct {
	start, end uint64
	offset     uint64
	code       bool // may be executed
	name       string
}

func (m mapping) contains(addr uint64) bool { return m.start <= addr && addr < m.end }

func mappings(pid int) ([]mapping, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	var list []mapping
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var m mapping
		var perms, device string
		var inode uint64
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s %x %s %d", &m.start, &m.end, &perms, &m.offset, &device, &inode); n < 6 {
			return nil, fmt.Errorf("line %q of the mappings of process %d has another form than expected", lines.Text(), pid)
		}
		// The name is what stands behind the five blanks, blanks and all.
		if fields := strings.SplitN(lines.Text(), " ", 6); len(fields) == 6 {
			m.name = strings.TrimLeft(fields[5], " ")
		}
		m.code = strings.Contains(perms, "x")
		list = append(list, m)
	}
	return list, lines.Err()
}

// auxEntry is AT_ENTRY of linux/auxvec.h.
const auxEntry = 9

// entryPoint is the address of the program's entry point in a process, which
// the kernel hands to the dynamic loader.
func entryPoint(pid, wordSize int) (uint64, error) {
	aux, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return 0, err
	}
	for len(aux) >= 2*wordSize {
		if word(aux, wordSize) == auxEntry {
			return word(aux[wordSize:], wordSize), nil
		}
		aux = aux[2*wordSize:]
	}
	return 0, fmt.Errorf("process %d has no entry point in /proc/%[1]d/auxv", pid)
}

func word(p []byte, size int) uint64 {
	if size == 4 {
		return uint64(binary.NativeEndian.Uint32(p))
	}
	return binary.NativeEndian.Uint64(p)
}

// threadCount is how many threads a process has.
func threadCount(pid int) (int, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(tasks), err
}

// processOf is the process that a thread belongs to; 0 where it is gone.
func processOf(tid int) int {
	pid, _ := strconv.Atoi(statusLine(tid, "Tgid"))
	return pid
}

// catches reports whether a process has a handler for a signal.
func catches(tid int, signal unix.Signal) bool {
	caught, _ := strconv.ParseUint(statusLine(tid, "SigCgt"), 16, 64)
	return caught>>(signal-1)&1 == 1
}

// statusLine is a value of /proc/TID/status.
func statusLine(tid int, key string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	_, rest, _ := strings.Cut(string(text), "\n"+key+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
