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
		denied, err := r.verify(t, r.verifyBound(took))
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
				status: statusNo, answer: true,
				err:  fmt.Errorf("%s denies what the workload calls: %s", r.profilePath(), strings.Join(names, ", ")),
				hint: "with --add they are allowed",
			}
		}
		r.say("denied, and allowed now: %s", strings.Join(names, ", "))
		known.Merge(observe.Observation{Recordings: []observe.Recording{denied}})
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

// verify runs the workload under the profile, and returns the denied calls.
func (r *recordVerb) verify(t target, b bound) (observe.Recording, error) {
	w, err := t.verify()
	if err != nil {
		return observe.Recording{}, err
	}
	f, err := r.follow(t.words, w, &journal{}, b)
	if err != nil || f.cut || f.left != 0 {
		err = errors.Join(err, w.end())
	}
	err = errors.Join(err, w.close())
	if e := (*failure)(nil); err == nil && !(errors.As(w.status, &e) && e.err == nil) {
		err = w.status // not that of the command
	}
	denied := denials(f.recording)
	switch {
	case err != nil || len(denied.Calls) > 0:
	case f.left != 0:
		err = &failure{status: 128 + int(f.left), err: fmt.Errorf("ended by %s, and not verified", signalName(f.left))}
	case w.container != nil && !f.recording.Began():
		err = errNotBegunAgain
	}
	return denied, err
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
