package libseccomp

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Filter is a filter context of libseccomp (scmp_filter_ctx). It is not safe
// for concurrent use, except that Decide and Build only read.
type Filter struct {
	version  Version
	native   seccomp.ABI
	fallback seccomp.Action
	badABI   seccomp.Action
	optimize int
	skip     bool // rules for -1 are taken
	abis     []*section
	notes    []Note
	broken   *Error                  // the error that ended all: ErrHangs
	program  atomic.Pointer[program] // of the rules so far
}

// A section is the calls of one ABI.
type section struct {
	abi     seccomp.ABI
	entries map[int32]*entry
}

// An entry is the rules of one call.
type entry struct {
	nr     int32
	always *leaf   // an unconditional rule
	tree   exit    // the conditional ones
	nodes  int     // of the tree, as the library counts them
	rules  []*Rule // of the tree
}

// New returns the filter that seccomp_init(3) makes on a machine of the native
// ABI: it has that ABI, and answers fallback where no rule does.
func New(v Version, native seccomp.ABI, fallback seccomp.Action) (*Filter, error) {
	switch {
	case !v.Valid():
		return nil, refuse(syscall.EINVAL, "no such version: want one of %v", Versions())
	case !v.Supports(native):
		return nil, refuse(syscall.EINVAL, "version %v does not know the architecture %v", v, native)
	case !validAction(fallback):
		return nil, refuse(syscall.EINVAL, "%v cannot be the default action", fallback)
	}
	f := &Filter{version: v, native: native, fallback: fallback, badABI: seccomp.KillThread, optimize: 1}
	f.abis = append(f.abis, newSection(native))
	return f, nil
}

func newSection(abi seccomp.ABI) *section {
	return &section{abi: abi, entries: map[int32]*entry{}}
}

// Version is the release that f models.
func (f *Filter) Version() Version { return f.version }

// ABIs are the ABIs of f in the order in which they were added.
func (f *Filter) ABIs() []seccomp.ABI {
	var abis []seccomp.ABI
	for _, s := range f.abis {
		abis = append(abis, s.abi)
	}
	return abis
}

func (f *Filter) section(abi seccomp.ABI) int {
	return slices.IndexFunc(f.abis, func(s *section) bool { return s.abi == abi })
}

// AddABI adds an ABI, without rules: seccomp_arch_add(3). It fails with EEXIST
// where f has it, EDOM where its byte order is not that of the others, and
// EINVAL where the release does not know it.
func (f *Filter) AddABI(abi seccomp.ABI) error {
	switch {
	case !f.version.Supports(abi):
		return refuse(syscall.EINVAL, "version %v does not know the architecture %v", f.version, abi)
	case f.section(abi) >= 0:
		return refuse(syscall.EEXIST, "the filter has the architecture %v already", abi)
	case len(f.abis) > 0 && f.abis[0].abi.ByteOrder() != abi.ByteOrder():
		return refuse(syscall.EDOM, "%v and %v differ in byte order: they need a filter each", f.abis[0].abi, abi)
	}
	f.program.Store(nil)
	f.abis = append(f.abis, newSection(abi))
	return nil
}

// RemoveABI removes an ABI with its rules: seccomp_arch_remove(3). It fails with
// EEXIST where f does not have it.
func (f *Filter) RemoveABI(abi seccomp.ABI) error {
	i := f.section(abi)
	if i < 0 {
		return refuse(syscall.EEXIST, "the filter does not have the architecture %v", abi)
	}
	f.program.Store(nil)
	f.abis = slices.Delete(f.abis, i, i+1)
	return nil
}

func errNoABI() *Error {
	return refuse(syscall.EINVAL, "the filter has no architecture: add one")
}

// SetBadABI sets the action for calls through other ABIs, KILL_THREAD unless
// set: SCMP_FLTATR_ACT_BADARCH.
func (f *Filter) SetBadABI(a seccomp.Action) error {
	if len(f.abis) == 0 {
		return errNoABI()
	}
	if !validAction(a) {
		return refuse(syscall.EINVAL, "%v cannot be the action for other architectures", a)
	}
	f.program.Store(nil)
	f.badABI = a
	return nil
}

// SetOptimize sets how the program finds a call: 1, one after the other, or 2,
// by a binary tree (SCMP_FLTATR_CTL_OPTIMIZE). In a tree no section is dead.
func (f *Filter) SetOptimize(level int) error {
	if len(f.abis) == 0 {
		return errNoABI()
	}
	if level != 1 && level != 2 {
		return refuse(syscall.EOPNOTSUPP, "no optimization level %d: want 1 or 2", level)
	}
	f.program.Store(nil)
	f.optimize = level
	return nil
}

// SetSkip makes f take rules for the number -1, which a tracer sets to skip a
// call: SCMP_FLTATR_API_TSKIP.
func (f *Filter) SetSkip(on bool) { f.skip = on }

// pseudo reports whether no code is made for e.
func (e *entry) pseudo() bool { return e.nr < -1 }

// ordered are the entries of sections in the order in which the program tries
// them: those with the fewest tests first, then by section, then by number.
func ordered(sections ...*section) []*entry {
	var all []*entry
	for _, s := range sections {
		all = append(all, slices.SortedFunc(maps.Values(s.entries), func(a, b *entry) int {
			return cmp.Compare(uint32(a.nr), uint32(b.nr))
		})...)
	}
	slices.SortStableFunc(all, func(a, b *entry) int { return cmp.Compare(a.nodes, b.nodes) })
	return all
}

// A part is what one AUDIT_ARCH value of the program leads to.
type part struct {
	arch    uint32
	entries []*entry
	// alone is set where one of x86_64 and x32 is there: calls with the
	// numbers of the other get the action for other ABIs.
	alone seccomp.ABI
	// dead is set where the number is never loaded, so that numbers are
	// compared with arch.
	dead bool
}

// parts divides f as its program does. x86_64 and x32 share one value.
func (f *Filter) parts() []part {
	var parts []part
	for _, s := range f.abis {
		if s.abi == seccomp.X32 && f.section(seccomp.X86_64) >= 0 {
			continue
		}
		p := part{arch: s.abi.Arch()}
		if i := f.section(seccomp.X32); s.abi == seccomp.X86_64 && i >= 0 {
			p.entries = ordered(s, f.abis[i])
		} else {
			p.entries = ordered(s)
			if s.abi.Shared() {
				p.alone = s.abi
			}
		}
		if f.optimize == 2 {
			slices.SortStableFunc(p.entries, func(a, b *entry) int { return cmp.Compare(uint32(b.nr), uint32(a.nr)) })
		}
		p.dead = f.optimize == 1 && p.alone == 0 && len(p.entries) > 0 && p.entries[0].pseudo()
		parts = append(parts, p)
	}
	return parts
}

// A spot is a number under which a rule is kept, with the rule's conditions.
type spot struct {
	s     *section
	nr    int32
	args  []Arg
	muxed bool
}

// targets are the numbers for which a call has rules on an ABI.
func (f *Filter) targets(s *section, r *Rule) ([]spot, *Error) {
	if r.Name == "" {
		return f.byNumber(s, r)
	}
	name := r.Name
	if s.abi != f.native {
		name = f.version.translated(f.native, name)
	}
	direct := spot{s, f.version.direct(s.abi, factOf(name)), r.Args, false}
	if !multiplexes(s.abi) {
		return []spot{direct}, nil
	}
	m, ok := syscalls.Through(s.abi, name)
	if !ok && direct.nr < 0 {
		return nil, nil
	}
	if !ok {
		return []spot{direct}, nil
	}
	args := []Arg{{Index: 0, Op: EQ, Value: uint64(m.Call)}}
	for _, a := range r.Args {
		if a.Index != 0 {
			args = append(args, a)
		}
	}
	return []spot{{s, int32(m.Number), args, true}, direct}, nil
}

// byNumber finds the name of a number of the native ABI, to look it up on
// others.
func (f *Filter) byNumber(s *section, r *Rule) ([]spot, *Error) {
	for _, name := range syscalls.Names() {
		if nr, ok := f.version.Resolve(f.native, name); ok && nr == r.Number {
			named := *r
			named.Name = name
			return f.targets(s, &named)
		}
	}
	if s.abi == f.native || r.Number == -1 {
		return []spot{{s, r.Number, r.Args, false}}, nil
	}
	return nil, refuse(syscall.EFAULT, "no name is known for the number, to find that of %v", s.abi)
}
