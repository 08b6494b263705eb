//go:build amd64 || arm64

package ebpf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func procPath(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// process is a line of the tree of processes.
type process struct{ pid, parent int }

// processes lists those of the machine.
func processes() ([]process, error) {
	pids, err := numbers("/proc")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, pid := range pids {
		fields, err := stat(procPath(pid, "stat"))
		if err != nil {
			continue // it has ended
		}
		parent, _ := strconv.Atoi(fields[1])
		all = append(all, process{pid, parent})
	}
	return all, nil
}

// descendants are the given processes, as far as they are there, and their
// children, and so on.
func descendants(all []process, roots ...int) []int {
	children := map[int][]int{}
	var found []int
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p.pid)
		if slices.Contains(roots, p.pid) {
			found = append(found, p.pid)
		}
	}
	for i := 0; i < len(found); i++ {
		for _, child := range children[found[i]] {
			if !slices.Contains(found, child) {
				found = append(found, child)
			}
		}
	}
	return found
}

// threadIDs is how many ids of threads there can be, as it is set now.
func threadIDs() (uint32, error) {
	const path = "/proc/sys/kernel/pid_max"
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return uint32(n), nil
}

// threads are the ids of the threads of a process. The error matches
// os.ErrNotExist where there is no such process.
func threads(pid int) ([]int, error) {
	tids, err := numbers(procPath(pid, "task"))
	if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) || err == nil && len(tids) == 0 {
		return nil, fmt.Errorf("process %d: %w", pid, os.ErrNotExist)
	}
	return tids, err
}

// numbers are the entries of a directory that are numbers.
func numbers(dir string) ([]int, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	var list []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			list = append(list, n)
		}
	}
	return list, err
}

// stat reads the fields of /proc/PID/stat behind the name, from the state on;
// see proc(5).
func stat(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(text, ')') // the name may have any other
	fields := strings.Fields(string(text[end+1:]))
	const startTimeField = 19
	if end < 0 || len(fields) <= startTimeField {
		return nil, fmt.Errorf("%s: %q", path, text)
	}
	return fields, nil
}

// Flags of a task, of include/linux/sched.h.
const (
	flagIOWorker   = 0x10     // of io_uring, from 5.12
	flagUserWorker = 0x4000   // of io_uring and vhost, from 6.4
	flagKernel     = 0x200000 // a kernel thread
)

// worksForKernel reports whether a thread runs in the kernel only: it makes no
// calls, and what its registers say of the one it is in is not one.
func worksForKernel(task string) bool {
	fields, err := stat(filepath.Join(task, "stat"))
	if err != nil {
		return false
	}
	flags, _ := strconv.ParseUint(fields[6], 10, 64)
	return flags&(flagIOWorker|flagUserWorker|flagKernel) != 0
}

// startTime tells threads apart that have the same id, one after the other.
func startTime(task string) (string, error) {
	fields, err := stat(filepath.Join(task, "stat"))
	if err != nil {
		return "", err
	}
	return fields[19], nil
}

// cgroupProcesses are those of a cgroup and the ones below it. The error
// matches os.ErrNotExist where the cgroup is gone.
func cgroupProcesses(path string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(path, func(dir string, d fs.DirEntry, err error) error {
		if err != nil && dir != path && errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if errors.Is(err, unix.EOPNOTSUPP) { // a cgroup of threads
			text, err = os.ReadFile(filepath.Join(dir, "cgroup.threads"))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return err
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

const atExecFn = 31 // AT_EXECFN

// executable is the path that was given to the exec of a process, from its
// auxiliary vector; that of its file where it cannot be read; "" without one.
func executable(pid int) string {
	auxv, err := os.ReadFile(procPath(pid, "auxv"))
	if err == nil {
		if name, ok := readName(pid, execFn(auxv)); ok {
			return name
		}
	}
	path, err := os.Readlink(procPath(pid, "exe"))
	if err != nil {
		return ""
	}
	return path
}

// execFn finds the address of the name in an auxiliary vector.
func execFn(auxv []byte) uint64 {
	word := 8
	if narrow(auxv) {
		word = 4
	}
	for b := auxv; len(b) >= 2*word; b = b[2*word:] {
		kind, value := littleEndian(b[:word]), littleEndian(b[word:2*word])
		if kind == atExecFn {
			return value
		}
	}
	return 0
}

// narrow reports whether an auxiliary vector has 32-bit words: no 64-bit type
// in it would be plausible then. The architectures here are little-endian.
func narrow(auxv []byte) bool {
	const maxType = 1 << 10
	for b := auxv; len(b) >= 16; b = b[16:] {
		kind := littleEndian(b[:8])
		if kind == 0 {
			break
		}
		if kind >= maxType {
			return true
		}
	}
	return false
}

func littleEndian(b []byte) uint64 {
	var n uint64
	for i, v := range b {
		n |= uint64(v) << (8 * i)
	}
	return n
}

// call is what a thread is doing.
type call struct {
	nr      uint32
	compat  bool // by the 32-bit ABI
	ok      bool // it sleeps in a call
	running bool // it runs, in a call or not
}

// callUnderWay is the call in which a thread sleeps.
func callUnderWay(pid, tid int) call {
	text, err := os.ReadFile(procPath(pid, filepath.Join("task", strconv.Itoa(tid), "syscall")))
	if err != nil {
		return call{}
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	n, err := strconv.ParseUint(word, 10, 32) // "running", or -1 in no call
	if err != nil {
		return call{running: word == "running"}
	}
	auxv, err := os.ReadFile(procPath(pid, "auxv"))
	return call{nr: uint32(n), compat: err == nil && narrow(auxv), ok: true}
}

// readName reads a string of a process that ends with a zero.
func readName(pid int, address uint64) (string, bool) {
	if address == 0 {
		return "", false
	}
	mem, err := os.Open(procPath(pid, "mem"))
	if err != nil {
		return "", false
	}
	defer mem.Close()
	b := make([]byte, unix.PathMax)
	n, _ := mem.ReadAt(b, int64(address))
	name, _, found := bytes.Cut(b[:n], []byte{0})
	return string(name), found && len(name) > 0
}
