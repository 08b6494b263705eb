package main

// The rules of the terminal. This is the one file that prints.
//
//   - Data, what the user asked for, goes to stdout; talk goes to stderr: then
//     every command can stand in a pipe.
//   - Talk is lines that start with "callgate: ". An error says what is wrong
//     and where, and ends with a line "hint: " that says what to do. A warning
//     looks the same, and says that it is one.
//   - Without a question nothing is said: no banner, no progress, no "done".
//   - Data is complete or the exit status is not 0. It is buffered, and an
//     error in writing it counts (a reader that went away ends callgate by
//     SIGPIPE, as it ends every command).
//   - A file that a flag names is replaced when its new content is complete, so
//     that a command that fails leaves the old file alone.
//   - Binary data is not written to a terminal.
//   - Colour is for a terminal only, and where NO_COLOR is not set. A line that
//     is rewritten has the last row of a terminal (TERM is not dumb), which
//     nothing else writes to: see liveLine.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/callgate/callgate/profile"
)

// terminal is where a command reads and prints.
type terminal struct {
	in   io.Reader
	out  *bufio.Writer // data; terminal.finish flushes it
	talk io.Writer
	// tty tells whether data goes to a terminal.
	tty bool
}

func newTerminal() *terminal {
	return &terminal{
		in:   os.Stdin,
		out:  bufio.NewWriterSize(os.Stdout, 64<<10),
		talk: os.Stderr,
		tty:  isTerminal(os.Stdout),
	}
}

// printf writes data. Its error is kept by the buffer, for finish.
func (t *terminal) printf(format string, args ...any) {
	fmt.Fprintf(t.out, format, args...)
}

// json writes v as indented JSON.
func (t *terminal) json(v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// warn tells of something that does not stop the command.
func (t *terminal) warn(format string, args ...any) {
	t.say("warning: "+format, args...)
}

// diagnose tells of what is doubtful in a profile.
func (t *terminal) diagnose(ds profile.Diagnostics) {
	for _, d := range ds.AtLeast(profile.Warning) {
		t.warn("%v", d)
	}
}

// say talks.
func (t *terminal) say(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	for line := range strings.Lines(text + "\n") {
		fmt.Fprintf(t.talk, "callgate: %s", line)
	}
}

// write puts data where the flag -o says: in a file, or on stdout for "" and
// "-". Binary data is kept off the terminal.
func (t *terminal) write(name string, data []byte, binary bool) error {
	if name != "" && name != "-" {
		return writeFile(name, data)
	}
	if binary && t.tty {
		return usagef("use -o FILE, or a pipe", "binary data is not written to a terminal")
	}
	_, err := t.out.Write(data)
	return err
}

// finish flushes the data, tells of the error and returns the exit status.
func (t *terminal) finish(err error) int {
	// A command may have met the error itself, and returned it.
	if flushed := t.out.Flush(); flushed != nil && (err == nil || statusOf(err) == statusNo || errors.Is(err, flushed)) {
		err = &failure{status: statusMachine, err: fmt.Errorf("cannot write the output: %w", flushed)}
	}
	if f := (*failure)(nil); err == nil || errors.As(err, &f) && f.err == nil {
		return statusOf(err)
	}
	t.say("%v", err)
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(t.talk, "hint: %s\n", hint)
	}
	return statusOf(err)
}
