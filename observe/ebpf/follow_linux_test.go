//go:build amd64 || arm64

package ebpf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/internal/need"
)

// waiting is a process with two threads and a child, all of which wait for the
// end of what the returned pipe gives them, and then make a marker call three
// times each, as one more child does.
func waiting(t *testing.T, program string, attr *syscall.SysProcAttr) (*exec.Cmd, io.Closer) {
	t.Helper()
	cmd := exec.Command(program, "wait")
	cmd.SysProcAttr = attr
	in := ready(t, cmd, 2) // the process and its child
	asleep(t, cmd.Process.Pid)
	return cmd, in
}

// asleep waits until every thread of a process and of its children sleeps in
// read.
func asleep(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		all, err := processes()
		if err != nil {
			t.Fatal(err)
		}
		waiting, others := 0, 0
		for _, p := range descendants(all, pid) {
			tids, err := threads(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, tid := range tids {
				if c := callUnderWay(p, tid); c.ok && c.nr == unix.SYS_READ {
					waiting++
				} else {
					others++
				}
			}
		}
		if waiting == 3 && others == 0 {
			return
		}
	}
	t.Fatal("the threads do not come to wait")
}

// ready starts a command, which goes on when its input is closed, and waits
// until it has written so many lines.
func ready(t *testing.T, cmd *exec.Cmd, n int) io.Closer {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for range n {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return in
}

// wantMarkers fails unless all four threads of waiting were followed.
func wantMarkers(t *testing.T, r *Recorder, program string) {
	t.Helper()
	rec := finish(t, r)
	complete(t, rec)
	got := names(rec)
	if got["getpgid"] != 12 || got["read"] != 3 {
		t.Errorf("%v; want 12 markers and the 3 reads that were under way", got)
	}
	for k, s := range rec.Calls {
		if k.Executable != program || s.Denied != 0 {
			t.Errorf("%+v: %+v", k, s)
		}
	}
}

// TestFollowProcess attaches to a tree that is in the midst of calls.
func TestFollowProcess(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	for _, v := range variants(t) {
		r := opened(t, v, Options{}, defaultSizes)
		cmd, in := waiting(t, program, nil)
		for range 2 { // once more adds nothing
			if err := r.FollowProcess(cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := r.Alive(); n != 3 || err != nil {
			t.Errorf("%d threads live, %v, want 3", n, err)
		}
		in.Close()
		wantMarkers(t, r, program)
	}
}

// TestDetach ends what a recorder sees, and keeps what it saw.
func TestDetach(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	r := opened(t, variants(t)[0], Options{}, defaultSizes)
	record(t, r, program, "fork")
	cmd, _ := waiting(t, program, nil)
	if err := r.FollowProcess(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	rec, err := r.Snapshot()
	if got := names(rec); err != nil || got["getpgid"] != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if err := r.FollowProcess(cmd.Process.Pid); err == nil {
		t.Error("a closed recorder follows")
	}
	if _, err := r.Alive(); err == nil {
		t.Error("a closed recorder knows who lives")
	}
}

func TestFollowNobody(t *testing.T) {
	r := opened(t, variants(t)[0], Options{}, defaultSizes)
	const nobody = 1 << 30
	for what, err := range map[string]error{
		"FollowStart":     r.FollowStart(nobody),
		"FollowProcess":   r.FollowProcess(nobody),
		"FollowContainer": r.FollowContainer([]int{nobody, nobody + 1}),
		"FollowCgroup":    r.FollowCgroup(filepath.Join(t.TempDir(), "none")),
	} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestFollowContainer follows who enters the mount namespace later.
func TestFollowContainer(t *testing.T) {
	need.Program(t, "nsenter")
	program := compiled(t, "children.c", "-pthread")
	for _, v := range variants(t) {
		r := opened(t, v, Options{}, defaultSizes)
		cmd, in := waiting(t, program, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS})
		other, otherIn := waiting(t, program, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS})
		if err := r.FollowContainer([]int{cmd.Process.Pid}); err != nil {
			t.Fatal(err)
		}
		for _, pid := range []int{cmd.Process.Pid, other.Process.Pid} {
			if out, err := exec.Command("nsenter", "-m", "-t", strconv.Itoa(pid), program, "marker").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		in.Close()
		otherIn.Close()
		want := uint64(12 + 3)
		if !r.btf {
			want = 12
		}
		if got := names(finish(t, r)); got["getpgid"] != want {
			t.Errorf("%s: %d markers, want %d: %v", v.name, got["getpgid"], want, got)
		}
	}
}

// cgroup makes a cgroup of version 2 in whatever place has them.
func cgroup(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		path := filepath.Join(dir, fmt.Sprintf("callgate-test-%d", os.Getpid()))
		if err := os.MkdirAll(filepath.Join(path, "below"), 0o755); err != nil {
			need.Missing(t, "cgroup2", err.Error())
		}
		t.Cleanup(func() {
			for _, p := range []string{filepath.Join(path, "below"), path} {
				if err := os.Remove(p); err != nil {
					t.Error(err)
				}
			}
		})
		return path
	}
	need.Missing(t, "cgroup2", "no cgroup of version 2")
	return ""
}

func TestFollowCgroup(t *testing.T) {
	need.Root(t)
	program := compiled(t, "children.c", "-pthread")
	path := cgroup(t)
	put := func(dir string, pid int) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range variants(t) {
		r := opened(t, v, Options{}, defaultSizes)
		cmd, in := waiting(t, program, nil)
		put(path, cmd.Process.Pid)
		later, laterIn := waiting(t, program, nil)
		if err := r.FollowCgroup(path); err != nil {
			t.Fatal(err)
		}
		// Who comes in by exec is followed at once.
		script := "echo $$ > " + filepath.Join(path, "below", "cgroup.procs") + "; exec " + program + " marker"
		if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		// Who is moved as he runs is followed soon.
		put(path, later.Process.Pid)
		for {
			if n, err := r.Alive(); err != nil {
				t.Fatal(err)
			} else if n == 4 { // not the child of the first, which was never moved
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		in.Close()
		laterIn.Close()
		rec := finish(t, r)
		complete(t, rec)
		if got := names(rec); got["getpgid"] != 2*9+3 {
			t.Errorf("%s: %d markers, want 21", v.name, got["getpgid"])
		}
	}
}

// TestNamespaces loses none of 1,500 mount namespaces that are there at once.
func TestNamespaces(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	rec := record(t, opened(t, variants(t)[0], Options{}, defaultSizes), program, "unshare", "1500")
	complete(t, rec)
	if got := names(rec); got["getpgid"] != 4500 || got["unshare"] != 1500 {
		t.Errorf("%v", got)
	}
}

// TestMarksApart has two containers start at once, again and again.
func TestMarksApart(t *testing.T) {
	program := compiled(t, "children.c", "-pthread")
	v := variants(t)[0]
	a, b := opened(t, v, Options{Mark: 1<<63 + 11}, defaultSizes), opened(t, v, Options{Mark: 1<<63 + 12}, defaultSizes)
	for range 20 {
		var running []*exec.Cmd
		for mark, argument := range map[uint64]string{1<<63 + 11: "marker", 1<<63 + 12: "none"} {
			cmd := child("mark", fmt.Sprint(mark), "60", "10", "0", program, argument)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			running = append(running, cmd)
		}
		for _, cmd := range running {
			_ = cmd.Wait() // one does not know its argument
		}
	}
	if got := names(finish(t, a)); a.Started() != 20 || got["getpgid"] != 60 || got["exit_group"] != 20 {
		t.Errorf("one started %d times: %v", a.Started(), got)
	}
	if got := names(finish(t, b)); b.Started() != 20 || got["getpgid"] != 0 || got["exit_group"] != 20 {
		t.Errorf("the other started %d times: %v", b.Started(), got)
	}
}

// TestNoNewPrivs tells whether all workloads had it.
func TestNoNewPrivs(t *testing.T) {
	need.Program(t, "setpriv")
	r := opened(t, variants(t)[0], Options{}, defaultSizes)
	with := exec.Command("setpriv", "--no-new-privs", "sleep", "60")
	without := exec.Command("sleep", "60")
	for _, cmd := range []*exec.Cmd{with, without} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
	}
	for text := ""; text != "sleep"; time.Sleep(time.Millisecond) {
		comm, err := os.ReadFile(procPath(with.Process.Pid, "comm"))
		if err != nil {
			t.Fatal(err)
		}
		text = strings.TrimSpace(string(comm))
	}
	for i, cmd := range []*exec.Cmd{with, without} {
		if err := r.FollowProcess(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if rec, err := r.Snapshot(); err != nil || rec.NoNewPrivs != (i == 0) {
			t.Errorf("%d: no_new_privs %v, %v", i, rec.NoNewPrivs, err)
		}
	}
}

// TestKernelThreads is about threads that make no calls, for which the kernel
// says that they are in the call 0.
func TestKernelThreads(t *testing.T) {
	if name, _ := os.ReadFile("/proc/2/comm"); string(name) != "kthreadd\n" {
		t.Skip("the threads of the kernel are not in this namespace")
	}
	if !worksForKernel("/proc/2") || worksForKernel("/proc/self") {
		t.Errorf("kthreadd: %v, this process: %v", worksForKernel("/proc/2"), worksForKernel("/proc/self"))
	}
	need.Root(t)
	r, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.FollowProcess(2); !errors.Is(err, ErrKernelThread) {
		t.Errorf("FollowProcess: %v", err)
	}
	if n, err := r.seed(2, stateUnknown); n != 0 || err != nil { // as a cgroup has them
		t.Errorf("%d threads are followed, %v", n, err)
	}
}
