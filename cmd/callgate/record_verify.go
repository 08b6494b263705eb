package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/observe/notify"
)

// mostRounds is how often --add runs the workload again at most.
const mostRounds = 20

// verified runs the workload again under the profile that was written, and
// tells which calls it denies. With --add they are allowed, and the workload is
// run once more, until none is denied.
func (r *recordVerb) verified(t target, known observe.Observation) error {
	for range mostRounds {
		denied, err := r.verify(t)
		if err != nil {
			return err
		}
		if len(denied.Calls) == 0 {
			r.say("verified: %s denies none of the workload's calls", r.profilePath())
			return nil
		}
		names := callNames(denied)
		if !r.add {
			return &failure{
				status: statusTool,
				err:    fmt.Errorf("%s denies what the workload calls: %s", r.profilePath(), strings.Join(names, ", ")),
				hint:   "with --add they are allowed",
			}
		}
		r.say("denied, and allowed now: %s", strings.Join(names, ", "))
		known.Merge(observe.Observation{Recordings: []observe.Recording{denied}})
		r.profile.options.AllowDenied = true
		if err := r.write(known); err != nil {
			return err
		}
	}
	return &failure{status: statusTool, err: fmt.Errorf("after %d runs the workload still makes calls that no run before it made", mostRounds)}
}

// verify runs the workload under the profile, and returns the denied calls.
func (r *recordVerb) verify(t target) (observe.Recording, error) {
	w, err := t.verify()
	if err != nil {
		return observe.Recording{}, err
	}
	f, err := r.follow(t.words, w, &journal{})
	err = errors.Join(err, w.close())
	var e *failure
	if status := f.wait(); status != nil && !(errors.As(status, &e) && e.err == nil) {
		err = errors.Join(err, status) // not the status of the command
	}
	denied := denials(f.recording)
	if err == nil && len(denied.Calls) == 0 && !f.recording.Began() {
		err = errNotBegunAgain
	}
	return denied, err
}

// errNotBegunAgain is a run under the profile that shows nothing.
var errNotBegunAgain = &failure{status: statusTool, err: errors.New("the workload made no call when it was run again, so that nothing is verified")}

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
	rec, err := notify.Start(command(path, args), notify.Options{Filter: f.program})
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
