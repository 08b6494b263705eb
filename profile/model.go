package profile

import "github.com/callgate/callgate/seccomp"

// Profile is a document as it is written: nothing is resolved, and every
// value knows where it stands. It holds the keys of all dialects (Docker's
// profiles, those of containers/common, the OCI runtime specification's
// linux.seccomp); which of them count is the reader's matter, see
// [Profile.Resolve].
//
// A key that is absent, or null, leaves the zero value, and a nil slice or
// pointer; an empty list is a slice of length 0 that is not nil.
type Profile struct {
	File string
	At   Pos

	DefaultAction    Text
	DefaultErrnoRet  *Number
	DefaultErrno     Text // containers/common: a number or the name of an errno
	Architectures    []Text
	ArchMap          []ArchMap
	Flags            []Text
	ListenerPath     Text
	ListenerMetadata Text
	Syscalls         []Rule

	// Code is set for a profile that is no document but made by an engine's
	// code, as containerd's is: its conditions hold for every engine, even for
	// one that reads none in documents.
	Code bool

	// None is set for a document that holds no profile at all: null, or a
	// config.json without linux.seccomp.
	None bool
}

// Text is a string of a document.
type Text struct {
	Value string
	At    Pos
}

// Number is a number of a document.
type Number struct {
	Value uint64
	At    Pos
}

// ArchMap is an entry of archMap: on a machine of Architecture the profile
// stands for SubArchitectures, too.
type ArchMap struct {
	At               Pos
	Architecture     Text
	SubArchitectures []Text
}

// Rule is an entry of syscalls.
type Rule struct {
	At       Pos
	Null     bool // the document says null where a rule should be
	Name     Text // deprecated form of Names, Docker and containers/common
	Names    []Text
	Action   Text
	ErrnoRet *Number
	Errno    Text // containers/common
	Args     []Arg
	Comment  Text
	Includes *Filter
	Excludes *Filter
}

// Arg is a condition on an argument, an entry of args.
type Arg struct {
	At       Pos
	Null     bool
	Index    Number
	Value    Number
	ValueTwo Number
	Op       Text
}

// Filter says for which containers and machines a rule stands (includes) or
// does not stand (excludes).
type Filter struct {
	At        Pos
	Caps      []Text
	Arches    []Text
	MinKernel *MinKernel
}

// MinKernel is a condition on the kernel of the machine. Docker reads the
// empty string as a version that every kernel has: the zero Version.
type MinKernel struct {
	Text
	Version seccomp.Version
}
