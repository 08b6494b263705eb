package profile

import (
	"slices"
	"strconv"
	"strings"
)

// release is a version of an engine: major, minor and patch.
type release [3]uint16

// latest stands for a part that a name leaves open: 20.10 is the last of all
// 20.10, and what has no version at all is the last of all.
const latest = ^uint16(0)

// newest is what "default" names: newer than every release, so that it may
// have what none of them has yet.
var newest = release{latest, latest, latest}

// parseRelease reads a version as engines print theirs: 20.10.24, v24.0,
// 20.10.24+dfsg1. The parts that it leaves out are open.
func parseRelease(s string, open uint16) (release, bool) {
	if s == "default" {
		return newest, true
	}
	s = strings.TrimPrefix(s, "v")
	if i := strings.IndexAny(s, "+~-"); i > 0 {
		s = s[:i]
	}
	parts := strings.Split(s, ".")
	r := release{open, open, open}
	if len(parts) > len(r) {
		return r, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || uint16(n) == latest {
			return r, false
		}
		r[i] = uint16(n)
	}
	return r, true
}

func (r release) compare(other release) int { return slices.Compare(r[:], other[:]) }

// span is when something stands: from one release up to, but not in, another.
// The zero until is never.
type span struct{ since, until release }

func (s span) has(r release) bool {
	return s.since.compare(r) <= 0 && (s.until == release{} || r.compare(s.until) < 0)
}

// spans is when something stands. Releases are no line: what a branch got late
// the next one may have lacked at first.
type spans []span

func (s spans) has(r release) bool {
	return slices.ContainsFunc(s, func(one span) bool { return one.has(r) })
}

// parseSpans reads spans as in "23.0.10-24.0,25.0.3": from 23.0.10 up to 24.0,
// and from 25.0.3 on.
func parseSpans(text string) (spans, bool) {
	var out spans
	for _, part := range strings.Split(text, ",") {
		since, until, bounded := strings.Cut(part, "-")
		var s span
		ok := true
		if since != "" {
			s.since, ok = parseRelease(since, 0)
		}
		if bounded && ok {
			s.until, ok = parseRelease(until, 0)
		}
		if !ok || since == "" && !bounded {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}
