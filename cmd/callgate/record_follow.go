package main

import (
	"crypto/rand"
	"encoding/hex"
	"syscall"
	"time"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/observe"
)

// pollEvery is how often the state is looked at.
const pollEvery = 250 * time.Millisecond

// journalEvery is how often it is kept: what a recording can lose.
const journalEvery = 900 * time.Millisecond

// sameRequest is how close signals come that are one request for an end:
// timeout(1), for one, signals its command and then the whole process group.
const sameRequest = 500 * time.Millisecond

// aftermath is what the processes get that a command leaves behind which was
// told to end: most of them end with it.
const aftermath = time.Second

// bound limits a recording; the zero value is no limit.
type bound struct {
	total time.Duration
	// denied is what is left when the first call has been denied.
	denied time.Duration
}

// follow follows a workload to the end of its recording, which is what there is
// of it where there is an error.
func (r *recordVerb) follow(words []string, w *workload, j *journal, b bound) (*follower, error) {
	f := &follower{verb: r, words: words, workload: w, journal: j, bound: b, begun: time.Now(), id: newID()}
	if c := w.container; !r.quiet && !(c != nil && c.line.Interactive) {
		f.live = newLiveLine(r.terminal)
	}
	f.limit(f.begun, b.total)
	f.loop()
	f.look(time.Now())
	f.live.clear()
	f.alive = !f.ended()
	f.recording.End = time.Now().UnixNano()
	return f, f.err
}

// limit ends the recording some time after now; 0 is no limit.
func (f *follower) limit(now time.Time, d time.Duration) {
	if end := now.Add(d); d > 0 && (f.until.IsZero() || end.Before(f.until)) {
		f.until = end
	}
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

	bound    bound
	denied   bool           // a call has been
	alive    bool           // something went on at the end of the recording
	cut      bool           // the recording ended while something went on
	until    time.Time      // when the recording ends at the latest; zero is never
	request  time.Time      // when the command was first asked to end
	reminded bool           // what the next signal does has been said
	left     syscall.Signal // the signal at which callgate leaves a command that runs
}

// loop looks at the state until the recording is to end.
func (f *follower) loop() {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	command := f.workload.command
	for {
		select {
		case s := <-f.verb.relay.asked:
			if f.asked(s, command != nil) {
				return
			}
		case <-command:
			command = nil
			if f.ended() {
				return
			}
			if !f.request.IsZero() {
				f.limit(time.Now(), aftermath)
				continue
			}
			f.say("%s: Ctrl-C ends the recording", f.goesOn())
		case now := <-tick.C:
			f.look(now)
			if command == nil && f.ended() {
				return
			}
			if !f.until.IsZero() && now.After(f.until) {
				f.cut = true
				return
			}
			f.remind(now, command != nil, "ends the recording, and leaves the command running")
		}
	}
}

// goesOn says what goes on when the command has ended.
func (f *follower) goesOn() string {
	if c := f.workload.container; c != nil {
		return c.line.Engine.String() + " has ended, and the container goes on"
	}
	return "the command has ended, and processes that it started go on"
}

// greet says once how the container is recorded, when it was seen to start.
func (f *follower) greet() {
	if c := f.workload.container; c != nil && c.greeting != "" && c.begun() {
		f.say("%s", c.greeting)
		c.greeting = ""
	}
}

// warnOfRest warns of the container that is left under the profile which is
// only there to record it.
func (f *follower) warnOfRest() {
	if c := f.workload.container; c != nil {
		if text := c.warning(f.alive, f.verb.profilePath()); text != "" {
			f.verb.terminal.warn("%s", text)
		}
	}
}

// asked reports whether a signal ends what callgate is doing. The first that
// asks a command to end is the command's, for which callgate then waits; one
// that comes later is callgate's own. SIGHUP asks daemons for something else,
// any number of times.
func (f *follower) asked(s syscall.Signal, running bool) bool {
	switch now := time.Now(); {
	case !running:
		return true
	case s == syscall.SIGHUP:
	case f.request.IsZero():
		f.request = now
	case now.Sub(f.request) >= sameRequest:
		f.left = s
		return true
	}
	return false
}

// remind says once what the next signal does, where the command goes on after
// it was asked to end.
func (f *follower) remind(now time.Time, running bool, next string) {
	if running && !f.reminded && !f.request.IsZero() && now.Sub(f.request) > 2*sameRequest {
		f.reminded = true
		f.say("the command was told to end, and goes on: another Ctrl-C or SIGTERM %s", next)
	}
}

// wait waits for the end of the command and returns how it ended, or 128 and
// the signal that ended the waiting.
func (f *follower) wait() error {
	if f.workload.command == nil {
		return nil
	}
	if f.cut && f.workload.running() {
		f.say("the recording has ended, and the command goes on: callgate waits for its end")
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for f.left == 0 {
		select {
		case <-f.workload.command:
			return f.workload.status
		case s := <-f.verb.relay.asked:
			f.asked(s, true)
		case now := <-tick.C:
			f.remind(now, true, "leaves it running")
		}
	}
	return exit(128 + int(f.left))
}

// length is how long the recording was.
func (f *follower) length() time.Duration {
	return time.Duration(f.recording.End - f.recording.Start)
}

// say talks, without the live line in between.
func (f *follower) say(format string, args ...any) {
	f.live.clear()
	f.verb.say(format, args...)
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
	f.greet()
	f.live.show(s, now)
	if !f.denied && len(denials(s).Calls) > 0 {
		f.denied = true
		f.limit(now, f.bound.denied)
	}
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
