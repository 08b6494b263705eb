package observe

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// ReadAudit reads what the kernel's audit subsystem logged of system calls:
// records of type SECCOMP (1326), which it writes for calls that a filter
// answers LOG to, or that it stops if told so, and of type SYSCALL (1300), for
// rules of auditctl. They may be in the form of auditd's log, of ausearch with
// or without -i, or of the kernel's log with anything before them, as dmesg and
// journald print it. Lines of other records are skipped. name is that of the
// log in errors. A log that is read again is the same recording.
//
// The log tells which program ran and not what was given to exec: Executable is
// its path with all links followed. What the kernel says that it dropped
// counts as Lost; that nothing was dropped the log does not prove.
//
// The error is a *[SyntaxError], for a record that cannot be used and for a
// log without any, or that of r.
func ReadAudit(name string, r io.Reader) (Observation, error) {
	a := &audit{stopped: map[string]bool{}}
	out, err := readLog(name, "audit", r, a.line)
	if err != nil {
		return Observation{}, err
	}
	if len(a.calls) == 0 {
		return Observation{}, &SyntaxError{File: name, Line: 1, Column: 1, Err: errors.New("no line of the file is a record of type SECCOMP or SYSCALL")}
	}
	out.Start, out.End, out.Calls = a.start, a.end, a.calls
	out.Lost = a.lost + a.suppressed
	out.Limits = []string{"the kernel's audit log has only what filters and rules told it to log, and drops records where there are too many"}
	return observed(out), nil
}

// audit is a log that is being read.
type audit struct {
	calls            map[Key]Seen
	start, end       int64
	lost, suppressed uint64
	// stopped are the events, by what is in the brackets of audit(...), in
	// which a filter stopped the call: their SYSCALL records tell of no call.
	stopped map[string]bool
}

// record is a line: fields by name, each with where it stands.
type record struct {
	cursor
	event  string // what stands in the brackets of audit(...)
	fields map[string]field
}

// field is what stands behind "=", and where it begins.
type field struct {
	value string
	at    int
}

// line reads one line.
func (a *audit) line(_ int, text string) error {
	a.dropped(text)
	r := record{cursor: cursor{line: text}, fields: map[string]field{}}
	kind := r.kind()
	if kind == "" {
		return nil
	}
	r.read()
	key, err := r.key()
	if err != nil {
		return err
	}
	at := eventTime(r.event)
	a.start, a.end = earliest(a.start, at), max(a.end, at)
	seen := Seen{Count: 1, First: at, Last: at}
	if kind == "SECCOMP" {
		allows, err := r.allows()
		if err != nil {
			return err
		}
		if !allows {
			seen.Count, seen.Denied = 0, 1
			a.stopped[r.event] = true
		}
	} else if r.event != "" && a.stopped[r.event] {
		return nil
	}
	if a.calls == nil {
		a.calls = map[Key]Seen{}
	}
	a.calls[key] = a.calls[key].plus(seen)
	return nil
}

// dropped reads what the kernel says of records that it did not write.
func (a *audit) dropped(text string) {
	if _, after, ok := strings.Cut(text, "audit_lost="); ok {
		c := cursor{line: after}
		n, _ := strconv.ParseUint(c.run(digits), 10, 63)
		a.lost = max(a.lost, n) // it counts up from the start of the machine
	}
	if before, _, ok := strings.Cut(text, " callbacks suppressed"); ok && strings.Contains(before, "audit") {
		n, _ := strconv.ParseUint(before[strings.LastIndexByte(before, ' ')+1:], 10, 32)
		a.suppressed += n
	}
}

// kinds are how the two types of records are named, by auditd, by the kernel
// and by journald; each must be followed by a space.
var kinds = []struct{ text, kind string }{
	{"type=SECCOMP ", "SECCOMP"}, {"type=1326 ", "SECCOMP"}, {": SECCOMP ", "SECCOMP"},
	{"type=SYSCALL ", "SYSCALL"}, {"type=1300 ", "SYSCALL"}, {": SYSCALL ", "SYSCALL"},
}

// kind is the type of the record, "" for another; the cursor is behind it.
func (r *record) kind() string {
	for _, k := range kinds {
		if i := strings.Index(r.line, k.text); i >= 0 {
			r.at = i + len(k.text)
			return k.kind
		}
	}
	return ""
}

// read reads the event and the fields. Behind the fields of the kernel auditd
// can put a separator and the same ones interpreted, in capitals: of these the
// kernel's own count.
func (r *record) read() {
	for _, head := range []string{"msg=audit(", "audit("} {
		if r.take(head) {
			r.event, _, _ = strings.Cut(r.rest(), ")")
			r.at += len(r.event)
			break
		}
	}
	for r.at < len(r.line) {
		if r.run(" \t\x1d):,") != "" {
			continue
		}
		word := r.word()
		name, value, ok := strings.Cut(word, "=")
		if _, has := r.fields[name]; ok && !has {
			r.fields[name] = field{value, r.at - len(value)}
		}
	}
}

// word reads up to the next space that is not in quotes.
func (r *record) word() string {
	start, quoted := r.at, false
	for ; r.at < len(r.line); r.at++ {
		c := r.line[r.at]
		if c == '"' {
			quoted = !quoted
		}
		if !quoted && (c == ' ' || c == '\t' || c == '\x1d') {
			break
		}
	}
	return r.line[start:r.at]
}

// bad is an error about a field.
func (r *record) bad(name, format string, args ...any) error {
	r.at = r.fields[name].at
	return r.errorf(name+": "+format, args...)
}

// key is which call by whom the record is about.
func (r *record) key() (Key, error) {
	arch, ok := r.fields["arch"]
	call, has := r.fields["syscall"]
	if !ok || !has {
		r.at = 0
		return Key{}, r.errorf("a record of a system call without arch and syscall")
	}
	k := Key{Executable: readable(program(r.fields["exe"].value))}
	nr, err := strconv.ParseUint(call.value, 10, 32)
	named := err != nil
	if n, err := strconv.ParseInt(call.value, 10, 32); err == nil && n < 0 {
		nr, named = uint64(uint32(n)), false
	}
	k.NR = uint32(nr)
	if k.ABI, ok = archABI(arch.value, k.NR); !ok {
		return Key{}, r.bad("arch", "%q is neither an AUDIT_ARCH value in hexadecimal nor the name of an architecture", arch.value)
	}
	if !named {
		return k, nil
	}
	for _, abi := range family(k.ABI) {
		if n, ok := syscalls.Number(abi, call.value); ok && abi.Arch() == k.ABI.Arch() {
			k.ABI, k.NR = abi, n
			return k, nil
		}
	}
	return Key{}, r.bad("syscall", "%v has no call %q", k.ABI, call.value)
}

// auditNames are the architectures that audit's tools name otherwise
// (audit-userspace, lib/machinetab.h): a machine for its ABI of 32 bits.
var auditNames = map[string]seccomp.ABI{
	"i386": seccomp.X86, "i486": seccomp.X86, "i586": seccomp.X86, "i686": seccomp.X86,
	"armeb": seccomp.ARM, "armv5tejl": seccomp.ARM, "armv6l": seccomp.ARM, "armv7l": seccomp.ARM,
}

// archABI is the ABI of a record's arch.
func archABI(arch string, nr uint32) (seccomp.ABI, bool) {
	if v, err := strconv.ParseUint(arch, 16, 32); err == nil {
		return seccomp.ABIOf(uint32(v), nr)
	}
	abi, ok := auditNames[arch]
	if !ok {
		parsed, err := seccomp.ParseABI(arch)
		if err != nil {
			return 0, false
		}
		abi = parsed
	}
	return seccomp.ABIOf(abi.Arch(), nr)
}

// allows reports whether the filter let the call pass: code is what it
// answered, in hexadecimal, or with ausearch -i the name. Kernels before 3.12
// do not write it, and then the signal tells.
func (r *record) allows() (bool, error) {
	code, ok := r.fields["code"]
	if !ok {
		sig := r.fields["sig"].value
		return sig == "0" || sig == "", nil
	}
	if v, err := strconv.ParseUint(code.value, 0, 32); err == nil {
		return seccomp.Action(v).Allows(), nil
	}
	switch code.value {
	case "log", "allow":
		return true, nil
	case "kill", "kill-thread", "kill_thread", "kill-process", "kill_process", "trap", "errno", "trace", "user-notif", "user_notif":
		return false, nil
	}
	return false, r.bad("code", "%q is no answer of a filter", code.value)
}

// program is the path in exe: in quotes, or without them, or in hexadecimal
// where it has bytes that would confuse a reader, or "?" and (null) for none.
func program(exe string) string {
	if path, ok := strings.CutPrefix(exe, `"`); ok {
		path, _, _ = strings.Cut(path, `"`)
		exe = path
	} else if b, err := hex.DecodeString(exe); err == nil {
		return string(b)
	}
	if exe == "?" || exe == "(null)" {
		return ""
	}
	return exe
}

// eventTime is when an event was, as in 1469115211.123:345, in nanoseconds
// since the Unix epoch. It is 0 where ausearch -i has made it the time of day
// of some place.
func eventTime(event string) int64 {
	text, _, _ := strings.Cut(event, ":")
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > 9 {
		return 0
	}
	ns, err := strconv.ParseInt(fmt.Sprint(whole, fraction, strings.Repeat("0", 9-len(fraction))), 10, 64)
	if err != nil || ns < 0 {
		return 0
	}
	return ns
}
