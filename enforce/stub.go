package enforce

import (
	"slices"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// stub is what runc puts before the filter that libseccomp made: numbers beyond
// the highest that the profile names fail with ENOSYS, so that programs on
// kernels newer than the profile do without newer calls.
//
// Which number is the highest is a matter of the profile and of libseccomp's
// table, and of nothing else: rules count whatever their action, also those that
// say what the default says. (runc, libcontainer/seccomp/patchbpf)
type stub struct {
	sections []section
}

// section is the part of a stub for calls with one AUDIT_ARCH value.
type section struct {
	arch uint32
	// highest are the highest numbers by ABI: two for x86_64 with x32.
	highest map[seccomp.ABI]uint32
}

var noSuchCall = seccomp.ReturnErrno(seccomp.ENOSYS)

// newStub is the stub for the names of a profile on some ABIs.
func newStub(v libseccomp.Version, abis []seccomp.ABI, names []string) stub {
	var s stub
	for _, abi := range abis {
		highest := int32(0)
		for _, name := range names {
			if nr, ok := v.Resolve(abi, name); ok && nr > highest {
				highest = nr
			}
		}
		if highest == 0 {
			continue
		}
		at := slices.IndexFunc(s.sections, func(x section) bool { return x.arch == abi.Arch() })
		if at < 0 {
			at = len(s.sections)
			s.sections = append(s.sections, section{abi.Arch(), map[seccomp.ABI]uint32{}})
		}
		s.sections[at].highest[abi] = uint32(highest)
	}
	return s
}

// answers reports whether a call gets ENOSYS from the stub.
func (s stub) answers(d seccomp.Data) bool {
	for _, x := range s.sections {
		if x.arch == d.Arch {
			return x.answers(d.NR)
		}
	}
	return false
}

func (x section) answers(nr uint32) bool {
	if nr == 0 && x.indirect() {
		return true
	}
	for abi, highest := range x.highest {
		switch {
		case !abi.Shared():
			return nr > highest
		case (nr&seccomp.X32.Base() != 0) == (abi == seccomp.X32):
			return nr > highest
		}
	}
	return false // x86_64 or x32 alone, and a number of the other
}

// indirect reports whether system call 0 is no call but asks for the number in a
// register.
func (x section) indirect() bool {
	return x.arch == seccomp.S390X.Arch() || x.arch == seccomp.S390.Arch()
}

// over is the diagram of the stub before a filter.
func (s stub) over(space *policy.Space, filter policy.Node) policy.Node {
	enosys := space.Return(noSuchCall)
	for _, x := range s.sections {
		set := policy.False
		for abi, highest := range x.highest {
			beyond := space.AtLeast(policy.WordNR, highest+1)
			if abi.Shared() {
				bit := space.Bit(policy.WordNR, 30)
				if abi != seccomp.X32 {
					bit = space.Not(bit)
				}
				beyond = space.And(beyond, bit)
			}
			set = space.Or(set, beyond)
		}
		if x.indirect() {
			set = space.Or(set, space.Equal(policy.WordNR, 0))
		}
		filter = space.IfThenElse(space.And(space.Equal(policy.WordArch, x.arch), set), enosys, filter)
	}
	return filter
}
