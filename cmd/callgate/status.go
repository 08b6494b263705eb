package main

import (
	"errors"
	"fmt"
	"io/fs"
)

// The exit statuses of callgate. Those from 125 are for verbs that run a
// command, and are docker's.
const (
	statusYes           = 0
	statusNo            = 1   // denied, different, findings
	statusUsage         = 2   // the command line or the input cannot be used
	statusMachine       = 3   // this machine cannot: kernel too old, no permission, disk full
	statusTool          = 125 // callgate itself failed, the command was not run
	statusNotExecutable = 126 // the command cannot be executed
	statusNotFound      = 127 // the command was not found
)

// failure is an error with the exit status that it ends callgate with.
type failure struct {
	status int
	err    error // nil: the status says it all
	hint   string
	// answer says that the status is the command's, or the answer to what was
	// asked, and does not tell that callgate failed.
	answer bool
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit status %d", f.status)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// Hint is what the user can do about the failure.
func (f *failure) Hint() string { return f.hint }

// exit ends callgate with a status and no further word: the answer is on
// stdout, or the command that was run has spoken.
func exit(status int) error {
	if status == statusYes {
		return nil
	}
	return &failure{status: status}
}

// no is the answer "no", which is not an error.
var no = &failure{status: statusNo}

func usage(err error, hint string) error {
	return &failure{status: statusUsage, err: err, hint: hint}
}

func usagef(hint, format string, args ...any) error {
	return usage(fmt.Errorf(format, args...), hint)
}

// statusOf is the exit status for an error of any package.
func statusOf(err error) int {
	var f *failure
	switch {
	case err == nil:
		return statusYes
	case errors.As(err, &f):
		return f.status
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission):
		return statusMachine
	}
	return statusUsage
}

// hintOf is what an error of any package says that the user can do.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
