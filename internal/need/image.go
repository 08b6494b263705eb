package need

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"debug/elf"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// applets are the commands of busybox that an image of [Image] offers.
var applets = []string{"sh", "cat", "echo", "grep", "id", "ls", "mkdir", "nc", "ping", "sleep", "true", "uname", "wget"}

// Image makes a Docker image of a static busybox, without a registry, and
// returns the paths of the docker client and the image's name. The image is
// removed when the test ends. The test skips where there is no daemon (thing
// "docker") or no static busybox (thing "busybox").
func Image(t testing.TB) (docker, image string) {
	t.Helper()
	docker = Docker(t)
	archive := rootFS(t, Static(t, "busybox"))
	image = "callgate-test:" + strings.ToLower(rand.Text())
	cmd := exec.CommandContext(t.Context(), docker, "import", "-", image)
	cmd.Stdin = bytes.NewReader(archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		Missing(t, "docker", "docker cannot import an image: "+lastLine(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command(docker, "image", "rm", "--force", image).CombinedOutput(); err != nil {
			t.Errorf("cannot remove the image %s: %s", image, out)
		}
	})
	return docker, image
}

// Static returns the path of a statically linked program, and skips the test
// where there is none of this name (thing: the name).
func Static(t testing.TB, name string) string {
	t.Helper()
	path := Program(t, name)
	file, err := elf.Open(path)
	if err != nil {
		Missing(t, name, path+" is no ELF program")
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			Missing(t, name, path+" is not statically linked")
		}
	}
	return path
}

// rootFS is a tar archive of a root file system whose only program is busybox.
func rootFS(t testing.TB, busybox string) []byte {
	t.Helper()
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, program)
	add(tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0::/root:/bin/sh\n"))
	for _, name := range applets {
		add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
