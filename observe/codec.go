package observe

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file is the format of saved observations: JSON lines. The first line
// says what the file is; a line with "recording" begins a recording, and each
// further line, with "nr", is a call of the recording above it. Files may be
// put behind each other with cat.

// formatName and formatVersion stand on the first line.
const (
	formatName    = "observation"
	formatVersion = 1
)

// maxLine is the longest line in bytes that is read. A call with MaxValues
// tuples takes some 5 KB.
const maxLine = 1 << 20

// line is any of the three kinds of lines.
type line struct {
	// The first line.
	Callgate   string `json:"callgate,omitempty"`
	Version    int    `json:"version,omitempty"`
	Recordings *int   `json:"recordings,omitempty"`

	// A recording.
	Recording  string   `json:"recording,omitempty"`
	Recorder   string   `json:"recorder,omitempty"`
	Target     []string `json:"target,omitempty"`
	Start      instant  `json:"start,omitzero"`
	End        instant  `json:"end,omitzero"`
	Kernel     string   `json:"kernel,omitempty"`
	Runtime    string   `json:"runtime,omitempty"`
	Boundary   bool     `json:"boundary,omitempty"`
	NoNewPrivs bool     `json:"noNewPrivileges,omitempty"`
	Arguments  bool     `json:"arguments,omitempty"`
	Lost       uint64   `json:"lost,omitempty"`
	Limits     []string `json:"limits,omitempty"`
	Calls      *int     `json:"calls,omitempty"`

	// A call.
	Phase      string     `json:"phase,omitempty"`
	Executable string     `json:"executable,omitempty"`
	Arch       string     `json:"arch,omitempty"`
	Syscall    string     `json:"syscall,omitempty"`
	NR         *uint32    `json:"nr,omitempty"`
	Count      uint64     `json:"count,omitempty"`
	Denied     uint64     `json:"denied,omitempty"`
	First      instant    `json:"first,omitzero"`
	Last       instant    `json:"last,omitzero"`
	Values     [][]hexval `json:"values,omitempty"`
	More       bool       `json:"moreValues,omitempty"`
}

// instant is a time in nanoseconds since the Unix epoch, written as seconds
// with nine decimals.
type instant int64

func (t instant) MarshalJSON() ([]byte, error) {
	if t < 0 {
		return nil, fmt.Errorf("a time before 1970: %d ns", int64(t))
	}
	return fmt.Appendf(nil, "%d.%09d", t/1e9, t%1e9), nil
}

func (t *instant) UnmarshalJSON(b []byte) error {
	whole, fraction, _ := strings.Cut(string(b), ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || s < 0 || s >= 1<<33 || len(fraction) > 9 {
		return fmt.Errorf("%s is not a time in seconds since 1970", b)
	}
	ns, err := strconv.ParseUint(fraction+strings.Repeat("0", 9-len(fraction)), 10, 32)
	if err != nil {
		return fmt.Errorf("%s is not a time in seconds since 1970", b)
	}
	*t = instant(s*1e9 + int64(ns))
	return nil
}

// hexval is a register, which a JSON number cannot hold for every reader.
type hexval uint64

func (v hexval) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"%#x"`, uint64(v)), nil }

func (v *hexval) UnmarshalJSON(b []byte) error {
	text, err := strconv.Unquote(string(b))
	digits, ok := strings.CutPrefix(text, "0x")
	n, parseErr := strconv.ParseUint(digits, 16, 64)
	if err != nil || !ok || parseErr != nil {
		return fmt.Errorf("%s is not a value as in \"0x1f\"", b)
	}
	*v = hexval(n)
	return nil
}

// Write writes o. The bytes are the same for the same observation.
func (o Observation) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	n := len(o.Recordings)
	if err := e.Encode(line{Callgate: formatName, Version: formatVersion, Recordings: &n}); err != nil {
		return err
	}
	for _, r := range o.Recordings {
		if err := e.Encode(r.line()); err != nil {
			return err
		}
		for _, k := range r.Keys() {
			if err := e.Encode(k.line(r.Calls[k])); err != nil {
				return err
			}
		}
	}
	return b.Flush()
}

func (r Recording) line() line {
	n := len(r.Calls)
	l := line{
		Recording: r.ID, Recorder: r.Recorder, Target: escapeAll(r.Target), Calls: &n,
		Start: instant(r.Start), End: instant(r.End),
		Runtime: r.Runtime, Boundary: r.Boundary, NoNewPrivs: r.NoNewPrivs,
		Arguments: r.Arguments, Lost: r.Lost, Limits: r.Limits,
	}
	if r.Kernel != (seccomp.Version{}) {
		l.Kernel = r.Kernel.String()
	}
	return l
}

func (k Key) line(s Seen) line {
	name, _ := syscalls.Name(k.ABI, k.NR)
	l := line{
		Phase: k.Phase.String(), Executable: escapeBytes(k.Executable),
		Arch: k.ABI.String(), Syscall: name, NR: &k.NR,
		Count: s.Count, Denied: s.Denied, First: instant(s.First), Last: instant(s.Last),
		More: s.Values.More,
	}
	for _, t := range s.Values.Tuples {
		var values []hexval
		for _, v := range t {
			values = append(values, hexval(v))
		}
		l.Values = append(l.Values, values)
	}
	return l
}

// SyntaxError is a line of a saved observation, or of a log, that cannot be
// used.
type SyntaxError struct {
	File   string
	Line   int // from 1
	Column int // from 1, in bytes; 0 is not known
	Err    error
}

func (e *SyntaxError) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("%s:%d:%d: %v", e.File, e.Line, e.Column, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Read reads what [Observation.Write] wrote, or several such files behind each
// other. The error is a *SyntaxError, which names the file by name, or that of
// r.
func Read(name string, r io.Reader) (Observation, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	d := decoder{}
	n := 0
	for in.Scan() {
		n++
		if err := d.line(in.Bytes()); err != nil {
			return Observation{}, &SyntaxError{File: name, Line: n, Err: err}
		}
	}
	err := in.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return Observation{}, &SyntaxError{File: name, Line: n + 1, Err: fmt.Errorf("the line is longer than %d bytes", maxLine)}
	case err != nil:
		return Observation{}, fmt.Errorf("%s: %w", name, err)
	case !d.begun:
		return Observation{}, &SyntaxError{File: name, Line: 1, Err: errNotObservation}
	}
	if err := d.fileEnd(); err != nil {
		return Observation{}, &SyntaxError{File: name, Line: n, Err: err}
	}
	return d.observation(), nil
}

var errNotObservation = fmt.Errorf(`not a saved observation, whose first line is {"callgate":%q,"version":%d}`, formatName, formatVersion)

// decoder takes the lines of a file.
type decoder struct {
	begun      bool
	recordings []Recording
	files      announced // the recordings of the file
	calls      announced // the calls of the recording
}

// observation is the union of all that was read.
func (d *decoder) observation() Observation {
	var o Observation
	for _, r := range d.recordings {
		o.Merge(Observation{Recordings: []Recording{r}})
	}
	return o
}

func (d *decoder) line(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 && d.begun {
		return nil
	}
	var l line
	j := json.NewDecoder(bytes.NewReader(text))
	if d.begun {
		j.DisallowUnknownFields()
	}
	switch err := j.Decode(&l); {
	case err != nil && !d.begun:
		return errNotObservation
	case err != nil:
		return err
	case j.InputOffset() < int64(len(bytes.TrimRight(text, " \t\r"))):
		return errors.New("more than one value on the line")
	case l.Callgate != "" || !d.begun:
		return d.header(l)
	case l.Recording != "":
		return d.recording(l)
	}
	return d.call(l)
}

func (d *decoder) header(l line) error {
	switch {
	case l.Callgate != formatName:
		return errNotObservation
	case l.Version != formatVersion:
		return fmt.Errorf("version %d of the format; this program reads version %d", l.Version, formatVersion)
	}
	err := d.fileEnd()
	d.begun, d.files = true, announced{want: l.Recordings}
	return err
}

func (d *decoder) recording(l line) error {
	if id, err := hex.DecodeString(l.Recording); err != nil || len(id) != 16 || l.NR != nil {
		return fmt.Errorf("recording %q: want 32 hexadecimal digits, and no call on the line", l.Recording)
	}
	if err := d.callsEnd(); err != nil {
		return err
	}
	target, err := unescapeAll(l.Target)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	r := Recording{
		ID: l.Recording, Recorder: l.Recorder, Target: target,
		Start: int64(l.Start), End: int64(l.End),
		Runtime: l.Runtime, Boundary: l.Boundary, NoNewPrivs: l.NoNewPrivs,
		Arguments: l.Arguments, Lost: l.Lost, Limits: l.Limits,
	}
	if l.Kernel != "" {
		v, err := seccomp.ParseVersion(l.Kernel)
		if err != nil {
			return fmt.Errorf("kernel: %w", err)
		}
		r.Kernel = v
	}
	d.files.got++
	d.calls = announced{want: l.Calls}
	d.recordings = append(d.recordings, r)
	return nil
}

func (d *decoder) call(l line) error {
	if len(d.recordings) == 0 {
		return errors.New("a call without a recording above it")
	}
	name, err := unescapeBytes(l.Executable)
	k := Key{Executable: name}
	switch {
	case err != nil:
		return fmt.Errorf("executable: %w", err)
	case l.NR == nil:
		return errors.New(`neither "recording" nor "nr": neither a recording nor a call`)
	case l.Phase == Runtime.String():
		k.Phase = Runtime
	case l.Phase != Workload.String():
		return fmt.Errorf("phase %q: want %q or %q", l.Phase, Workload, Runtime)
	}
	if k.ABI, err = seccomp.ParseABI(l.Arch); err != nil {
		return err
	}
	k.NR = *l.NR
	if name, ok := syscalls.Name(k.ABI, k.NR); ok && l.Syscall != "" && name != l.Syscall {
		return fmt.Errorf("number %d of %v is %s and not %q", k.NR, k.ABI, name, l.Syscall)
	}
	s := Seen{Count: l.Count, Denied: l.Denied, First: int64(l.First), Last: int64(l.Last)}
	if s.Values, err = l.tuples(len(Interesting(k.ABI, k.NR))); err != nil {
		return err
	}
	d.calls.got++
	d.recordings[len(d.recordings)-1].Add(k, s)
	return nil
}

// tuples are the values of a call of which so many arguments are of interest.
func (l line) tuples(arguments int) (Values, error) {
	v := Values{More: l.More}
	for _, t := range l.Values {
		if len(t) != arguments {
			return Values{}, fmt.Errorf("values: %d in a tuple, where %d arguments are kept", len(t), arguments)
		}
		var values []uint64
		for _, value := range t {
			values = append(values, uint64(value))
		}
		v.Tuples = append(v.Tuples, values)
	}
	return v.Union(Values{}), nil
}
