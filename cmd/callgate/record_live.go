package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/syscalls"
)

// liveLine is the line that tells of a recording while it goes on.
//
// The workload writes to the same terminal, and callgate knows neither when nor
// where the cursor is then. So the line has the last row of the screen, and the
// workload scrolls in those above (DECSTBM), as under a package manager's
// progress bar: its output stays whole, and a line of it that has no end yet
// stays where it is. Everything is one write, which begins with DECSC and ends
// with DECRC, so that the cursor is where it was.
//
// A workload that has the terminal for itself is left alone: one that reads
// single keys, or that is in the foreground without callgate, as an interactive
// shell is. The line goes away as long as that is so.
type liveLine struct {
	terminal *terminal
	tty      *os.File
	known    map[string]bool
	newest   string
	since    time.Time
	rows     int // of the screen whose last row is the line's; 0: there is none
}

// newLiveLine is nil, which shows nothing, where talk goes to no terminal, or to
// one without a cursor.
func newLiveLine(t *terminal) *liveLine {
	f, ok := t.talk.(*os.File)
	if term := os.Getenv("TERM"); !ok || !isTerminal(f) || term == "dumb" || term == "" {
		return nil
	}
	return &liveLine{terminal: t, tty: f, known: map[string]bool{}}
}

// show replaces the line.
func (l *liveLine) show(r observe.Recording, now time.Time) {
	if l == nil {
		return
	}
	text := l.text(r, now)
	rows, columns := screenSize(l.tty)
	if rows < 3 || !sharesTerminal(l.tty) {
		l.clear()
		return
	}
	var b strings.Builder
	if rows != l.rows {
		l.rows = rows
		// IND and CUU see to it that the cursor is above the last row.
		fmt.Fprintf(&b, "\x1bD\x1b[A\x1b7\x1b[1;%dr\x1b8", rows-1)
	}
	fmt.Fprintf(&b, "\x1b7\x1b[%d;1H\x1b[K%s\x1b8", rows, text[:min(len(text), max(columns-1, 0))])
	fmt.Fprint(l.tty, b.String())
}

// clear takes the line away, and gives the workload the whole screen.
func (l *liveLine) clear() {
	if l == nil || l.rows == 0 {
		return
	}
	fmt.Fprintf(l.tty, "\x1b7\x1b[r\x1b[%d;1H\x1b[K\x1b8", l.rows)
	l.rows = 0
}

// text is the line, of ASCII characters.
func (l *liveLine) text(r observe.Recording, now time.Time) string {
	var calls uint64
	var first int64
	fresh := ""
	for k, s := range r.Calls {
		calls += s.Count + s.Denied
		name := callName(k)
		if !l.known[name] {
			l.known[name] = true
			if s.First >= first {
				fresh, first = name, s.First
			}
		}
	}
	if fresh != "" {
		l.newest, l.since = fresh, now
		if first != 0 {
			l.since = time.Unix(0, first)
		}
	}
	line := fmt.Sprintf("callgate: %s, %d calls, %d system calls", elapsed(now.Sub(time.Unix(0, r.Start))), calls, len(l.known))
	if l.newest != "" {
		line += fmt.Sprintf(", the newest %s %s ago", l.newest, elapsed(now.Sub(l.since)))
	}
	return line
}

// elapsed is a duration as on a clock, in minutes and seconds.
func elapsed(d time.Duration) string {
	s := int(max(d, 0).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// callName is the name of a call, or its number where it has none.
func callName(k observe.Key) string {
	if name, ok := syscalls.Name(k.ABI, k.NR); ok {
		return name
	}
	return fmt.Sprintf("%#x of %v", k.NR, k.ABI)
}
