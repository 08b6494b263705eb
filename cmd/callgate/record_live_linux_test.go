package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/need"
)

// screen is what a terminal shows: as much of one as the live line and a
// workload that writes lines need.
type screen struct {
	sync.Mutex
	cells                  [][]byte
	row, column            int
	savedRow, savedColumn  int
	bottom                 int // the last row that scrolls
	odd                    string
	escape                 []byte
	inEscape, everLastUsed bool
}

func newScreen(rows, columns int) *screen {
	s := &screen{bottom: rows - 1}
	for range rows {
		s.cells = append(s.cells, []byte(strings.Repeat(" ", columns)))
	}
	return s
}

// write takes what is written to the terminal.
func (s *screen) write(text []byte) {
	s.Lock()
	defer s.Unlock()
	for _, c := range text {
		switch {
		case s.inEscape:
			s.escape = append(s.escape, c)
			if s.escape[0] != '[' || len(s.escape) > 1 && c >= '@' {
				s.control(string(s.escape))
				s.inEscape, s.escape = false, nil
			}
		case c == '\x1b':
			s.inEscape = true
		case c == '\r':
			s.column = 0
		case c == '\n':
			s.down()
		default:
			s.put(c)
		}
	}
}

func (s *screen) put(c byte) {
	if s.column == len(s.cells[0]) {
		s.column = 0
		s.down()
	}
	s.cells[s.row][s.column] = c
	s.column++
	s.everLastUsed = s.everLastUsed || s.row == len(s.cells)-1
}

// down goes to the next row, and scrolls where there is none.
func (s *screen) down() {
	if s.row != s.bottom {
		s.row = min(s.row+1, len(s.cells)-1)
		return
	}
	copy(s.cells, s.cells[1:s.bottom+1])
	s.cells[s.bottom] = []byte(strings.Repeat(" ", len(s.cells[0])))
}

func (s *screen) control(sequence string) {
	var n, m int
	switch {
	case sequence == "7":
		s.savedRow, s.savedColumn = s.row, s.column
	case sequence == "8":
		s.row, s.column = s.savedRow, s.savedColumn
	case sequence == "D":
		s.down()
	case sequence == "[A":
		s.row = max(0, s.row-1)
	case sequence == "[K":
		for i := s.column; i < len(s.cells[s.row]); i++ {
			s.cells[s.row][i] = ' '
		}
	case sequence == "[r":
		s.bottom, s.row, s.column = len(s.cells)-1, 0, 0
	case strings.HasSuffix(sequence, "r"):
		fmt.Sscanf(sequence, "[%d;%dr", &n, &m)
		s.bottom, s.row, s.column = m-1, 0, 0
	case strings.HasSuffix(sequence, "H"):
		fmt.Sscanf(sequence, "[%d;%dH", &n, &m)
		s.row, s.column = n-1, m-1
	default:
		s.odd += " " + sequence
	}
}

// rows are the lines that are shown, without blanks at their ends.
func (s *screen) rows() []string {
	s.Lock()
	defer s.Unlock()
	var all []string
	for _, line := range s.cells {
		all = append(all, strings.TrimRight(string(line), " "))
	}
	return all
}

// onScreen starts callgate record on a terminal of a size.
func onScreen(t *testing.T, rows, columns int, env []string, args ...string) (*screen, func() int) {
	t.Helper()
	terminal, side, err := openTerminal()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	if err := unix.IoctlSetWinsize(int(side.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(need.PublicDir(t), "a.json")
	cmd := callgate(t, append([]string{"record", "-o", file}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = side, side, side
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	side.Close()
	s := newScreen(rows, columns)
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := terminal.Read(b)
			s.write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	return s, func() int {
		status := ends(t, cmd)
		<-read
		terminal.Close()
		return status
	}
}

// TestLiveLine looks at the screen while a command is recorded which leaves a
// line without its end.
func TestLiveLine(t *testing.T) {
	for _, columns := range []int{30, 80, 200} {
		s, wait := onScreen(t, 6, columns, []string{"TERM=xterm", "NO_COLOR=1"},
			"sh", "-c", "for i in 1 2 3 4 5 6 7; do echo line $i; done; printf 'Password: '; sleep 2; echo given; sleep 0.6")
		time.Sleep(1500 * time.Millisecond)
		rows := s.rows()
		if !strings.HasPrefix(rows[5], "callgate: 0:0") || rows[4] != "Password:" || rows[3] != "line 7" {
			t.Errorf("%d columns: the screen shows %q", columns, rows)
		}
		if status := wait(); status != 0 || s.odd != "" {
			t.Errorf("status %d, %q", status, s.odd)
		}
		all := strings.Join(s.rows(), "\n")
		if strings.Contains(all, "callgate: 0:0") || s.bottom != 5 {
			t.Errorf("the line is left:\n%s", all)
		}
	}
}

// TestNoLiveLine looks at terminals that have no cursor, or are used for more
// than lines.
func TestNoLiveLine(t *testing.T) {
	for _, c := range []struct{ term, script string }{
		{"dumb", "sleep 1"},
		{"xterm", "stty -icanon -echo; sleep 1"},
	} {
		s, wait := onScreen(t, 24, 100, []string{"TERM=" + c.term}, "sh", "-c", c.script)
		if status := wait(); status != 0 || s.everLastUsed {
			t.Errorf("%v: status %d, %q", c, status, s.rows())
		}
	}
}

// TestNoLiveLineInteractive looks at a container that reads the terminal.
func TestNoLiveLineInteractive(t *testing.T) {
	need.Root(t)
	docker, name := need.Image(t)
	s, wait := onScreen(t, 100, 100, []string{"TERM=xterm"}, docker, "run", "--rm", "-i", name, "sleep", "1")
	if status := wait(); status != 0 || s.everLastUsed {
		t.Errorf("status %d, %q", status, s.rows())
	}
}
