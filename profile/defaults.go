package profile

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The profiles that are built into engines, with their history, in the form
// that compact.go describes.
//
//go:embed defaults
var defaultFiles embed.FS

// ErrNoDefault is matched by the error of [Default] for an unknown name.
var ErrNoDefault = errors.New("no such built-in profile")

// history is what is known of an engine's default profile.
type history struct {
	engine Engine
	file   string
	// oldest and newest are the first release that is known and the last
	// branch; "" where there is only the newest profile.
	oldest, newest string
	code           bool // the profile is made by code: see Profile.Code
}

// The histories, and where they are from: seccomp/default.json of
// github.com/moby/profiles, and profiles/seccomp/default.json of
// github.com/docker/docker before; pkg/seccomp/seccomp.json of
// go.podman.io/common as each Podman has it; contrib/seccomp of
// github.com/containerd/containerd. CRI-O takes Podman's, without unshare but
// for those who have CAP_SYS_ADMIN (internal/config/seccomp).
var histories = []history{
	{engine: Docker, file: "docker", oldest: "19.03", newest: "29"},
	{engine: Podman, file: "podman", oldest: "4.3", newest: "5"},
	{engine: CRIO, file: "podman"},
	{engine: Containerd, file: "containerd", oldest: "2.3.4", newest: "2", code: true},
}

// Default is a profile that is built into an engine. Its name is the engine
// and a version, or "default" for the newest profile: docker:default,
// docker:20.10.24, docker:28, podman:4.3, cri-o:default, containerd:2.4.
// Parts of a version that are left out are the last ones: docker:20.10 is that
// of 20.10.24. A profile stands until the release that changed it, and in
// further releases of the last branch that is known.
//
// Positions in it are those of the compact form in which this package keeps
// it, which [DefaultLine] shows. The error matches [ErrNoDefault] and says
// what there is, the nearest first.
func Default(name string) (*Profile, error) {
	h, r, err := lookUp(name)
	if err != nil {
		return nil, err
	}
	p, err := parseCompact(name, h.text(), edition{h.engine.String(), r})
	if err == nil {
		p.Code = h.code
	}
	return p, err
}

// DefaultEngine is the engine whose built-in profile has that name, as it reads
// profiles in that version. The error is that of [Default].
func DefaultEngine(name string) (Engine, error) {
	h, r, err := lookUp(name)
	if err != nil {
		return 0, err
	}
	return h.engine.at(r, name)
}

// HasDefault reports whether name begins like those of [Default]: with an
// engine that has a built-in profile, and a colon.
func HasDefault(name string) bool {
	_, _, ok := historyOf(name)
	return ok
}

// historyOf is the history of the engine that a name begins with, and the rest
// of the name.
func historyOf(name string) (history, string, bool) {
	scheme, version, ok := strings.Cut(name, ":")
	i := slices.IndexFunc(histories, func(h history) bool { return h.engine.String() == scheme })
	if !ok || i < 0 {
		return history{}, "", false
	}
	return histories[i], version, true
}

func lookUp(name string) (history, release, error) {
	h, version, ok := historyOf(name)
	if !ok {
		return h, newest, noDefault(Defaults())
	}
	r, ok := parseRelease(version, latest)
	if !ok || r != newest && !h.knows(r) {
		return h, r, noDefault(h.nearest(r, ok, name))
	}
	return h, r, nil
}

func noDefault(known []string) error {
	if len(known) == 1 {
		return fmt.Errorf("%w: want %s, the newest: of other versions nothing is known", ErrNoDefault, known[0])
	}
	return fmt.Errorf("%w: want one of %s, or a version between", ErrNoDefault, strings.Join(known, ", "))
}

// knows reports whether there is anything to say about a release.
func (h history) knows(r release) bool {
	first, _ := parseRelease(h.oldest, 0)
	last, _ := parseRelease(h.newest, latest)
	return h.oldest != "" && first.compare(r) <= 0 && r.compare(last) <= 0 && (h.engine != Docker || r.released())
}

// released reports whether Docker has releases of the branch of r: before 23.0 only
// 19.03 and 20.10.
func (r release) released() bool {
	for _, branch := range []release{{19, 3}, {20, 10}} {
		if r[0] == branch[0] {
			return r[1] == branch[1] || r[1] == latest
		}
	}
	return r[0] >= 23
}

// nearest are the names of h for one that it does not know: those of the
// nearest versions first, or one that is hardly otherwise written.
func (h history) nearest(r release, isRelease bool, name string) []string {
	names := h.names()
	first, _ := parseRelease(h.oldest, 0)
	switch {
	case !isRelease:
		const longest = 64 // bounds the cost
		name = name[:min(len(name), longest)]
		slices.Reverse(names)
		near := func(known string) int { return min(distance(name, known), 3) } // more is another version
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(near(a), near(b)) })
	case first.compare(r) <= 0:
		slices.Reverse(names)
	}
	return names
}

func (h history) text() string {
	text, err := defaultFiles.ReadFile("defaults/" + h.file + ".txt")
	if err != nil {
		panic(err) // the names of files are constant
	}
	return string(text)
}

// Defaults are the names of the profiles that are all different, by engine,
// the oldest first. [Default] knows every version between them.
func Defaults() []string {
	var names []string
	for _, h := range histories {
		names = append(names, h.names()...)
	}
	return names
}

// names are the names of the profiles that are all different: by the first
// release that had each, or by its branch where no later release of that has
// another.
func (h history) names() []string {
	var names []string
	changes := h.changes()
	for i, c := range changes {
		next := newest
		if i+1 < len(changes) {
			next, _ = parseRelease(changes[i+1], 0)
		}
		names = append(names, h.engine.String()+":"+shortest(c, next))
	}
	return append(names, h.engine.String()+":default")
}

// changes are the releases that changed the profile, as they are written.
func (h history) changes() []string {
	if h.oldest == "" {
		return nil
	}
	written := map[release]string{}
	for word := range strings.FieldsSeq(h.text()) {
		_, mark, _ := strings.Cut(word, "@")
		for _, s := range strings.FieldsFunc(mark, func(r rune) bool { return r == ',' || r == '-' || r == ':' }) {
			if r, ok := parseRelease(s, 0); ok && r != newest {
				written[r] = s
			}
		}
	}
	first, _ := parseRelease(h.oldest, 0)
	written[first] = h.oldest
	var out []string
	for _, r := range slices.SortedFunc(maps.Keys(written), release.compare) {
		out = append(out, written[r])
	}
	return out
}

// shortest is how the release is called that begins a profile that stands up to
// another: without the parts that do not tell it from the other.
func shortest(written string, next release) string {
	for strings.Count(written, ".") < 2 {
		written += ".0"
	}
	for {
		dot := strings.LastIndexByte(written, '.')
		if dot < 0 || strings.Count(written, ".") == 1 && written[dot:] != ".0" {
			return written // 28.2, and not 28
		}
		if r, _ := parseRelease(written[:dot], latest); r.compare(next) >= 0 {
			return written
		}
		written = written[:dot]
	}
}

// DefaultLine is what stands at a position in the profile that is built in
// under that name, as in
//
//	allow@20.10 unless cap SYS_ADMIN unless arch s390 s390x when a0 & 0x7e020000 == 0x0: clone
//
// Of a rule with names on several lines it is the head and the name at the
// position, with "..." for the others. Behind "@" stands since when; what the
// profile does not have is left out. It is "" where there is nothing.
func DefaultLine(name string, at Pos) string {
	h, r, err := lookUp(name)
	if err != nil {
		return ""
	}
	lines := strings.Split(h.text(), "\n")
	if at.Line < 1 || int(at.Line) > len(lines) {
		return ""
	}
	head := int(at.Line) - 1
	line := lines[head]
	for head > 0 && strings.HasPrefix(lines[head], " ") {
		head--
	}
	if head+1 == len(lines) || !strings.HasPrefix(lines[head+1], " ") {
		return edition{h.engine.String(), r}.line(line)
	}
	keywords, _, _ := strings.Cut(lines[head], ":")
	if at.Column < 1 || int(at.Column) > len(line) {
		return keywords + ": ..."
	}
	word, _, _ := strings.Cut(line[at.Column-1:], " ")
	return keywords + ": ... " + word + " ..."
}
