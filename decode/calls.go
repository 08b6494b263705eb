package decode

import (
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// A row is a line of calls.txt: what the arguments of a call hold, perhaps on
// some ABIs only, perhaps only for some values of one argument.
type row struct {
	call string
	on   uint32      // the bits 1<<ABI
	when []condition // all must hold
	args []argument
}

// A condition holds where argument arg is one of the values, or (masked) has
// all bits of one. Names are of the group of that argument.
type condition struct {
	arg    int
	masked bool
	names  []string
	values []uint64
}

// An argument is what one argument holds: a group where kind is kindGroup.
// length is the argument that has the number of its bytes or elements, -1
// where there is none.
type argument struct {
	kind   kind
	group  int
	length int
}

// kind is how an argument that is not of a group is written.
type kind uint8

const (
	kindTyped      kind = iota // as its C type says
	kindEnd                    // there are no more arguments
	kindGroup                  // constants
	kindFD                     // a file descriptor
	kindInt                    // signed decimal
	kindUint                   // unsigned decimal
	kindHex                    // hexadecimal
	kindMode                   // permissions
	kindDevice                 // a device number
	kindID                     // a user or group
	kindAddress                // an address that is not followed
	kindString                 // the address of a string
	kindBuffer                 // the address of bytes
	kindStrings                // the address of an array of strings
	kindCount                  // the same, but only counted
	kindSockaddr               // the address of a socket address
	kindVector                 // the address of an array of struct iovec
	kindTimespec               // the address of a struct timespec
	kindTimeval                // the address of a struct timeval
	kindLimits                 // the address of a struct rlimit
	kindProgram                // the address of a struct sock_fprog
	kindOpenHow                // the address of a struct open_how
	kindCloneArgs              // the address of a struct clone_args
	kindSocketcall             // the address of a socketcall's arguments
)

// rowsOf are the rows of a call, in the order of the table.
func rowsOf(call string) []row {
	from, found := slices.BinarySearchFunc(callRows[:], call, func(r row, c string) int { return strings.Compare(r.call, c) })
	if !found {
		return nil
	}
	to := from
	for to < len(callRows) && callRows[to].call == call {
		to++
	}
	return callRows[from:to]
}

// rowFor is the row that says what the arguments hold: the last with
// conditions, all of which hold for the values that arg returns, else the last
// without one. It is nil where the table says nothing.
func rowFor(abi seccomp.ABI, call string, arg func(i int, a argument) (v uint64, known bool)) *row {
	var always, sometimes *row
	rows := rowsOf(call)
	for i := range rows {
		r := &rows[i]
		switch {
		case r.on&(1<<abi) == 0:
		case len(r.when) == 0:
			always = r
		case arg != nil && r.holds(abi, arg):
			sometimes = r
		}
	}
	if sometimes != nil {
		return sometimes
	}
	return always
}

// holds reports whether all conditions of r are known to hold.
func (r *row) holds(abi seccomp.ABI, arg func(i int, a argument) (uint64, bool)) bool {
	for _, c := range r.when {
		if v, known := arg(c.arg, r.args[c.arg]); !known || !c.holds(abi, r.args[c.arg], v) {
			return false
		}
	}
	return true
}

func (c condition) holds(abi seccomp.ABI, a argument, v uint64) bool {
	is := func(want uint64) bool {
		if c.masked {
			return v&want == want
		}
		if a.group >= 0 {
			return groups[a.group].masked(v) == want
		}
		return v == want
	}
	if slices.ContainsFunc(c.values, is) {
		return true
	}
	return slices.ContainsFunc(c.names, func(name string) bool {
		want, ok := groups[a.group].lookup(abi, name)
		return ok && is(want)
	})
}

// masked is the part of v that the first enumeration of g covers: the command
// of a futex operation without its flags.
func (g *group) masked(v uint64) uint64 {
	for _, f := range g.fields {
		if f.shape == shapeEnum {
			return v & f.mask
		}
	}
	return v
}

// argument is what argument i holds; the zero value where nothing is said.
func (r *row) argument(i int) argument {
	if r == nil || i >= len(r.args) {
		if r != nil && len(r.args) > 0 && r.args[len(r.args)-1].kind == kindEnd {
			return argument{kind: kindEnd, group: -1, length: -1}
		}
		return argument{group: -1, length: -1}
	}
	return r.args[i]
}
