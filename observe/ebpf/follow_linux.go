//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/kernel"
)

// seeds are what user space keeps of how following began.
type seeds struct {
	rows       map[string]uint32
	namespaces map[uint64]*os.File // held open, so that no other gets the number
	cgroups    []string            // looked through again once a second
	limits     []string
}

func newSeeds() seeds {
	return seeds{rows: map[string]uint32{}, namespaces: map[uint64]*os.File{}}
}

func (s *seeds) close() error {
	var errs []error
	for _, f := range s.namespaces {
		errs = append(errs, f.Close())
	}
	s.namespaces = nil
	return errors.Join(errs...)
}

// limit adds a sentence once.
func (s *seeds) limit(sentence string) {
	if !slices.Contains(s.limits, sentence) {
		s.limits = append(s.limits, sentence)
	}
}

// FollowStart follows a process that is held before its first instruction, and
// all that it starts. The error matches os.ErrNotExist where there is none.
func (r *Recorder) FollowStart(pid int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errClosed
	}
	_, err := r.seed(pid, stateIn)
	return err
}

// FollowProcess follows a process that runs: all its threads and descendants,
// and whatever they start, except for the process that records. The call in
// which a thread sleeps counts; one on which it works at that moment may be
// missed. The error matches os.ErrNotExist where there
// is no such process, and ErrKernelThread where it is the kernel's.
func (r *Recorder) FollowProcess(pid int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errClosed
	}
	if worksForKernel(procPath(pid, "")) {
		return fmt.Errorf("process %d %w", pid, ErrKernelThread)
	}
	return r.seedAll(func() ([]int, error) {
		all, err := processes()
		self := os.Getpid()
		return slices.DeleteFunc(descendants(all, pid), func(pid int) bool { return pid == self }), err
	})
}

// FollowContainer follows the processes of a running container, their
// descendants and whatever lives in their mount namespaces, and who joins one
// of those later, at its first exec there (docker exec). The error matches
// os.ErrNotExist where none of the processes exists.
func (r *Recorder) FollowContainer(pids []int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errClosed
	}
	if err := r.watch(); err != nil { // those who join may be under a filter
		return err
	}
	for _, pid := range pids {
		if err := r.want(pid); err != nil {
			return err
		}
	}
	return r.seedAll(func() ([]int, error) {
		all, err := processes()
		found := descendants(all, pids...)
		for _, p := range all {
			if ino, ok := namespace(p.pid); ok && r.seeds.namespaces[ino] != nil && !slices.Contains(found, p.pid) {
				found = append(found, p.pid)
			}
		}
		return found, err
	})
}

// want has newcomers to the mount namespace of a process followed.
func (r *Recorder) want(pid int) error {
	f, err := os.Open(procPath(pid, "ns/mnt"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // it has ended
	} else if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return err
	}
	own, _ := namespace(os.Getpid())
	switch {
	case r.seeds.namespaces[st.Ino] != nil:
		return f.Close()
	case st.Ino == own:
		r.seeds.limit("The container shares the host's mount namespace: processes that join it later are not followed.")
		return f.Close()
	case !r.btf:
		r.seeds.limit("No BTF: processes that join the container later are not followed.")
		return f.Close()
	}
	if err := r.maps.Maps[mapWanted].Put(uint32(st.Ino), uint32(1)); err != nil {
		f.Close()
		return explain("follow a mount namespace", err)
	}
	r.seeds.namespaces[st.Ino] = f
	atomic.AddUint64(&r.globals[globalWanted/8], 1)
	return nil
}

// namespace is the number of the mount namespace of a process.
func namespace(pid int) (uint64, bool) {
	var st unix.Stat_t
	if err := unix.Stat(procPath(pid, "ns/mnt"), &st); err != nil {
		return 0, false
	}
	return st.Ino, true
}

// FollowCgroup follows the processes of a cgroup, by its directory, and of the
// cgroups below it. Who is put into it later is followed from its next exec or
// within a second, and at a cgroup of version 1 within a second.
func (r *Recorder) FollowCgroup(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errClosed
	}
	if _, err := os.Stat(filepath.Join(path, "cgroup.procs")); err != nil {
		return fmt.Errorf("%s is not the directory of a cgroup: %w", path, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	if err := r.watch(); err != nil { // those who join may be under a filter
		return err
	}
	r.seeds.limit("A process that is moved into the cgroup without an exec is followed within a second.")
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		if err := r.wantCgroup(path); err != nil {
			return err
		}
	}
	r.seeds.cgroups = append(r.seeds.cgroups, path)
	return r.rescan()
}

// wantCgroup has newcomers followed at their exec. There is one place for it:
// of several cgroups the others are looked through only.
func (r *Recorder) wantCgroup(path string) error {
	if atomic.LoadUint64(&r.globals[globalCgroup/8]) != 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.maps.Maps[mapCgroups].Put(uint32(0), uint32(f.Fd())); err != nil {
		return explain("follow a cgroup", err)
	}
	atomic.StoreUint64(&r.globals[globalCgroup/8], 1)
	return nil
}

// rescan follows what the cgroups have now.
func (r *Recorder) rescan() error {
	for _, path := range r.seeds.cgroups {
		err := r.seedAll(func() ([]int, error) { return cgroupProcesses(path) })
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// seedAll follows the processes of a list, which is made again until nothing
// in it is new: whoever was started between was started by somebody who is
// followed by now. It is an error where the first list has no process alive.
func (r *Recorder) seedAll(list func() ([]int, error)) error {
	for first := true; ; first = false {
		pids, err := list()
		if err != nil {
			return err
		}
		alive, added := 0, 0
		for _, pid := range pids {
			n, err := r.seed(pid, stateUnknown)
			if errors.Is(err, os.ErrNotExist) {
				continue
			} else if err != nil {
				return err
			}
			alive++
			added += n
		}
		if first && alive == 0 {
			return fmt.Errorf("there is no such process: %w", os.ErrNotExist)
		}
		if added == 0 {
			return nil
		}
	}
}

// seed follows all threads of a process that are not followed yet, and
// returns how many those were.
func (r *Recorder) seed(pid int, state uint16) (int, error) {
	added := 0
	for {
		tids, err := threads(pid)
		if err != nil {
			return added, err
		}
		before := added
		for _, tid := range tids {
			ok, err := r.seedThread(pid, tid, state)
			if err != nil {
				return added, err
			}
			if ok {
				added++
			}
		}
		if added == before {
			return added, nil
		}
		if before == 0 {
			r.noteProcess(pid)
		}
	}
}

// noteProcess counts a process that is followed as it is.
func (r *Recorder) noteProcess(pid int) {
	status, err := kernel.ReadStatus(pid)
	if err != nil {
		return
	}
	if status.NoNewPrivs {
		atomic.AddUint64(&r.globals[globalPrivsNo/8], 1)
	}
	atomic.AddUint64(&r.globals[globalWorkloads/8], 1)
}

// seedThread follows a thread, unless it is followed. An id that another
// thread has by then does not stay in the map.
func (r *Recorder) seedThread(pid, tid int, state uint16) (bool, error) {
	task := procPath(pid, filepath.Join("task", strconv.Itoa(tid)))
	began, err := startTime(task)
	if err != nil {
		return false, nil // it has ended
	}
	if worksForKernel(task) {
		return false, nil
	}
	if tid >= len(r.tasks) {
		atomic.AddUint64(&r.globals[globalTasksFull/8], 1)
		return false, nil
	}
	if atomic.LoadUint64(&r.tasks[tid]) != 0 {
		return false, nil
	}
	if status, err := kernel.ReadStatus(tid); err == nil && status.Mode != kernel.ModeDisabled {
		if err := r.watch(); err != nil {
			return false, err
		}
	}
	row, err := r.row(executable(pid))
	if err != nil {
		return false, err
	}
	before := callUnderWay(pid, tid)
	if !atomic.CompareAndSwapUint64(&r.tasks[tid], 0, newEntry(row, state)) {
		return false, nil
	}
	atomic.AddUint64(&r.globals[globalAlive/8], 1)
	now, err := startTime(task)
	if err == nil && now == began {
		if state == stateUnknown {
			r.noteCall(row, r.underWay(pid, tid, before))
		}
		return true, nil
	}
	if atomic.SwapUint64(&r.tasks[tid], 0) != 0 {
		atomic.AddUint64(&r.globals[globalAlive/8], ^uint64(0))
	}
	return false, nil
}

// settling is for how many milliseconds a thread that runs, perhaps on its way
// into a call, is looked at again.
const settling = 20

// underWay is the call that a thread was in when it began to be followed, of
// which it was in another one just before. As long as its entry is as it was
// made, no call of it was counted: the one in which it sleeps began before.
func (r *Recorder) underWay(pid, tid int, before call) call {
	for range settling {
		now := callUnderWay(pid, tid)
		switch {
		case stateOf(atomic.LoadUint64(&r.tasks[tid])) != stateUnknown:
			return before
		case !now.running:
			return now
		}
		time.Sleep(time.Millisecond)
	}
	return before
}

// noteCall counts a call that began before it could be counted, if it is one.
func (r *Recorder) noteCall(row uint32, under call) {
	if !under.ok {
		return
	}
	k := oddKey{Row: row, NR: under.nr}
	if under.compat {
		k.Kind = kindCompat
	}
	c := r.total.underway[k]
	if c == nil {
		c = &cellTotal{first: time.Now().UnixNano()}
		r.total.underway[k] = c
	}
	c.count++
	c.last = time.Now().UnixNano()
}

// row is that of an executable, as the programs find it.
func (r *Recorder) row(path string) (uint32, error) {
	if path == "" {
		return rowUnknown, nil
	}
	if row, ok := r.seeds.rows[path]; ok {
		return row, nil
	}
	var name [nameSize]byte
	copy(name[:nameSize-1], path)
	names, free := r.maps.Maps[mapNames], r.maps.Maps[mapFree]
	var row uint32
	if names.Lookup(name, &row) == nil {
		r.seeds.rows[path] = row
		return row, nil
	}
	if err := free.LookupAndDelete(nil, &row); err != nil {
		atomic.AddUint64(&r.globals[globalRowsOut/8], 1)
		return rowUnknown, nil
	}
	err := names.Update(name, row, ebpf.UpdateNoExist)
	if errors.Is(err, ebpf.ErrKeyExist) { // executed just now
		return r.otherRow(name, row)
	} else if err != nil {
		return 0, explain("name a row", err)
	}
	atomic.AddUint64(&r.globals[globalRows/8], 1)
	r.seeds.rows[path] = row
	return row, nil
}

// otherRow gives a row back and takes the one that has the name.
func (r *Recorder) otherRow(name [nameSize]byte, unused uint32) (uint32, error) {
	var row uint32
	err := errors.Join(r.maps.Maps[mapFree].Put(nil, unused), r.maps.Maps[mapNames].Lookup(name, &row))
	return row, err
}
