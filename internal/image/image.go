// Package image makes root file systems of the programs of this machine, for
// tests that need containers: as Docker images, without a registry, and as
// bundles for runc and crun.
package image

import (
	"crypto/rand"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
)

// Image is a root file system in a folder.
type Image struct {
	// Dir is the folder. It is removed when the test ends.
	Dir string
}

// New is a root file system with the folders and the users that every program
// expects, and no program.
func New(t testing.TB) *Image {
	t.Helper()
	i := &Image{Dir: t.TempDir()}
	for _, dir := range []string{"dev", "etc", "proc", "root", "run", "sys", "usr/bin", "usr/sbin", "usr/lib", "var/log", "work"} {
		i.mkdir(t, dir)
	}
	i.mkdir(t, "tmp")
	if err := os.Chmod(i.path("tmp"), 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		switch target, err := os.Readlink("/" + dir); err {
		case nil:
			i.Link(t, target, "/"+dir)
			i.mkdir(t, "usr/"+dir)
		default:
			i.mkdir(t, dir)
		}
	}
	i.Put(t, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", 0o644)
	i.Put(t, "/etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644)
	i.Put(t, "/etc/hosts", "127.0.0.1 localhost\n", 0o644)
	i.Put(t, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n", 0o644)
	return i
}

// path is where a path of the image is on this machine.
func (i *Image) path(name string) string { return filepath.Join(i.Dir, filepath.FromSlash(name)) }

func (i *Image) mkdir(t testing.TB, name string) {
	t.Helper()
	if err := os.MkdirAll(i.path(name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Put writes a file.
func (i *Image) Put(t testing.TB, name, content string, mode fs.FileMode) {
	t.Helper()
	i.mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(i.path(name), []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// Link makes a symbolic link.
func (i *Image) Link(t testing.TB, target, name string) {
	t.Helper()
	i.mkdir(t, filepath.Dir(name))
	if err := os.Symlink(target, i.path(name)); err != nil {
		t.Fatal(err)
	}
}

// Program adds programs by name, with the libraries that they load, at the
// paths that they have here. The test skips where there is none of a name
// (thing: the name).
func (i *Image) Program(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		i.Add(t, need.Program(t, name))
	}
}

// Busybox adds a static busybox under the names of its applets.
func (i *Image) Busybox(t testing.TB, applets ...string) {
	t.Helper()
	i.copy(t, need.Static(t, "busybox"), "/bin/busybox")
	for _, name := range applets {
		i.Link(t, "busybox", "/bin/"+name)
	}
}

// Add adds files and folders at the paths that they have here: of links their
// targets too, of programs and libraries the libraries that they load. A path
// that ends in "?" may be missing.
func (i *Image) Add(t testing.TB, paths ...string) {
	t.Helper()
	for _, p := range paths {
		p, optional := strings.CutSuffix(p, "?")
		if _, err := os.Lstat(p); optional && err != nil {
			continue
		}
		err := filepath.WalkDir(p, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				i.add(t, p, d)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// add adds one file, unless it is there.
func (i *Image) add(t testing.TB, p string, d fs.DirEntry) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Dir(p))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, filepath.Base(p)) // no link on the way to it
	if _, err := os.Lstat(i.path(name)); err == nil {
		return
	}
	switch d.Type() {
	case fs.ModeSymlink:
		target, err := os.Readlink(p)
		if err != nil {
			t.Fatal(err)
		}
		i.Link(t, target, name)
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		i.Add(t, target+"?")
	case 0:
		i.copy(t, p, name)
		i.Add(t, libraries(t, p)...)
	}
}

func (i *Image) copy(t testing.TB, from, to string) {
	t.Helper()
	i.mkdir(t, filepath.Dir(to))
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(i.path(to), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err2 := out.Close(); err == nil {
		err = err2
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Import makes a Docker image and returns the paths of the docker client and
// the image's name. The image is removed when the test ends. The test skips
// where there is no daemon (thing "docker").
func (i *Image) Import(t testing.TB) (docker, name string) {
	t.Helper()
	docker = need.Docker(t)
	name = "callgate-test:" + strings.ToLower(rand.Text())
	tar := exec.CommandContext(t.Context(), need.Program(t, "tar"), "-C", i.Dir, "-c", ".")
	load := exec.CommandContext(t.Context(), docker, "import", "-", name)
	stream, err := tar.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	load.Stdin = stream
	if err := tar.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := load.CombinedOutput()
	if err2 := tar.Wait(); err2 != nil || err != nil {
		t.Fatalf("cannot import an image: %v, %v: %s", err, err2, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(docker, "image", "rm", "--force", name).CombinedOutput(); err != nil {
			t.Errorf("cannot remove the image %s: %s", name, out)
		}
	})
	return docker, name
}
