package recordertest

import (
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

// DD compares dd with blocks of one byte: two cheap calls each.
func (start Start) DD(b *testing.B) {
	c := Command(b, Null(b), need.Program(b, "dd"), "if=/dev/zero", "of=/dev/null", "bs=1", "count=200000", "status=none")
	start.inTurn(b, func(start Start) time.Duration {
		begin := time.Now()
		r, err := start(c, false)
		if err != nil {
			b.Fatal(err)
		}
		if status, err := r.Wait(); err != nil || status != 0 {
			b.Fatalf("dd ended with %#x: %v", uint32(status), err)
		}
		elapsed := time.Since(begin)
		_ = r.Close()
		return elapsed
	})
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
