package observe

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// ProfileOptions say what profile to make of an observation. The zero value
// makes the least one under which Docker, Podman and containerd can start the
// workload.
type ProfileOptions struct {
	// Runtime is the container runtime under which the profile must work:
	// "runc", "crun", or "none" for a workload that is started without one.
	// "" is what was recorded, where a recording has a Boundary, and both
	// where none has. What the runtime calls behind its filter is added from
	// facts ([RuntimeCalls]) where it was not recorded.
	Runtime string
	// NoNewPrivs says whether the profile must work for containers without
	// no_new_privs (false), or only for those with it (true). nil is as
	// recorded where a recording has a Boundary, and false where none has.
	NoNewPrivs *bool
	// Arguments narrows calls to the values of arguments that were seen.
	Arguments bool
	// AllowDenied allows the calls that a filter stopped while recording.
	AllowDenied bool

	// DefaultAction is what happens to calls that were not seen, other than
	// those to which DenyErrno applies; nil is ERRNO(ENOSYS). ALLOW and
	// NOTIFY cannot be.
	DefaultAction *seccomp.Action
	// DenyErrno is the errno of calls that are known and were not seen, 1 to
	// 4094. 0 is EPERM, or DefaultAction where that is given.
	DenyErrno seccomp.Errno

	// Base is a profile to which only what is missing is added; nil makes
	// one from nothing. BaseEnv is where it stands.
	Base    *profile.Profile
	BaseEnv profile.Env
}

// DefaultActions are the actions that a ProfileOptions.DefaultAction can be, for
// messages.
const DefaultActions = "ERRNO(E...), KILL_PROCESS, KILL_THREAD, TRAP, TRACE or LOG"

// maxErrno is the largest errno that libseccomp takes for a filter.
const maxErrno = 4094

// Check is the error that [Observation.Profile] would have for the options, of
// whatever observation.
func (o ProfileOptions) Check() error {
	if o.DenyErrno > maxErrno {
		return fmt.Errorf("errno %d: want one from 1 to %d", o.DenyErrno, maxErrno)
	}
	if !slices.Contains([]string{"", "runc", "crun", "none"}, o.Runtime) {
		return fmt.Errorf("runtime %q: want runc, crun or none", o.Runtime)
	}
	if o.DefaultAction == nil {
		return nil
	}
	switch a := o.DefaultAction.Canonical(); a.Kind() {
	case seccomp.Allow, seccomp.Notify:
		return fmt.Errorf("default action %v: a profile that lists what is allowed has to stop the rest: want %s", a, DefaultActions)
	case seccomp.Err:
		if a.Data() > maxErrno {
			return fmt.Errorf("default action %v: want an errno from 1 to %d", a, maxErrno)
		}
	}
	return nil
}

// fallback is the action of the profile for all calls that it does not name.
func (o ProfileOptions) fallback() seccomp.Action {
	if o.DefaultAction == nil {
		return seccomp.ReturnErrno(seccomp.ENOSYS)
	}
	return o.DefaultAction.Canonical()
}

// refusal is the action for known calls that were not seen.
func (o ProfileOptions) refusal() seccomp.Action {
	switch {
	case o.DenyErrno != 0:
		return seccomp.ReturnErrno(o.DenyErrno)
	case o.DefaultAction != nil:
		return o.fallback()
	}
	return seccomp.ReturnErrno(seccomp.EPERM)
}

// Draft is a profile made of an observation, with what is to be said about it.
type Draft struct {
	// Profile is the whole document, which engines load as it is.
	Profile *profile.Profile
	// Changes are the differences to the base, sorted; nil without one.
	Changes []Change
	// NoNewPrivs says that containers start under the profile only with
	// no_new_privs ("--security-opt no-new-privileges").
	NoNewPrivs bool
	// Notes are sentences on what the profile cannot hold, or leaves out.
	Notes []string
}

// ErrEmpty is matched by errors that say that nothing was observed.
var ErrEmpty = errors.New("no system call was observed")

// Profile is the least profile that lets the observed workload work.
//
// It allows the calls that were made, and on each ABI through which calls were
// made; a profile speaks of calls by name, so that what was made on one of the
// ABIs is allowed on the others too. The ABI of the machine is always listed.
// What its container runtime calls between the installation of the filter and
// the workload's first instruction is allowed as well, in entries of its own.
//
// All calls that are known and were not seen are listed with ERRNO and EPERM,
// and the default is ENOSYS, which tells programs on newer kernels to do
// without newer calls. Only this way means the same to all: runc answers ENOSYS
// by itself above the highest number in a profile, crun does not; Docker before
// 23.0 does not read the default's errno and takes EPERM, which makes the
// entries with EPERM void, but runc takes its highest number from them all the
// same. The list costs some 5 KB; with a DefaultAction it is left out.
// Apart from them stands clone3, with ENOSYS: where it fails with anything else,
// the C library makes no threads. Not listed are calls that can also be made
// through a multiplexer (socketcall, ipc) that is allowed, because the entry
// would stop that too; they get the default.
//
// With Arguments, calls are allowed with the tuples of values that were seen,
// and get the default action with others. A call whose values were not all
// recorded, or that had more than [MaxValues], is allowed with any, which the
// comment of its entry says.
//
// With a Base, see [ProfileOptions], the profile is the base as a whole with
// the least change under which all that was observed is allowed: see [Change].
//
// The error matches [ErrEmpty], or says which option cannot be, or that the
// recordings are of machines for which one profile cannot be.
func (o Observation) Profile(opts ProfileOptions) (Draft, error) {
	if err := opts.Check(); err != nil {
		return Draft{}, err
	}
	n := o.needs(opts)
	if len(n.calls) == 0 {
		return Draft{Notes: n.notes()}, ErrEmpty
	}
	if err := n.machine(); err != nil {
		return Draft{}, err
	}
	n.addFacts(o, opts)
	if opts.Base != nil {
		return n.onBase(opts)
	}
	p := &profile.Profile{DefaultAction: actionText(opts.fallback()), DefaultErrnoRet: errnoRet(opts.fallback())}
	for _, abi := range n.abis {
		p.Architectures = append(p.Architectures, profile.Text{Value: abi.OCI()})
	}
	p.Syscalls = n.entries(opts)
	p.Syscalls = append(p.Syscalls, n.refusals(opts)...)
	return Draft{Profile: p, NoNewPrivs: n.noNewPrivs, Notes: n.notes()}, nil
}

func actionText(a seccomp.Action) profile.Text {
	return profile.Text{Value: "SCMP_ACT_" + a.KindName()}
}

// errnoRet is the data of an action for which the runtimes take data.
func errnoRet(a seccomp.Action) *profile.Number {
	if k := a.Kind(); k != seccomp.Err && k != seccomp.Trace {
		return nil
	}
	return &profile.Number{Value: uint64(a.Data())}
}

func texts(names []string) []profile.Text {
	out := make([]profile.Text, len(names))
	for i, name := range names {
		out[i].Value = name
	}
	return out
}

// refusals are the entries for calls that were not seen: see
// [Observation.Profile].
func (n *needs) refusals(opts ProfileOptions) []profile.Rule {
	const without = "processes: where there is no such call the C library makes threads with another"
	var out []profile.Rule
	add := func(comment string, a seccomp.Action, names ...string) {
		if len(names) > 0 {
			out = append(out, profile.Rule{Comment: profile.Text{Value: comment}, Names: texts(names), Action: actionText(a), ErrnoRet: errnoRet(a)})
		}
	}
	refusal, enosys := opts.refusal(), seccomp.ReturnErrno(seccomp.ENOSYS)
	if refusal.Kind() == seccomp.Err && refusal != enosys && n.calls["clone3"] == nil {
		add(without, enosys, "clone3")
	}
	if refusal != opts.fallback() {
		add("known, and never seen", refusal, n.unseen()...)
	}
	return out
}

// unseen are the calls that the listed ABIs have and that are not allowed,
// without those that must not be named with others: see [Observation.Profile].
func (n *needs) unseen() []string {
	return slices.DeleteFunc(syscalls.Names(), func(name string) bool {
		direct := false
		for _, abi := range n.abis {
			_, has := syscalls.Number(abi, name)
			direct = direct || has
			if m, ok := syscalls.Through(abi, name); ok && n.calls[m.By] != nil {
				return true
			}
		}
		return !direct || n.calls[name] != nil || name == "clone3"
	})
}

// machine settles the ABIs that the profile lists: those seen, and before them
// the native ones of their machines.
func (n *needs) machine() error {
	seen := n.abis
	n.abis = nil
	for _, abi := range seen {
		for _, a := range []seccomp.ABI{native(abi), abi} {
			if !slices.Contains(n.abis, a) {
				n.abis = append(n.abis, a)
			}
		}
	}
	slices.SortFunc(n.abis, func(a, b seccomp.ABI) int {
		return strings.Compare(nativeFirst(a), nativeFirst(b))
	})
	for _, abi := range n.abis {
		if abi.ByteOrder() != n.abis[0].ByteOrder() {
			return fmt.Errorf("calls of %v and of %v, which no machine makes both: make a profile for each", n.abis[0], abi)
		}
	}
	return nil
}

func nativeFirst(abi seccomp.ABI) string {
	if native(abi) == abi {
		return abi.String()
	}
	return native(abi).String() + " " + abi.String()
}

// native is the ABI of the machine that a program of the given ABI runs on: of
// those with 64 bits where there are such. To list it too is harmless on one of
// 32 bits, which cannot make its calls.
func native(abi seccomp.ABI) seccomp.ABI {
	switch abi {
	case seccomp.X86, seccomp.X32:
		return seccomp.X86_64
	case seccomp.ARM:
		return seccomp.AARCH64
	case seccomp.MIPS, seccomp.MIPS64N32:
		return seccomp.MIPS64
	case seccomp.MIPSEL, seccomp.MIPSEL64N32:
		return seccomp.MIPSEL64
	case seccomp.PARISC:
		return seccomp.PARISC64
	case seccomp.PPC:
		return seccomp.PPC64
	case seccomp.S390:
		return seccomp.S390X
	}
	return abi
}
