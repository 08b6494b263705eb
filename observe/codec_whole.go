package observe

import "fmt"

// This file finds files that are not whole: one that was cut at the end of a
// line reads like one of fewer calls, and would make too tight a profile. So the
// first line says how many recordings follow, and the line of a recording how
// many calls.

// announced is how many lines of a kind a line above them has announced.
type announced struct {
	want *int // nil: it has not said
	got  int
}

// short is an error where fewer, or more, lines came than were announced.
func (a announced) short(what string) error {
	if a.want == nil || *a.want == a.got {
		return nil
	}
	return fmt.Errorf("%d %s announced, and %d are there: the file was cut, or changed", *a.want, what, a.got)
}

// callsEnd checks the calls of the last recording, behind which nothing more
// can come.
func (d *decoder) callsEnd() error {
	err := d.calls.short("calls of the recording above were")
	d.calls = announced{}
	return err
}

// fileEnd checks the recordings of a file, which ends here.
func (d *decoder) fileEnd() error {
	if err := d.callsEnd(); err != nil {
		return err
	}
	err := d.files.short("recordings were")
	d.files = announced{}
	return err
}
