//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// firstPIDNamespace is the number of the initial pid namespace
// (PROC_PID_INIT_INO in linux/proc_ns.h).
const firstPIDNamespace = "pid:[4026531836]"

// Recorder records the calls of the threads that it follows. Its methods may
// be called from any goroutine.
type Recorder struct {
	machine
	opts    Options
	version seccomp.Version
	maps    *ebpf.Collection
	links   []link.Link
	cells   []uint32 // shared with the kernel: rows
	tasks   []uint64 // shared with the kernel: entries
	globals []uint64 // shared with the kernel
	events  *ringbuf.Reader

	mu     sync.Mutex
	total  totals
	seeds  seeds
	done   chan struct{} // closed by Close
	ended  sync.WaitGroup
	closed bool
	last   error // of the last poll
	failed error // what cannot be made good any more
}

// Open loads the programs and attaches them. Nothing is followed yet, but a
// mark is looked for from now on.
//
// The error matches os.ErrPermission where privileges are missing, and
// errors.ErrUnsupported where the kernel, or this processor, is not one that
// the recorder runs on.
func Open(o Options) (*Recorder, error) {
	return open(o, defaultSizes, probe)
}

// open lets tests have other maps, and act as on other kernels.
func open(o Options, s sizes, probe func(Options, seccomp.Version) (machine, error)) (*Recorder, error) {
	if o.Mark != 0 && (o.Mark>>32 == 0 || uint32(o.Mark) == 0) {
		return nil, fmt.Errorf("the mark %#x: neither half may be 0", o.Mark)
	}
	version, err := usable()
	if err != nil {
		return nil, err
	}
	m, err := probe(o, version)
	if err != nil {
		return nil, err
	}
	r := &Recorder{machine: m, opts: o, version: version, done: make(chan struct{})}
	if err := r.start(s); err != nil {
		r.release()
		return nil, err
	}
	r.ended.Go(r.poller)
	r.ended.Go(r.waiter)
	return r, nil
}

// usable finds what would make everything else fail in ways that are hard to
// understand.
func usable() (seccomp.Version, error) {
	version, err := kernel.Running()
	if err != nil {
		return version, err
	}
	if version.Compare(seccomp.Version{Major: 5, Minor: 8}) < 0 {
		return version, fmt.Errorf("recording with eBPF needs Linux 5.8, this is %v; use another recorder: %w", version, errors.ErrUnsupported)
	}
	if !capable() {
		return version, fmt.Errorf("recording with eBPF: %w: run as root, or with CAP_BPF and CAP_PERFMON", os.ErrPermission)
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return version, fmt.Errorf("%w: recording needs /proc mounted", err)
	}
	if namespace != firstPIDNamespace {
		return version, fmt.Errorf("recording with eBPF in a pid namespace of its own, where the kernel's ids of processes cannot be known: run it on the host, or in a container with --pid=host: %w", errors.ErrUnsupported)
	}
	if version.Compare(seccomp.Version{Major: 5, Minor: 11}) < 0 {
		if err := rlimit.RemoveMemlock(); err != nil {
			return version, fmt.Errorf("before Linux 5.11 the limit of locked memory holds for eBPF maps, and cannot be raised: start with \"ulimit -l unlimited\" or with CAP_SYS_RESOURCE: %w", err)
		}
	}
	return version, nil
}

// capable reports whether the process has the capabilities for bpf(2).
func capable() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	has := func(c uint) bool { return data[c/32].Effective>>(c%32)&1 == 1 }
	return has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON)
}

// probe describes the running machine.
func probe(o Options, v seccomp.Version) (machine, error) {
	since := func(major, minor int) bool {
		return v.Compare(seccomp.Version{Major: major, Minor: minor}) >= 0
	}
	m := machine{
		arch:    archs[runtime.GOARCH],
		taskBTF: since(5, 11), dead: since(5, 17),
	}
	if !o.NoBTF {
		spec, err := btf.LoadKernelSpec()
		if err == nil {
			m.btf = true
			return m, m.fromBTF(spec)
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, ebpf.ErrNotSupported) {
			return m, fmt.Errorf("the kernel's BTF: %w", err)
		}
	}
	m.taskBTF, m.dead = false, false
	return m, m.fromFormats()
}

// hook is a place in the kernel to which a program is attached.
type hook struct {
	name, group string
	make        func(*machine, Options) asm.Instructions
}

var hooks = []hook{
	{"sched_process_exit", "sched", (*machine).end},
	{"sched_process_exec", "sched", (*machine).exec},
	{"sched_process_fork", "sched", (*machine).fork},
	{sysExitHook, "", (*machine).sysExit},
	{"sys_enter", "", (*machine).sysEnter},
}

const sysExitHook = "sys_exit"

// programs are what to load, by the names of their hooks.
func (m *machine) programs(o Options) map[string]*ebpf.ProgramSpec {
	all := map[string]*ebpf.ProgramSpec{}
	for _, h := range hooks {
		s := &ebpf.ProgramSpec{Name: h.name, License: "Dual MIT/GPL", Instructions: h.make(m, o)}
		switch {
		case m.btf:
			s.Type, s.AttachType, s.AttachTo = ebpf.Tracing, ebpf.AttachTraceRawTp, h.name
		case h.group != "":
			s.Type = ebpf.TracePoint
		default:
			s.Type = ebpf.RawTracepoint
		}
		all[h.name] = s
	}
	return all
}

func (r *Recorder) start(s sizes) error {
	var err error
	if s.tasks == 0 {
		if s.tasks, err = threadIDs(); err != nil {
			return err
		}
	}
	spec := &ebpf.CollectionSpec{Maps: mapSpecsOf(s, r.opts.Arguments), Programs: r.programs(r.opts)}
	if r.maps, err = ebpf.NewCollection(spec); err != nil {
		return explain("load the programs", err)
	}
	if r.cells, err = share[uint32](r.maps.Maps[mapRows], int(s.rows)*rowSize); err != nil {
		return err
	}
	if r.tasks, err = share[uint64](r.maps.Maps[mapTasks], int(s.tasks)*entrySize); err != nil {
		return err
	}
	if r.events, err = ringbuf.NewReader(r.maps.Maps[mapEvents]); err != nil {
		return explain("wait for events", err)
	}
	if r.globals, err = share[uint64](r.maps.Maps[mapGlobals], globalsSize); err != nil {
		return err
	}
	for row := uint32(rowFirst); row < s.rows; row++ {
		if err := r.maps.Maps[mapFree].Put(nil, row); err != nil {
			return explain("prepare the rows", err)
		}
	}
	if r.opts.Arguments {
		for index, spec := range r.argSpecs() {
			if err := r.maps.Maps[mapSpecs].Put(index, spec); err != nil {
				return explain("prepare the arguments", err)
			}
		}
	}
	r.total = newTotals()
	r.seeds = newSeeds()
	return r.attach()
}

// attach connects the programs, those that end something first.
func (r *Recorder) attach() error {
	for _, h := range hooks {
		if h.name == sysExitHook {
			continue
		}
		if err := r.attachTo(h); err != nil {
			return err
		}
	}
	if r.opts.Mark != 0 {
		return r.watch()
	}
	return nil
}

func (r *Recorder) attachTo(h hook) error {
	var (
		l    link.Link
		err  error
		prog = r.maps.Programs[h.name]
	)
	switch {
	case r.btf:
		l, err = link.AttachTracing(link.TracingOptions{Program: prog})
	case h.group != "":
		l, err = link.Tracepoint(h.group, h.name, prog, nil)
	default:
		l, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: h.name, Program: prog})
	}
	if err != nil {
		return explain("attach to "+h.name, err)
	}
	r.links = append(r.links, l)
	return nil
}

// watch has the ends of calls looked at, from the moment on at which a filter
// may be there: only that can stop calls.
func (r *Recorder) watch() error {
	if atomic.LoadUint64(&r.globals[globalWatching/8]) != 0 {
		return nil
	}
	for _, h := range hooks {
		if h.name == sysExitHook {
			if err := r.attachTo(h); err != nil {
				return err
			}
		}
	}
	atomic.StoreUint64(&r.globals[globalWatching/8], 1)
	return nil
}

// waiter watches as soon as a followed thread installs a filter.
func (r *Recorder) waiter() {
	if _, err := r.events.Read(); err != nil {
		return // closed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.failed = errors.Join(r.failed, r.watch())
	}
}

// explain adds to what the kernel refused what to do about it.
func explain(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		var rejected *ebpf.VerifierError
		if !errors.As(err, &rejected) || strings.Contains(err.Error(), "operation not permitted") {
			return fmt.Errorf("%s: %w: run as root of the first user namespace, or with CAP_BPF and CAP_PERFMON; kernel lockdown forbids it too", what, err)
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// share maps the memory of an array into this process.
func share[T uint32 | uint64](m *ebpf.Map, size int) ([]T, error) {
	page := os.Getpagesize()
	pages := (size + page - 1) / page * page
	b, err := unix.Mmap(m.FD(), 0, pages, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, explain("share a map with the kernel", err)
	}
	var word T
	n := int(unsafe.Sizeof(word))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), pages/n)[:size/n], nil
}

// unshare undoes share.
func unshare[T uint32 | uint64](s []T) error {
	if s == nil {
		return nil
	}
	var word T
	return unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), cap(s)*int(unsafe.Sizeof(word))))
}

// Close detaches the programs and frees what the recorder holds. What was
// seen until then is in later snapshots.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.done)
	err := r.events.Close()
	r.mu.Unlock()
	r.ended.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	err = errors.Join(err, r.detach())
	r.last = r.poll()
	return errors.Join(err, r.last, r.release())
}

func (r *Recorder) detach() error {
	var errs []error
	for _, l := range r.links {
		errs = append(errs, l.Close())
	}
	r.links = nil
	return errors.Join(errs...)
}

func (r *Recorder) release() error {
	err := errors.Join(r.detach(), unshare(r.cells), unshare(r.tasks), unshare(r.globals), r.seeds.close())
	r.cells, r.tasks, r.globals = nil, nil, nil
	if r.maps != nil {
		r.maps.Close()
		r.maps = nil
	}
	return err
}
