package observe

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file has what the readers of other programs' logs share.

// maxLogLine is the longest line of a log in bytes that is read.
const maxLogLine = 4 << 20

// readLog reads a log line by line into a recording by recorder: read gets the
// number of each line, from 1, and its text. The ID of the recording is made of
// the text, so that a log which is read twice counts once.
func readLog(name, recorder string, r io.Reader, read func(n int, line string) error) (Recording, error) {
	sum := sha256.New()
	in := bufio.NewScanner(io.TeeReader(r, sum))
	in.Buffer(make([]byte, 0, 64<<10), maxLogLine)
	n := 0
	for in.Scan() {
		n++
		err := read(n, strings.TrimRight(in.Text(), "\r"))
		var at *SyntaxError
		if errors.As(err, &at) {
			at.File, at.Line = name, n
		}
		if err != nil {
			return Recording{}, err
		}
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return Recording{}, &SyntaxError{File: name, Line: n + 1, Err: fmt.Errorf("the line is longer than %d bytes", maxLogLine)}
	case err != nil:
		return Recording{}, fmt.Errorf("%s: %w", name, err)
	}
	return Recording{ID: hex.EncodeToString(sum.Sum(nil)[:16]), Recorder: recorder, Target: []string{readable(name)}}, nil
}

// cursor reads a line from left to right.
type cursor struct {
	line string
	at   int // of the rest, in bytes
}

func (c *cursor) rest() string { return c.line[c.at:] }

// take moves behind a text; ok is false where the rest does not begin with it.
func (c *cursor) take(text string) bool {
	ok := strings.HasPrefix(c.rest(), text)
	if ok {
		c.at += len(text)
	}
	return ok
}

// run moves behind all bytes that are in set, and returns them.
func (c *cursor) run(set string) string {
	rest := c.rest()
	n := len(rest) - len(strings.TrimLeft(rest, set))
	c.at += n
	return rest[:n]
}

func (c *cursor) spaces() { c.run(" ") }

// errorf is an error at the cursor.
func (c *cursor) errorf(format string, args ...any) error {
	return &SyntaxError{Column: c.at + 1, Err: fmt.Errorf(format, args...)}
}

const (
	digits    = "0123456789"
	nameBytes = digits + "abcdefghijklmnopqrstuvwxyz_"
)

// family are the ABIs of the machines that run programs of the given one,
// which comes first.
func family(abi seccomp.ABI) []seccomp.ABI {
	out := []seccomp.ABI{abi}
	for _, a := range seccomp.ABIs() {
		if native(a) == native(abi) && a != abi {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out[1:], func(a, b seccomp.ABI) int { return b.WordBits() - a.WordBits() })
	return out
}

// numberOf is the number by which an ABI makes a call: its own, or else that
// of its multiplexer.
func numberOf(abi seccomp.ABI, name string) (nr uint32, ok bool) {
	if nr, ok := syscalls.Number(abi, name); ok {
		return nr, true
	}
	m, ok := syscalls.Through(abi, name)
	return m.Number, ok
}

// observed makes an observation of a log.
func observed(r Recording) Observation { return Observation{Recordings: []Recording{r}} }
