package observe

import (
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// table reads the tables of strace -c: a line of headings, one of dashes, rows,
// dashes again, and the total. The dashes tell which columns belong together.
type table struct {
	state    tableState
	heading  string
	columns  [][2]int // where each begins and ends, in bytes
	calls    int      // index of the column with the number of calls
	syscall  int
	abi      seccomp.ABI
	announce seccomp.ABI // of a heading such as "... for 32 bit mode:"
	used     bool        // a row was a call
}

type tableState uint8

const (
	outside tableState = iota
	behindHeading
	inside
	behindRows
)

// line reads a line, and reports whether it belongs to a table.
func (t *table) line(s *strace, text string) bool {
	const announcement = "System call usage summary for "
	switch {
	case strings.HasPrefix(text, announcement):
		t.announce = s.modeABI(strings.TrimPrefix(text, announcement))
		return true
	case isHeading(text):
		t.heading, t.state = text, behindHeading
		t.abi, t.announce = t.announce, 0
		if t.abi == 0 {
			t.abi = native(s.abis[0])
		}
		return true
	case t.state == behindHeading && isDashes(text):
		t.layOut(text)
		return true
	case t.state == inside && isDashes(text):
		t.state = behindRows
		return true
	case t.state == behindRows:
		t.state = outside
		return strings.HasSuffix(text, "total")
	case t.state == inside:
		return t.row(s, text)
	}
	t.state = outside
	return false
}

func isHeading(text string) bool {
	words := strings.Fields(text)
	return len(words) > 1 && words[len(words)-1] == "syscall" && strings.Contains(text, "calls") && !strings.Contains(text, "(")
}

func isDashes(text string) bool {
	return strings.HasPrefix(text, "------") && strings.Trim(text, "- ") == ""
}

// layOut finds the columns.
func (t *table) layOut(dashes string) {
	t.columns, t.calls, t.syscall = nil, -1, -1
	for at := 0; at < len(dashes); {
		end := at
		for end < len(dashes) && dashes[end] == '-' {
			end++
		}
		switch cell(t.heading, [2]int{at, end}) {
		case "calls":
			t.calls = len(t.columns)
		case "syscall":
			t.syscall = len(t.columns)
		}
		t.columns = append(t.columns, [2]int{at, end})
		at = end + 1
	}
	t.state = inside
	if t.syscall < 0 {
		t.state = outside
	}
}

// cell is what stands in a column; the last one goes to the end of the line.
func cell(text string, column [2]int) string {
	from, to := min(column[0], len(text)), min(column[1], len(text))
	return strings.TrimSpace(text[from:to])
}

// row reads a row, and reports whether it is one.
func (t *table) row(s *strace, text string) bool {
	column := t.columns[t.syscall]
	if t.syscall == len(t.columns)-1 {
		column[1] = len(text)
	}
	name := cell(text, column)
	if _, ok := numberOf(t.abi, name); !ok {
		return false
	}
	count := uint64(1)
	if t.calls >= 0 {
		count, _ = strconv.ParseUint(cell(text, t.columns[t.calls]), 10, 64)
	}
	if s.called {
		return true // -C: the lines above have said it all
	}
	t.used = true
	calls := s.process(0).image.calls
	calls[called{abi: t.abi, name: name}] = &Seen{Count: max(count, 1)}
	calls[called{abi: t.abi, name: "exit_group"}] = &Seen{Count: 1} // strace does not count it
	return true
}
