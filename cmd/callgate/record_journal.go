package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/callgate/callgate/observe"
)

// journal keeps the state of a recording in a file, so that what was seen is
// not lost where callgate is killed. Each state replaces the one before as a
// whole. The file is locked while it is the journal of a recording: one that
// can be locked was left behind.
type journal struct {
	name   string // "" for none
	before observe.Observation
	file   *os.File // the present state, locked; nil before the first
	last   []byte
}

// openJournal makes a journal for the recording of a target. What an earlier
// recording of the same target left is taken over.
func openJournal(name string, target []string, t *terminal) (*journal, error) {
	j := &journal{name: name}
	if name == "" {
		return j, nil
	}
	old, err := os.OpenFile(name, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A first state shows now whether the file can be written at all.
		return j, j.write(observe.Observation{})
	case err != nil:
		return nil, err
	}
	j.file = old
	if err := lock(old); err != nil {
		j.close()
		return nil, &failure{
			status: statusMachine,
			err:    fmt.Errorf("%s is locked: another recording is writing it", name),
			hint:   "wait for its end, or name another file with -o",
		}
	}
	if j.before, err = readObservation(name); err != nil {
		j.close()
		return nil, &failure{
			status: statusUsage,
			err:    fmt.Errorf("a recording that was killed, or could not be written, left its state, which cannot be read: %w", err),
			hint:   "remove " + name,
		}
	}
	return j, j.takeOver(target, t)
}

// takeOver tells of what is in the journal, which must be of the same target. A
// recording that never got to its workload stands in nobody's way.
func (j *journal) takeOver(target []string, t *terminal) error {
	var before observe.Observation
	for _, r := range j.before.Recordings {
		same := slices.Equal(r.Target, target)
		if !same && r.Began() {
			j.close()
			return usage(
				fmt.Errorf("%s has the state of a recording that was killed or could not be written, of another workload: %s", j.name, printableWords(r.Target)),
				fmt.Sprintf("callgate profile %s -o FILE makes a profile of it; then remove it", j.name))
		}
		if same {
			before.Merge(observe.Observation{Recordings: []observe.Recording{r}})
			t.say("a recording of this workload was killed or could not be written; the %d calls that it had seen are part of this one (remove %s to begin anew)", len(r.Calls), j.name)
		}
	}
	j.before = before
	return nil
}

// lock locks a file, or fails where it is locked.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// write makes o, and what was there before, the state.
func (j *journal) write(o observe.Observation) error {
	if j.name == "" {
		return nil
	}
	o.Merge(j.before)
	var b bytes.Buffer
	if err := o.Write(&b); err != nil {
		return err
	}
	if bytes.Equal(b.Bytes(), j.last) {
		return nil
	}
	f, err := createBeside(j.name)
	if err == nil {
		_, err = f.Write(b.Bytes())
		err = errors.Join(err, lock(f))
		if err == nil {
			err = os.Rename(f.Name(), j.name)
		}
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}
	if err != nil {
		return &failure{status: statusMachine, err: fmt.Errorf("the state of the recording cannot be kept beside the output: %w", err), hint: roomHint(err, "name a file in a directory that exists and can be written")}
	}
	j.close()
	j.file, j.last = f, b.Bytes()
	return nil
}

// close gives up the lock and leaves the file.
func (j *journal) close() {
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
}

// keep makes o the last state, for a result that is not written, and says where
// it is.
func (j *journal) keep(o observe.Observation) error {
	if err := j.write(o); err != nil {
		return err
	}
	if j.file == nil {
		return nil
	}
	defer j.close()
	return fmt.Errorf("what was recorded is in %s", j.name)
}

// discard ends the journal of a recording that did not begin: what was left
// before stays.
func (j *journal) discard() {
	if len(j.before.Recordings) == 0 {
		j.remove()
	}
	j.close()
}

// remove ends the journal: the result is written.
func (j *journal) remove() {
	if j.name != "" {
		os.Remove(j.name)
	}
	j.close()
}
