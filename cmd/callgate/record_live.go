package main

import (
	"fmt"
	"os"
	"time"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/syscalls"
)

// liveLine is the line that tells of a recording while it goes on.
type liveLine struct {
	terminal *terminal
	known    map[string]bool
	newest   string
	since    time.Time
	shown    bool
}

// newLiveLine is nil, which shows nothing, where talk goes to no terminal.
func newLiveLine(t *terminal) *liveLine {
	f, ok := t.talk.(*os.File)
	if !ok || !isTerminal(f) || os.Getenv("NO_COLOR") != "" {
		return nil
	}
	return &liveLine{terminal: t, known: map[string]bool{}}
}

// show replaces the line.
func (l *liveLine) show(r observe.Recording, now time.Time) {
	if l == nil {
		return
	}
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
	fmt.Fprintf(l.terminal.talk, "\r\x1b[K%s", line)
	l.shown = true
}

// clear takes the line away.
func (l *liveLine) clear() {
	if l != nil && l.shown {
		fmt.Fprint(l.terminal.talk, "\r\x1b[K")
		l.shown = false
	}
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
