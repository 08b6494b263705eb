package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/callgate/callgate/observe"
)

// This file is about recordings in which the workload made no call: nothing
// was there to record, or a container was started and never got to its program.
// What the runtime called on the way is no profile, and no reason to replace
// one that is there.

// errNothing is a recording without a call.
var errNothing = &failure{
	status: statusTool,
	err:    errors.New("no system call was recorded, and nothing was written"),
	hint:   "a workload that sleeps makes none: record for longer",
}

// notBegun ends such a recording: the outputs stay as they are. The status is
// the command's, which says why.
func (r *recordVerb) notBegun(f *follower, failed error) error {
	f.warnOfRest()
	recorded, j, status := f.recording, f.journal, f.wait()
	if len(recorded.Calls) == 0 {
		j.discard()
		return cmp.Or(failed, ofCommand(status, errNothing), f.workload.unseen, error(errNothing))
	}
	text := "the container never reached its program, and nothing was written"
	if stopped := deniedNames(recorded); len(stopped) > 0 {
		text += "; its profile stops what the runtime calls: " + strings.Join(stopped, ", ")
	}
	kept := j.keep(observe.Observation{Recordings: []observe.Recording{recorded}})
	e := &failure{status: statusTool, err: errors.Join(failed, errors.New(text), kept)}
	if status != nil {
		e.status, e.answer = statusOf(status), true
	}
	if j.name != "" && len(deniedNames(recorded)) > 0 {
		e.hint = fmt.Sprintf("callgate profile --denied allow %s -o FILE makes a profile that allows them", j.name)
	}
	return e
}

// deniedNames are the names of the calls that a filter stopped, sorted.
func deniedNames(r observe.Recording) []string { return callNames(denials(r)) }

// denials are what a filter stopped of a recording, without what was made.
func denials(r observe.Recording) observe.Recording {
	calls := r.Calls
	r.Calls = map[observe.Key]observe.Seen{}
	for k, s := range calls {
		if s.Denied > 0 {
			s.Count = 0
			r.Calls[k] = s
		}
	}
	return r
}

// ofCommand is the failure of a command that ended with a status which is not
// 0, with what there is to say about it; nil for any other.
func ofCommand(status error, about error) error {
	if e := (*failure)(nil); !errors.As(status, &e) || e.err != nil {
		return status
	}
	return &failure{status: statusOf(status), answer: true, err: about}
}
