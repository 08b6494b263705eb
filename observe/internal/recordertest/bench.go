package recordertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/tracee"
)

// plain starts a command that is not recorded.
var plain Start = func(c tracee.Command, _ bool) (Recorder, error) {
	pid, err := syscall.ForkExec(c.Path, c.Args, &syscall.ProcAttr{Env: c.Env, Files: c.FDs})
	return process{pid: pid}, err
}

// process is a command, as far as the benchmarks need it.
type process struct {
	Recorder
	pid int
}

func (p process) Signal(s syscall.Signal) error { return syscall.Kill(p.pid, s) }

func (p process) Close() error { return nil }

func (p process) Wait() (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(p.pid, &status, 0, nil); err != syscall.EINTR {
			return status, err
		}
	}
}

// inTurn measures work without a recorder and with one, in turn, and reports
// the ratio of the medians as "x" and the median with the recorder.
func (start Start) inTurn(b *testing.B, work func(Start) time.Duration) {
	var without, with []time.Duration
	for b.Loop() {
		without = append(without, work(plain))
		with = append(with, work(start))
	}
	slices.Sort(without)
	slices.Sort(with)
	low, high := without[len(without)/2], with[len(with)/2]
	b.ReportMetric(float64(high)/float64(low), "x")
	b.ReportMetric(float64(low.Microseconds())/1000, "ms-plain")
	b.ReportMetric(float64(high.Microseconds())/1000, "ms-recorded")
}

// DD compares dd with blocks of one byte, as many as blocks: two cheap calls
// each.
func (start Start) DD(b *testing.B, blocks int) {
	start.job(b, Command(b, Null(b), need.Program(b, "dd"), "if=/dev/zero", "of=/dev/null", "bs=1", fmt.Sprint("count=", blocks), "status=none"))
}

// Find compares a walk over the files of the system.
func (start Start) Find(b *testing.B) {
	start.job(b, Command(b, Null(b), need.Program(b, "find"), "/usr", "-xdev", "-size", "+1000000k"))
}

// Build compares a build in which nothing is left to compile but a package that
// the cache does not have.
func (start Start) Build(b *testing.B) {
	dir := b.TempDir()
	n := 0
	work := func(start Start) time.Duration {
		n++
		file := filepath.Join(dir, "main.go")
		text := fmt.Sprintf("package main\n\nimport \"net/http\"\n\nfunc main() { http.Handle(\"/%d\", nil) }\n", n)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		return start.elapsed(b, Command(b, Null(b), need.Program(b, "go"), "build", "-o", filepath.Join(dir, "main"), file))
	}
	work(plain) // fills the cache
	start.inTurn(b, work)
}

// job compares what a command takes.
func (start Start) job(b *testing.B, c tracee.Command) {
	start.inTurn(b, func(start Start) time.Duration { return start.elapsed(b, c) })
}

// elapsed is how long a command takes, with what it takes to start it, but for
// what a recorder does before that and says by a method Begun.
func (start Start) elapsed(b *testing.B, c tracee.Command) time.Duration {
	b.Helper()
	begin := time.Now()
	r, err := start(c, false)
	if err != nil {
		b.Fatal(err)
	}
	if r, ok := r.(interface{ Begun() time.Time }); ok {
		begin = r.Begun()
	}
	if status, err := r.Wait(); err != nil || status != 0 {
		b.Fatalf("%q ended with %#x: %v", c.Args, uint32(status), err)
	}
	elapsed := time.Since(begin)
	_ = r.Close()
	return elapsed
}

// Redis compares what redis-benchmark takes for its requests to a server.
func (start Start) Redis(b *testing.B) {
	socket := filepath.Join(b.TempDir(), "socket")
	c := Command(b, Null(b), need.Program(b, "redis-server"), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", b.TempDir())
	client := need.Program(b, "redis-benchmark")
	start.inTurn(b, func(start Start) time.Duration {
		r, err := start(c, false)
		if err != nil {
			b.Fatal(err)
		}
		awaitRedis(b, client, socket)
		begin := time.Now()
		if out, err := exec.Command(client, "-s", socket, "-t", "get,set", "-n", strconv.Itoa(20_000), "-q").CombinedOutput(); err != nil {
			b.Fatalf("redis-benchmark: %v\n%s", err, out)
		}
		elapsed := time.Since(begin)
		if err := r.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
		_, _ = r.Wait()
		_ = r.Close()
		return elapsed
	})
}

func awaitRedis(b *testing.B, client, socket string) {
	b.Helper()
	for range 1000 {
		if exec.Command(client, "-s", socket, "-t", "ping", "-n", "1", "-c", "1", "-q").Run() == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.Fatal("redis-server does not answer")
}
