package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/syscalls"
)

// recorder is what records a workload: by eBPF, notifications or ptrace.
type recorder interface {
	// Snapshot is what was seen so far.
	Snapshot() (observe.Recording, error)
	// Alive is how many tasks are followed.
	Alive() (int, error)
	Close() error
}

// workload is what is being recorded.
type workload struct {
	recorder recorder
	// command is closed when the command has ended, nil where there is none.
	command <-chan struct{}
	// status is the exit status of the command, or why it has none: to be
	// read when command is closed.
	status error
	// unseen says what may be wrong where nothing was seen; nil for nothing.
	unseen error
	// facts completes a recording by what is known of how it began.
	facts func(*observe.Recording)
	// cleanup removes what was made for the workload; nil for nothing.
	cleanup func() error
}

// close lets go of the workload, which goes on.
func (w *workload) close() error {
	err := w.recorder.Close()
	if w.cleanup != nil {
		err = errors.Join(err, w.cleanup())
	}
	return err
}

// wait waits for the end of the command and returns how it ended.
func (w *workload) wait() error {
	if w.command == nil {
		return nil
	}
	<-w.command
	return w.status
}

// pollEvery is how often the state is looked at.
const pollEvery = 250 * time.Millisecond

// journalEvery is how often it is kept: what a recording can lose.
const journalEvery = 900 * time.Millisecond

// follow follows a workload to the end of its recording, and returns the
// recording: what there is of it, where there is an error.
func (r *recordVerb) follow(words []string, w *workload, j *journal) (observe.Recording, error) {
	f := follower{verb: r, words: words, workload: w, journal: j, begun: time.Now(), id: newID()}
	if !r.quiet {
		f.live = newLiveLine(r.terminal)
	}
	err := f.loop()
	f.look(time.Now())
	f.live.clear()
	f.recording.End = time.Now().UnixNano()
	if err == nil {
		err = f.err
	}
	return f.recording, err
}

// newID is the name of a recording.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// follower is a recording in progress.
type follower struct {
	verb      *recordVerb
	words     []string
	workload  *workload
	journal   *journal
	live      *liveLine
	id        string
	begun     time.Time
	kept      time.Time
	recording observe.Recording
	err       error
	warned    bool
}

// loop looks at the state until the recording is to end.
func (f *follower) loop() error {
	interrupted := make(chan os.Signal, 4)
	if f.workload.command == nil {
		endedBySignals(interrupted)
		defer signal.Stop(interrupted)
	}
	var over <-chan time.Time
	if f.verb.duration > 0 {
		over = time.After(f.verb.duration)
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	command := f.workload.command
	for {
		select {
		case <-interrupted:
			return nil
		case <-over:
			return nil
		case <-command:
			command = nil
			// From here on what is typed at the terminal ends the recording.
			endedBySignals(interrupted)
			defer signal.Stop(interrupted)
			if f.ended() {
				return nil
			}
			f.verb.terminal.say("the command has ended, and processes that it started go on: Ctrl-C ends the recording")
		case now := <-tick.C:
			f.look(now)
			if command == nil && f.ended() {
				return nil
			}
		}
	}
}

// endedBySignals has the signals that end a recording sent to a channel, but for those
// that callgate was started to ignore, as by nohup.
func endedBySignals(c chan<- os.Signal) {
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}

// ended reports whether nothing is left to record.
func (f *follower) ended() bool {
	n, err := f.workload.recorder.Alive()
	return err != nil || n == 0
}

// look takes a snapshot, shows it and keeps it.
func (f *follower) look(now time.Time) {
	s, err := f.workload.recorder.Snapshot()
	if err != nil {
		f.err = err
		return
	}
	s.ID = f.id
	s.Target = f.words
	s.Start = f.begun.UnixNano()
	s.End = now.UnixNano()
	if v, err := kernel.Running(); err == nil {
		s.Kernel = v
	}
	if f.workload.facts != nil {
		f.workload.facts(&s)
	}
	f.recording = s
	f.live.show(s, now)
	if now.Sub(f.kept) < journalEvery {
		return
	}
	f.kept = now
	if err := f.journal.write(observe.Observation{Recordings: []observe.Recording{s}}); err != nil && !f.warned {
		f.warned = true
		f.live.clear()
		f.verb.terminal.warn("%v", err)
	}
}

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
