package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/observe/notify"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// mostRounds is how often --add runs the workload again at most.
const mostRounds = 20

// verified runs the workload again under the profile that was written, and
// tells which calls it denies. With --add they are allowed, and the workload is
// run once more, until none is denied. A run takes as long as the workload took
// when it was recorded, more or less: what is denied may make it loop, and never
// end.
func (r *recordVerb) verified(t target, known observe.Observation, took time.Duration) error {
	for range mostRounds {
		again, err := r.verify(t, r.verifyBound(took))
		if err != nil {
			return err
		}
		denied, logged := callNames(denials(again)), callNames(made(again))
		if len(denied) == 0 && (len(logged) == 0 || !r.add) {
			r.say("verified: %s denies none of the workload's calls", r.profilePath())
			if len(logged) > 0 {
				r.say("it does not list, and only has logged: %s", strings.Join(logged, ", "))
			}
			return nil
		}
		if !r.add {
			return &failure{
				status: statusNo, answer: true,
				err:  fmt.Errorf("%s denies what the workload calls: %s", r.profilePath(), strings.Join(denied, ", ")),
				hint: "with --add they are allowed",
			}
		}
		r.say("not listed, and allowed now: %s", strings.Join(callNames(again), ", "))
		known.Merge(observe.Observation{Recordings: []observe.Recording{again}})
		r.profile.options.AllowDenied = true
		if err := r.write(known); err != nil {
			return err
		}
	}
	return &failure{
		status: statusNo, answer: true,
		err: fmt.Errorf("after %d runs the workload still makes calls that no run before it made", mostRounds),
	}
}

// alsoVerified is the outcome of a command that ended with a status, and was
// verified. What verifying found does not hide that the command failed.
func alsoVerified(status, verified error) error {
	if e := (*failure)(nil); status == nil || verified == nil || !errors.As(verified, &e) || !e.answer {
		return cmp.Or(verified, status)
	}
	return ofCommand(status, verified)
}

// verifyBound limits a run under the profile, of a workload that took some time
// when it was recorded.
func (r *recordVerb) verifyBound(took time.Duration) bound {
	if r.duration > 0 {
		return bound{total: r.duration}
	}
	return bound{total: max(10*took, leastVerify), denied: max(took, leastVerify/2)}
}

// leastVerify is what a run under the profile may take in any case.
const leastVerify = 10 * time.Second

// verify runs the workload under the profile, and returns the calls that this
// denied, and those that it only had logged, as made.
func (r *recordVerb) verify(t target, b bound) (observe.Recording, error) {
	for r.relay.came() != 0 { // what came up to now was about the run before
	}
	w, err := t.verify()
	if err != nil {
		return observe.Recording{}, err
	}
	f, err := r.follow(t.words, w, &journal{}, b)
	if err != nil || f.alive || w.running() {
		err = errors.Join(err, w.end())
	}
	err = errors.Join(err, w.close())
	if e := (*failure)(nil); err == nil && !(errors.As(w.status, &e) && e.err == nil) {
		err = w.status // not that of the command
	}
	unlisted, logsErr := r.unlisted(w, f.recording)
	err = errors.Join(err, logsErr)
	switch {
	case err != nil || len(unlisted.Calls) > 0:
	case f.left != 0:
		err = &failure{status: 128 + int(f.left), err: fmt.Errorf("ended by %s, and not verified", signalName(f.left))}
	case w.container != nil && !f.recording.Began():
		err = errNotBegunAgain
	}
	return unlisted, err
}

// unlisted are the calls of a run under the profile that it does not list: it
// denied them, or had them logged. Of a command nothing else is recorded; of a
// container all is, and the profile tells.
func (r *recordVerb) unlisted(w *workload, recorded observe.Recording) (observe.Recording, error) {
	if w.container == nil {
		return recorded, nil
	}
	p, _, err := r.profile.env.policy(r.terminal, r.profilePath())
	if err != nil {
		return recorded, err
	}
	calls := recorded.Calls
	recorded.Calls = map[observe.Key]observe.Seen{}
	for k, s := range calls {
		if !logs(p, k, s) {
			s.Count = 0
		}
		if s.Count > 0 || s.Denied > 0 {
			recorded.Calls[k] = s
		}
	}
	return recorded, nil
}

// logs reports whether a policy answers LOG to a call, as far as the values of
// its arguments are known.
func logs(p *policy.Policy, k observe.Key, s observe.Seen) bool {
	call := seccomp.Data{Arch: k.ABI.Arch(), NR: k.NR}
	for _, tuple := range s.Values.Tuples {
		for i, arg := range observe.Interesting(k.ABI, k.NR) {
			call.Args[arg] = tuple[i]
		}
		if p.Eval(call).Kind() == seccomp.Log {
			return true
		}
	}
	if len(s.Values.Tuples) > 0 {
		return false
	}
	answers, err := p.Consider(call, 0)
	is := func(kind seccomp.Action) bool {
		return slices.ContainsFunc(answers, func(c policy.Candidate) bool { return c.Action.Kind() == kind })
	}
	return err == nil && is(seccomp.Log) && !is(seccomp.Allow)
}

// made are the calls of a recording that no filter stopped.
func made(r observe.Recording) observe.Recording {
	calls := r.Calls
	r.Calls = map[observe.Key]observe.Seen{}
	for k, s := range calls {
		if s.Count > 0 {
			r.Calls[k] = s
		}
	}
	return r
}

// errNotBegunAgain is a run under the profile that shows nothing.
var errNotBegunAgain = &failure{status: statusTool, err: errors.New("the container did not start again, so that nothing is verified")}

// verifyCommand runs a command under the profile that was written.
func (r *recordVerb) verifyCommand(args []string) (*workload, error) {
	path, err := lookUp(args[0])
	if err != nil {
		return nil, err
	}
	confined := runner{terminal: r.terminal, env: r.profile.env}
	f, err := confined.filter(r.profilePath())
	if err != nil {
		return nil, err
	}
	rec, err := notify.Start(command(path, args), notify.Options{Filter: f.program, Logged: true})
	if err != nil {
		return nil, notStarted(path, err)
	}
	return r.recordedBy(rec), nil
}

// profilePath is the file of the profile, "" for none.
func (r *recordVerb) profilePath() string {
	i := slices.IndexFunc(r.outputs, func(name string) bool { return !isObservation(name) && name != "-" && regular(name) })
	if i < 0 {
		return ""
	}
	return r.outputs[i]
}

// written is the profile that was written.
func (r *recordVerb) written() ([]byte, error) { return os.ReadFile(r.profilePath()) }

// callNames are the names of the calls of a recording, sorted.
func callNames(r observe.Recording) []string {
	var names []string
	for k := range r.Calls {
		names = append(names, callName(k))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
