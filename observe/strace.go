package observe

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// ReadStrace reads what strace (4.0 to 6.x) has written, in any of its forms:
// with or without -f, a file of -ff or -o or strace's stderr with the output of
// the program in between, any of -t -tt -ttt -r -T -n -i -k -y -yy -Y, or the
// table of -c. name is that of the log in errors. A log that is read again is
// the same recording.
//
// abi is that of the program that strace ran. Which ABI a call was made
// through, if another, a log tells only in part: by its number with -n, or by
// lines such as "[ Process PID=1 runs in 32 bit mode. ]", which strace writes
// to its stderr but not to a file. Without these, an executable has the first
// ABI that has all the calls it made: abi, or else another of the same machine.
//
// The error is a *[SyntaxError], for what must be strace's and cannot be used,
// such as a call that no ABI has, and for a log without any call; or that of r.
// Other lines are skipped; Recording.Limits says how many.
func ReadStrace(name string, r io.Reader, abi seccomp.ABI) (Observation, error) {
	s := &strace{abis: family(abi), processes: map[int]*process{}, ended: map[int]*process{}}
	out, err := readLog(name, "strace", r, s.line)
	if err != nil {
		return Observation{}, err
	}
	if !s.called && !s.table.used {
		return Observation{}, &SyntaxError{File: name, Line: 1, Column: 1, Err: errors.New("no line of the file is a system call in the form of strace")}
	}
	out.Start, out.End = s.start, s.end
	out.Limits = append(out.Limits, "strace does not tell calls that a filter refused with an errno from calls that failed")
	if s.table.used {
		out.Limits = append(out.Limits, "strace -c does not count calls that never return; of these, exit_group was added")
	}
	if s.skipped > 0 {
		out.Limits = append(out.Limits, fmt.Sprintf("lines that are not strace's may hide calls: %d, the first is line %d", s.skipped, s.firstSkipped))
	}
	s.fill(&out)
	return observed(out), nil
}

// strace is a log that is being read.
type strace struct {
	abis      []seccomp.ABI // of the machine, that of the program first
	processes map[int]*process
	ended     map[int]*process // the last of each number
	only      *process         // the last one of a line without a number
	images    []*image
	last      *process // of the line before
	broken    *process // of a line whose rest is to come
	called    bool     // a line was a call
	forking   *process // that of the last call that makes a process
	table     table

	start, end            int64
	skipped, firstSkipped int
}

// process is a thread as the log tells of it.
type process struct {
	first *image // before its first exec
	image *image
	abi   seccomp.ABI // as the log says; 0 where it does not
	call  *Seen       // the last that began
	name  string      // its name
	ended bool        // whether it returned
	child int         // the process that it made; 0 as long as it is not known
	path  string      // where it is an exec: the program
}

// line reads one line. Where strace writes to a terminal, or to what the
// program writes to, the news of a new process breaks a line in two.
func (s *strace) line(n int, text string) error {
	before, news, broken := strings.Cut(text, "strace: Process ")
	if !broken || before == "" {
		broken, before = false, text
	}
	err := s.whole(n, before)
	if broken && err == nil {
		s.attached("Process " + news)
		s.broken = s.last
	}
	return err
}

// whole reads one line.
func (s *strace) whole(n int, text string) error {
	if s.table.line(s, text) {
		return nil
	}
	c := &cursor{line: text}
	p := c.prefix()
	if p.time > 0 {
		s.start, s.end = earliest(s.start, p.time), max(s.end, p.time)
	}
	rest := c.rest()
	switch {
	case strings.HasPrefix(rest, "<... "):
		return s.resumed(c, p)
	case strings.HasPrefix(rest, "+++ "), strings.HasPrefix(rest, "--- "):
		s.event(p.pid, rest)
		return nil
	case c.take("[ Process PID="):
		s.mode(c)
		return nil
	case c.skippable():
		s.attached(rest)
		return nil
	}
	if name := c.run(nameBytes); name != "" && c.take("(") {
		return s.begins(c, p, name)
	}
	if s.broken != nil {
		s.ends(s.broken, rest)
		s.broken = nil
		return nil
	}
	if s.skipped++; s.skipped == 1 {
		s.firstSkipped = n
	}
	return nil
}

// process is the one with a number, which is 0 where the line has none. strace
// writes no numbers as long as there is one process, which can then be told
// from its children by having been there before them.
func (s *strace) process(pid int) *process {
	p := s.processes[pid]
	first := s.processes[0]
	switch {
	case p != nil:
		return p
	case pid == 0 && len(s.processes) == 1:
		for _, s.only = range s.processes {
			return s.only
		}
	case pid == 0 && s.only != nil:
		return s.only // its child is not attached yet
	case pid != 0 && first != nil && forks(first.name) && !first.ended && first.child == 0:
		s.forked(first, pid) // with -q nothing says that it is attached
		return s.processes[pid]
	case pid != 0 && first != nil:
		delete(s.processes, 0)
		s.processes[pid] = first
		return first
	}
	return s.add(pid)
}

// add is a new process.
func (s *strace) add(pid int) *process {
	first := s.image("")
	p := &process{first: first, image: first}
	if s.last != nil {
		p.abi = s.last.abi
	}
	s.processes[pid] = p
	return p
}

// image is a new image.
func (s *strace) image(path string) *image {
	i := &image{path: path, calls: map[called]*Seen{}}
	s.images = append(s.images, i)
	return i
}

// begins reads a call; the cursor is behind the parenthesis that opens its
// arguments.
func (s *strace) begins(c *cursor, p prefix, name string) error {
	proc := s.process(p.pid)
	key, err := s.name(c, proc, p, name)
	if err != nil {
		return err
	}
	seen := proc.image.calls[key]
	if seen == nil {
		seen = &Seen{First: p.time}
		proc.image.calls[key] = seen
	}
	seen.Count++
	seen.First, seen.Last = earliest(seen.First, p.time), max(seen.Last, p.time)
	proc.call, proc.name, proc.path, proc.ended, proc.child = seen, name, "", false, 0
	s.called = true
	if strings.HasPrefix(name, "exec") {
		proc.path = execPath(name, c.rest())
	}
	if forks(name) {
		s.forking = proc
	}
	s.last, s.broken = proc, nil
	s.ends(proc, c.rest())
	return nil
}

// name is what a call is.
func (s *strace) name(c *cursor, proc *process, p prefix, name string) (called, error) {
	abis := s.abis
	if proc.abi != 0 {
		abis = []seccomp.ABI{proc.abi}
	}
	if nr, ok := unnamed(name); ok {
		abi := abis[0]
		for _, a := range abis {
			if a.Base() != 0 && nr >= a.Base() {
				abi = a
			}
		}
		return called{abi: abi, nr: nr}, nil
	}
	if p.numbered {
		for _, abi := range abis {
			is, _ := syscalls.Name(abi, p.nr)
			if m, ok := syscalls.Through(abi, name); is == name || ok && m.Number == p.nr {
				return called{abi: abi, nr: p.nr}, nil
			}
		}
	}
	for _, abi := range abis {
		if _, ok := numberOf(abi, name); ok {
			return called{abi: proc.abi, name: name}, nil
		}
	}
	c.at -= len(name) + 1
	return called{}, c.errorf("no system call %q on %v: is it a log of another machine?", name, abis[0])
}

// resumed reads the rest of a call that began on an earlier line.
func (s *strace) resumed(c *cursor, p prefix) error {
	c.take("<... ")
	name := c.run(nameBytes)
	if first := s.processes[0]; first != nil && p.pid != 0 && s.processes[p.pid] == nil && first.name == name && !first.ended {
		delete(s.processes, 0)
		s.processes[p.pid] = first
	}
	proc := s.process(p.pid)
	if proc.name != name || proc.call == nil {
		if !c.take(" resumed>") {
			return nil // "<... resuming interrupted", or not strace's
		}
		return s.begins(c, p, name) // it began before the log did
	}
	s.last = proc
	s.ends(proc, c.rest())
	return nil
}

// ends reads the result of a call, if it is on the line.
func (s *strace) ends(proc *process, rest string) {
	result, ok := result(rest)
	if !ok {
		return
	}
	proc.ended = result != "?"
	if _, injected, _ := strings.Cut(result, " (INJECTED"); strings.HasPrefix(injected, ")") || strings.Contains(injected, "retval") {
		proc.deny()
		return
	}
	switch value, _, _ := strings.Cut(result, " "); {
	case proc.path != "" && value == "0":
		proc.image = s.image(proc.path)
		proc.path = ""
	case forks(proc.name):
		s.forked(proc, number(value))
	}
}

// forked notes whose child a process is.
func (s *strace) forked(parent *process, pid int) {
	if pid <= 0 || pid == parent.child {
		return
	}
	parent.child = pid
	child := s.processes[pid]
	if gone := s.ended[pid]; child == nil && gone != nil && gone.first.from == nil {
		child = gone // of a vfork, whose child is the first to go on
	}
	delete(s.ended, pid)
	if child == nil {
		child = s.add(pid)
	}
	if child.first.from == nil && parent.image.origin() != child.first { // a log can say anything
		child.first.from = parent.image
	}
}

// attached reads "Process 5 attached", by which strace says that it follows a
// new process.
func (s *strace) attached(rest string) {
	rest = strings.TrimPrefix(rest, "strace: ")
	words := strings.Fields(rest)
	if len(words) >= 3 && words[0] == "Process" && strings.HasPrefix(words[2], "attached") && s.forking != nil {
		s.forked(s.forking, number(words[1]))
	}
}

// event reads a line on a signal or on the end of a process.
func (s *strace) event(pid int, rest string) {
	proc := s.process(pid)
	switch {
	case strings.HasPrefix(rest, "--- SIGSYS {") && strings.Contains(rest, "si_code=SYS_SECCOMP"),
		strings.HasPrefix(rest, "+++ killed by SIGSYS") && !proc.ended:
		proc.deny()
	case strings.HasPrefix(rest, "+++ superseded by execve in pid "):
		words := strings.Fields(rest)
		if by := number(words[len(words)-2]); s.processes[by] != nil {
			s.processes[pid] = s.processes[by]
			delete(s.processes, by)
			return
		}
	}
	if strings.HasPrefix(rest, "+++ exited") || strings.HasPrefix(rest, "+++ killed") {
		for n, p := range s.processes { // its number can come again
			if p == proc {
				delete(s.processes, n)
				s.ended[n] = p
			}
		}
	}
}

// deny says of the last call that it was stopped.
func (p *process) deny() {
	if p.call != nil && p.call.Count > 0 {
		p.call.Count--
		p.call.Denied++
	}
	p.call, p.path, p.name = nil, "", ""
}

// mode reads by which ABI a process makes its next calls.
func (s *strace) mode(c *cursor) {
	proc := s.process(number(c.run(digits)))
	if c.take(" runs in ") {
		proc.abi = s.modeABI(c.rest())
	}
	s.last = proc
}

// modeABI is the ABI that strace calls "32 bit mode" and the like.
func (s *strace) modeABI(mode string) seccomp.ABI {
	for _, abi := range s.abis {
		word := fmt.Sprintf("%d bit", abi.WordBits())
		switch abi {
		case seccomp.X32:
			word = "x32"
		case seccomp.MIPS64N32, seccomp.MIPSEL64N32:
			word = "n32"
		}
		if strings.HasPrefix(strings.ToLower(mode), word) {
			return abi
		}
	}
	return 0
}
