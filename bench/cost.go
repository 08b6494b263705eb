package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Cost is what calls cost by a program, in executed instructions: the first load
// and the return count.
type Cost struct {
	Mean float64 // over all calls of x86_64, each once and with arguments of zero
	Max  int     // of those
	// Longest is the most that any call can cost, through any ABI and with any
	// arguments.
	Longest int
}

// CostOf runs the program on every call of x86_64, and finds the longest path.
func CostOf(p bpf.Program) (Cost, error) {
	var c Cost
	calls, sum := 0, 0
	for nr := range syscalls.All(seccomp.X86_64) {
		n, err := executed(p, Call{Number: nr})
		if err != nil {
			return c, err
		}
		calls++
		sum += n
		c.Max = max(c.Max, n)
	}
	c.Mean = float64(sum) / float64(calls)
	path, err := LongestPath(p)
	c.Longest = path.Instructions
	return c, err
}

func executed(p bpf.Program, c Call) (int, error) {
	steps, _, err := p.Trace(order, c.data())
	return len(steps), err
}

// Workload is which calls of x86_64 a program made, and how often.
type Workload struct {
	Name  string
	Calls map[Call]uint64
}

// Mean is the mean cost of the workload's calls.
func (w Workload) Mean(p bpf.Program) (float64, error) {
	var sum, calls float64
	for c, count := range w.Calls {
		n, err := executed(p, c)
		if err != nil {
			return 0, err
		}
		sum += float64(n) * float64(count)
		calls += float64(count)
	}
	return sum / calls, nil
}

// Weights are the workload's calls, for a filter that is laid out for them.
func (w Workload) Weights() compile.Weights {
	calls := map[uint32]uint64{}
	for c, count := range w.Calls {
		calls[c.Number] += count
	}
	return compile.Weights{seccomp.X86_64: calls}
}

// ReadWorkloads reads a folder with two tables of tab-separated columns below
// a line of titles: syscalls.tsv has the workload, the number of a call, its
// name and how often it was made, and arg0.tsv the same with the first argument
// before the count, for some of these calls.
func ReadWorkloads(dir string) ([]Workload, error) {
	var all []Workload
	of := func(name string) map[Call]uint64 {
		for _, w := range all {
			if w.Name == name {
				return w.Calls
			}
		}
		all = append(all, Workload{name, map[Call]uint64{}})
		return all[len(all)-1].Calls
	}
	err := readTable(filepath.Join(dir, "syscalls.tsv"), func(line string) error {
		var workload string
		var c Call
		var count uint64
		_, err := fmt.Sscan(line, &workload, &c.Number, &c.Name, &count)
		of(workload)[c] += count
		return err
	})
	if err != nil {
		return nil, err
	}
	err = readTable(filepath.Join(dir, "arg0.tsv"), func(line string) error {
		var workload string
		var c Call
		var arg0, count uint64
		if _, err := fmt.Sscan(line, &workload, &c.Number, &c.Name, &arg0, &count); err != nil {
			return err
		}
		calls := of(workload)
		if count > calls[c] {
			return fmt.Errorf("%d of the %d calls have a first argument", count, calls[c])
		}
		if calls[c] -= count; calls[c] == 0 {
			delete(calls, c)
		}
		c.Args[0] = arg0
		calls[c] += count
		return nil
	})
	return all, err
}

// readTable calls row for each line of a file but the first.
func readTable(path string, row func(line string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if n == 1 || strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if err := row(lines.Text()); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	return lines.Err()
}
