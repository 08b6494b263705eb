package source

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
)

// MaxSize is the largest file in bytes that is read: the largest profile.
const MaxSize = profile.MaxSize

// ErrTooLarge says that a file is larger than that.
var ErrTooLarge = fmt.Errorf("more than %d bytes", MaxSize)

// Error says that a name stands for nothing that can be used.
type Error struct {
	Name   string // as the user wrote it
	Err    error
	Advice string
}

// Error is "name: what is wrong", or a line "name:line:column: what is wrong"
// for each mistake in a text.
func (e *Error) Error() string {
	var b strings.Builder
	for i, line := range strings.Split(e.Err.Error(), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(Printable(e.Name) + ":")
		if line == "" || line[0] < '0' || line[0] > '9' {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

// Printable is the name of a file for messages: as it is, or quoted where it
// would not be told from the text around it, or would move the cursor.
func Printable(name string) string {
	plain := func(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }
	if name != "" && strings.TrimSpace(name) == name && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return name
	}
	return strconv.Quote(name)
}

// Unwrap is the reason.
func (e *Error) Unwrap() error { return e.Err }

// Hint is what to do about it.
func (e *Error) Hint() string { return e.Advice }

// Open resolves a name of the notation. Its errors are *[Error] values, those
// of profiles excepted, which are package profile's: with these comes a Source
// that holds nothing but the other Diagnostics of the profile.
func Open(name string, o Options) (*Source, error) {
	n, err := Read(name, o.Stdin)
	if err != nil {
		return nil, err
	}
	return n.Source(o)
}

// Named is what a name stands for before it is read in one way or another.
type Named struct {
	name string
	data []byte // of a file
}

// Read resolves a name so far, and reads its file. It is for who reads one
// policy in several ways: a pipe can be read once only.
func Read(name string, in io.Reader) (Named, error) {
	switch scheme, _, ok := strings.Cut(name, ":"); {
	case name == "unconfined", profile.HasDefault(name):
		return Named{name: name}, nil
	case ok && (scheme == "pid" || scheme == "container"):
		return Named{}, &Error{name, errors.New("filters of live processes cannot be read by name yet"), fileHint(name,
			"write the filter to a file and name that")}
	}
	data, err := ReadFile(name, in)
	if e := (*Error)(nil); errors.As(err, &e) && errors.Is(err, fs.ErrNotExist) {
		e.Advice = missingHint(name)
	}
	return Named{name, data}, err
}

// Source is what n stands for, with the errors of [Open].
func (n Named) Source(o Options) (*Source, error) {
	switch {
	case n.name == "unconfined":
		return &Source{Name: n.name, Kind: Unconfined}, nil
	case profile.HasDefault(n.name):
		p, err := profile.Default(n.name)
		if err != nil {
			return nil, &Error{n.name, err, fileHint(n.name, "")}
		}
		s, err := document(n.name, p, nil, o)
		if err == nil {
			s.builtin = true
		}
		return s, err
	}
	return detect(FileName(n.name), n.data, o)
}

// fileHint is how to name a file whose name means something else, where there
// is one, else the given hint.
func fileHint(name, otherwise string) string {
	if _, err := os.Lstat(name); err != nil {
		return otherwise
	}
	return "the file of that name is ./" + name
}

// ReadFile reads a file, or in for "-".
func ReadFile(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, &Error{name, reason(err), ""}
		}
		defer file.Close()
		in = file
	}
	name = FileName(name)
	data, err := io.ReadAll(io.LimitReader(in, MaxSize+1))
	switch {
	case err != nil:
		return nil, &Error{name, reason(err), ""}
	case len(data) > MaxSize:
		return nil, &Error{name, ErrTooLarge, "no profile and no filter is as large"}
	}
	return data, nil
}

// FileName is how messages call a file that a command line names.
func FileName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// reason is an error of a file without its name, which is told already.
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// missingHint is what was perhaps meant by the name of a file that is not there.
func missingHint(name string) string {
	switch {
	case name == "default" || name == "builtin":
		return "Docker's default profile is called docker:default"
	case !strings.ContainsAny(name, "./"):
		return "a policy is a file, - for stdin, docker:default or unconfined"
	}
	return ""
}

// detect tells by its content what a file is.
func detect(name string, data []byte, o Options) (*Source, error) {
	order, json := o.Env.ABI.ByteOrder(), looksLikeJSON(name, data)
	name = Printable(name)
	switch {
	case json:
		p, notes, err := profile.Parse(name, data, o.Env.Engine)
		if err != nil {
			return &Source{Name: name, Diagnostics: notes.Below(profile.Failure)}, err
		}
		return document(name, p, notes, o)
	case IsRaw(data):
		program, err := Decode(name, data, order)
		if err != nil {
			return nil, err
		}
		return &Source{Name: name, Kind: Filter, Program: program, order: order}, nil
	case len(bytes.TrimSpace(data)) == 0:
		return nil, &Error{name, errors.New("the file is empty"), ""}
	case !utf8.Valid(data):
		return nil, &Error{name, errors.New("neither text nor a raw filter"), "want a profile, a filter or the text of a policy"}
	}
	return text(name, string(data), o)
}

func document(name string, p *profile.Profile, notes profile.Diagnostics, o Options) (*Source, error) {
	resolved, err := p.Resolve(o.Env)
	if err != nil {
		return nil, err
	}
	at := p.DefaultAction.At
	return &Source{
		Name: name, Kind: Document, Resolved: resolved, Diagnostics: notes, stack: o.Stack,
		Default: policy.Origin{File: p.File, Line: int(at.Line), Column: int(at.Column)},
	}, nil
}

// text reads either of the two text forms.
func text(name, content string, o Options) (*Source, error) {
	p, notPolicy := policy.Parse(content)
	if notPolicy == nil {
		return &Source{Name: name, Kind: Text, text: p}, nil
	}
	program, notListing := bpf.Assemble(content)
	if notListing == nil && len(program) > 0 {
		return &Source{Name: name, Kind: Filter, Program: program, order: o.Env.ABI.ByteOrder()}, nil
	}
	// Every policy says "else", and hardly any listing does.
	if strings.Contains(content, "else") {
		return nil, &Error{name, notPolicy, "it is not JSON, and was read as the text of a policy, as callgate lift prints it"}
	}
	return nil, &Error{name, cmp.Or(notListing, errors.New("no instructions")),
		"it is not JSON, and was read as the text of a filter, as callgate disasm prints it"}
}

// looksLikeJSON reports whether a file is JSON by its name, or begins like
// JSON. No opcode looks like a bracket. A byte order mark is passed over: the
// parser of profiles will complain about it.
func looksLikeJSON(name string, data []byte) bool {
	if strings.HasSuffix(name, ".json") {
		return true
	}
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// Decode reads a raw filter, also one that the kernel would refuse, but not one
// of a machine with the other byte order.
func Decode(name string, data []byte, order binary.ByteOrder) (bpf.Program, error) {
	program, err := bpf.Decode(data, order)
	switch {
	case err != nil:
		return nil, &Error{name, fmt.Errorf("read as a raw filter, because it has zero bytes: %w", err), ""}
	case otherOrder(program):
		return nil, &Error{name, errors.New("a filter for machines of the other byte order"),
			"name the machine, as in --arch s390x"}
	}
	return program, nil
}

// otherOrder reports whether p is no filter, but would be one if its bytes were
// read in the other order. No return, with which every filter ends, is one in
// both.
func otherOrder(p bpf.Program) bool {
	swapped := make(bpf.Program, len(p))
	for n, i := range p {
		i.Code, i.K = bits.ReverseBytes16(i.Code), bits.ReverseBytes32(i.K)
		swapped[n] = i
	}
	return p.Verify() != nil && swapped.Verify() == nil
}

// IsRaw reports whether data is a raw filter if it is anything: text has no
// zero bytes, and the upper byte of every opcode is zero.
func IsRaw(data []byte) bool { return bytes.IndexByte(data, 0) >= 0 }
