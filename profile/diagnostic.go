package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/policy"
)

// Pos is a place in a document. The zero value is "nowhere": what has it was
// not written.
type Pos struct {
	Line   int32 // from 1
	Column int32 // in bytes, from 1
}

// Written reports whether p is a place.
func (p Pos) Written() bool { return p.Line > 0 }

// Severity says what becomes of a profile that has the mistake.
type Severity uint8

// Severities, from the least to the worst.
const (
	Note    Severity = 1 + iota // without effect, and perhaps not what was meant
	Warning                     // silently ignored, or read otherwise than it looks
	Failure                     // the engine or the runtime refuses the profile
)

// String is the level as SARIF calls it: note, warning or error.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Failure:
		return "error"
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// Diagnostic is one mistake in a document.
type Diagnostic struct {
	// Code names the kind of mistake. It never changes its meaning: see the
	// constants that start with Code.
	Code     string
	Severity Severity
	File     string
	Pos      Pos
	Message  string // what is wrong, and what it does
	Hint     string // what to do, or empty
}

// String is d on one line, as in "web.json:3:5: unknown key ... (hint)".
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(policy.Origin{File: d.File, Line: int(d.Pos.Line), Column: int(d.Pos.Column)}.String())
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(d.Message)
	if d.Hint != "" {
		fmt.Fprintf(&b, " (%s)", d.Hint)
	}
	return b.String()
}

// Diagnostics are mistakes in the order of the document.
type Diagnostics []Diagnostic

// AtLeast are those of ds that are of severity s or worse.
func (ds Diagnostics) AtLeast(s Severity) Diagnostics {
	var some Diagnostics
	for _, d := range ds {
		if d.Severity >= s {
			some = append(some, d)
		}
	}
	return some
}

// Below are those of ds that are less severe than s.
func (ds Diagnostics) Below(s Severity) Diagnostics {
	var some Diagnostics
	for _, d := range ds {
		if d.Severity < s {
			some = append(some, d)
		}
	}
	return some
}

// err is the *[Error] of those of ds that are failures, nil where none is.
func (ds Diagnostics) err() error {
	if bad := ds.AtLeast(Failure); len(bad) > 0 {
		return &Error{Diagnostics: bad}
	}
	return nil
}

// Error says why a profile cannot be used. It holds every [Failure], not only
// the first.
type Error struct {
	Diagnostics Diagnostics // at least one
}

// Error is one line for each diagnostic.
func (e *Error) Error() string {
	lines := make([]string, len(e.Diagnostics))
	for i, d := range e.Diagnostics {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// MaxDiagnostics is how many diagnostics of each severity a document can
// have; what comes after them is not reported, and the last one says so.
const MaxDiagnostics = 100

// reporter collects diagnostics.
type reporter struct {
	file  string
	found Diagnostics
	count [Failure + 1]int
	// silent is above zero inside values that the engine does not read:
	// nothing there matters.
	silent int
	// wrong are the places of values that could not be read. What follows
	// from their absence is not worth a word.
	wrong map[Pos]bool
}

// full reports whether diagnostics of severity s are no longer kept, so that
// there is no use in looking for a hint.
func (r *reporter) full(s Severity) bool { return r.count[s] >= MaxDiagnostics }

func (r *reporter) add(s Severity, code string, at Pos, hint, format string, args ...any) {
	if r.silent > 0 || r.wrong[at] {
		return
	}
	if r.count[s]++; r.count[s] > MaxDiagnostics {
		return
	}
	d := Diagnostic{Code: code, Severity: s, File: r.file, Pos: at, Message: fmt.Sprintf(format, args...), Hint: hint}
	if r.count[s] == MaxDiagnostics {
		d.Message += "; further ones are not reported"
	}
	r.found = append(r.found, d)
}

// unreadable reports a value that cannot be read.
func (r *reporter) unreadable(code string, at Pos, hint, format string, args ...any) {
	r.add(Failure, code, at, hint, format, args...)
	if r.silent > 0 || r.full(Failure) {
		return
	}
	if r.wrong == nil {
		r.wrong = map[Pos]bool{}
	}
	r.wrong[at] = true
}

// sorted are the diagnostics in the order of the document.
func (r *reporter) sorted() Diagnostics {
	slices.SortStableFunc(r.found, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return r.found
}

// quote is s as a message shows it: quoted, and cut where it is long.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return fmt.Sprintf("%.*q...", most, strings.ToValidUTF8(s[:most], ""))
	}
	return fmt.Sprintf("%q", s)
}
