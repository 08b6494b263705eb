package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCgroupHint is about paths that name no cgroup, on machines with version 1
// and with version 2.
func TestCgroupHint(t *testing.T) {
	tree := func(dirs ...string) string {
		root := t.TempDir()
		for _, dir := range dirs {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, dir, "cgroup.procs"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return root
	}
	one, two := tree("cpu", "cpu/a", "pids", "pids/docker/x"), tree(".", "docker/x", "pids.slice")
	if err := os.WriteFile(filepath.Join(two, "cgroup.controllers"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ root, path, want string }{
		{one, "/docker/x", "did you mean: --cgroup " + one + "/pids/docker/x"},
		{one, one + "/docker/x", "did you mean: --cgroup " + one + "/pids/docker/x"},
		{one, "a", "did you mean: --cgroup " + one + "/cpu/a"},
		{one, "/no/such", "cgroups are of version 1 here: want a path of one hierarchy, as in " + one + "/pids/"},
		{two, "/docker/x", "did you mean: --cgroup " + two + "/docker/x"},
		{two, "/no/such", "want a path as in " + two + "/system.slice/"},
	} {
		if got := cgroupHint(c.root, c.path); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s\nwant %s", c.path, got, c.want)
		}
	}
}

// TestRoomHint is about the reasons why a file cannot be written.
func TestRoomHint(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOSPC: "make room", syscall.EDQUOT: "make room", syscall.EROFS: "read-only", syscall.EACCES: "other",
	} {
		if got := roomHint(&fs.PathError{Op: "write", Path: "x", Err: err}, "other"); !strings.Contains(got, want) {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// TestScratch leaves a directory behind as a killed recording does, beside one
// that is in use, a file and a link of the same name.
func TestScratch(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	used, err := newScratch()
	if err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(temp, "callgate-record-"+name) }
	kept := t.TempDir()
	err = errors.Join(
		os.Mkdir(path("left"), 0o700), os.WriteFile(filepath.Join(path("left"), "profile.json"), nil, 0o600),
		os.WriteFile(path("file"), nil, 0o600), os.Symlink(kept, path("link")),
	)
	if err != nil {
		t.Fatal(err)
	}
	second, err := newScratch()
	if err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{used.dir: true, second.dir: true, path("left"): false, path("file"): true, path("link"): true, kept: true} {
		if _, err := os.Lstat(name); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(used.close(), second.close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(used.dir); err == nil {
		t.Error("the directory is left")
	}
}

// TestResolved follows links to files that are, and are not, there.
func TestResolved(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	err = errors.Join(os.Mkdir(at("d"), 0o700), os.Symlink("d", at("dl")), os.WriteFile(at("d/f"), nil, 0o600),
		os.Symlink("dl/f", at("fl")), os.Symlink("dl/none", at("nl")), os.Symlink("loop", at("loop")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"fl": "d/f", "dl/f": "d/f", "nl": "d/none", "dl/none": "d/none", "loop": "loop", "x/y": "x/y"} {
		if got := resolved(at(name)); got != at(want) {
			t.Errorf("%s: %s, want %s", name, got, at(want))
		}
	}
}
