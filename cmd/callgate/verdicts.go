package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file is the protocol of eval: a call as a JSON object on a line, a
// verdict as a JSON object on a line.

// maxLine is the longest line in bytes that eval reads. A call with all its
// arguments written as strings takes some 300.
const maxLine = 64 << 10

// question is a line of input. A zero word was not given.
type question struct {
	Arch    word   `json:"arch"`
	Syscall string `json:"syscall"`
	NR      word   `json:"nr"`
	Args    []word `json:"args"`
	IP      word   `json:"ip"`
}

// word is a JSON number or string. It is kept as text: a number above 2^53 is
// exact, and "arch" can be a name.
type word struct {
	text   string
	quoted bool
}

// UnmarshalJSON takes numbers and strings.
func (w *word) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"':
		w.quoted = true
		return json.Unmarshal(b, &w.text)
	case c == '-' || '0' <= c && c <= '9':
		w.text = string(b)
		return nil
	}
	return fmt.Errorf("want a number or a string, not %s", b)
}

// given reports whether the line had the word.
func (w word) given() bool { return w.quoted || w.text != "" }

// number reads w as a number of the given size. Strings may be hexadecimal.
func (w word) number(name string, bits int) (uint64, error) {
	text, base := w.text, 10
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok && w.quoted {
		text, base = hex, 16
	}
	n, err := strconv.ParseUint(text, base, bits)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a whole number from 0 to 2^%d-1, decimal or as a string \"0x...\"", name, w.text, bits)
	}
	return n, nil
}

// parseQuestion reads one line. A call without "arch" is one of abi.
func parseQuestion(line []byte, abi seccomp.ABI) (seccomp.Data, error) {
	var q question
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return seccomp.Data{}, jsonError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return seccomp.Data{}, errors.New("more than one value")
	}
	return q.call(abi)
}

// jsonError is an error of encoding/json in words that do not speak of Go.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d: %w", syntax.Offset, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the object has no end")
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("want an object, not %s", kind.Value)
	case errors.As(err, &kind) && kind.Field == "args":
		return fmt.Errorf("args: want an array, not %s", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: want a string, not %s", kind.Field, kind.Value)
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("unknown key %s: want arch, syscall, nr, args or ip", text)
	}
	return err
}

// call is the call that q asks about.
func (q question) call(abi seccomp.ABI) (call seccomp.Data, err error) {
	if call.Arch, abi, err = q.arch(abi); err != nil {
		return call, err
	}
	if call.NR, err = q.number(abi); err != nil {
		return call, err
	}
	if len(q.Args) > len(call.Args) {
		return call, fmt.Errorf("args: %d arguments, a call has %d", len(q.Args), len(call.Args))
	}
	for i, a := range q.Args {
		if call.Args[i], err = a.number(fmt.Sprintf("args[%d]", i), 64); err != nil {
			return call, err
		}
	}
	if q.IP.given() {
		call.IP, err = q.IP.number("ip", 64)
	}
	return call, err
}

// arch is the AUDIT_ARCH value of the call and, where there is one, the ABI
// that names stand for.
func (q question) arch(abi seccomp.ABI) (uint32, seccomp.ABI, error) {
	switch {
	case !q.Arch.given():
		return abi.Arch(), abi, nil
	case q.Arch.quoted && (q.Arch.text == "" || q.Arch.text[0] < '0' || q.Arch.text[0] > '9'):
		abi, err := seccomp.ParseABI(q.Arch.text)
		return abi.Arch(), abi, err
	}
	n, err := q.Arch.number("arch", 32)
	abi, _ = seccomp.ABIOf(uint32(n), 0)
	return uint32(n), abi, err
}

func (q question) number(abi seccomp.ABI) (uint32, error) {
	switch {
	case q.NR.given() == (q.Syscall != ""):
		return 0, errors.New(`want either "syscall" or "nr"`)
	case q.NR.given():
		n, err := q.NR.number("nr", 32)
		return uint32(n), err
	case abi == 0:
		return 0, fmt.Errorf(`no ABI has arch %s: give the call by "nr"`, q.Arch.text)
	}
	return callNumber(abi, q.Syscall)
}

// callNumber is the number of a call that the user named. The error says what
// could have been meant.
func callNumber(abi seccomp.ABI, name string) (uint32, error) {
	nr, ok := syscalls.Number(abi, name)
	if ok {
		return nr, nil
	}
	if m, ok := syscalls.Through(abi, name); ok {
		return 0, fmt.Errorf("%v makes %s through %s(%d, ...): ask about that", abi, name, m.By, m.Call)
	}
	if syscalls.Known(name) {
		return 0, fmt.Errorf("%v has no system call %s", abi, name)
	}
	if near, ok := syscalls.Nearest(name); ok {
		return 0, fmt.Errorf("unknown system call %q: did you mean %s?", name, near)
	}
	return 0, fmt.Errorf("unknown system call %q", name)
}

// appendAnswer appends the line of output for a verdict.
func appendAnswer(b []byte, a seccomp.Action) []byte {
	b = append(append(b, `{"action":"`...), a.KindName()...)
	b = strconv.AppendUint(append(b, `","data":`...), uint64(a.Data()), 10)
	b = strconv.AppendUint(append(b, `,"ret":`...), uint64(uint32(a)), 10)
	return append(b, "}\n"...)
}

// answer answers every line of in. It flushes its answers whenever it has to
// wait for the next line, so that a program can hold a conversation with it.
func answer(in io.Reader, out *bufio.Writer, abi seccomp.ABI, verdict func(seccomp.Data) seccomp.Action) error {
	r := bufio.NewReaderSize(in, maxLine)
	var buf []byte
	for n := 1; ; n++ {
		if r.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, bufio.ErrBufferFull) {
				err = fmt.Errorf("longer than %d bytes", maxLine)
			}
			return fmt.Errorf("stdin:%d: %w", n, err)
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			call, err := parseQuestion(text, abi)
			if err != nil {
				return fmt.Errorf("stdin:%d: %w", n, err)
			}
			buf = appendAnswer(buf[:0], verdict(call).Canonical())
			if _, err := out.Write(buf); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}
