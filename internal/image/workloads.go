package image

import (
	"embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
)

// Workload is a job for a container, which does the same each time.
type Workload struct {
	Name string
	// Job is the command line of the container.
	Job []string
	// Want is what the job writes to its standard output.
	Want string
	fill func(testing.TB, *Image)
}

// Image makes the image that the job needs. The test skips where the programs
// for it are missing (things: their names).
func (w Workload) Image(t testing.TB) *Image {
	t.Helper()
	i := New(t)
	w.fill(t, i)
	return i
}

//go:embed programs
var programs embed.FS

// program puts one of the embedded files into an image.
func (i *Image) program(t testing.TB, name, to string) {
	t.Helper()
	b, err := programs.ReadFile("programs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	i.Put(t, to, string(b), 0o644)
}

// Workloads are ten of them: servers, interpreters, a compiler, programs of
// many processes and of many threads, static ones and a 32-bit one.
func Workloads() []Workload {
	return []Workload{
		{"busybox", []string{"sh", "/work/job.sh"}, busyboxWant, fillBusybox},
		{"nginx", []string{"sh", "/work/job.sh"}, strings.Repeat("hello\n", 16) + "missing\nhello\n", fillNginx},
		{"redis", []string{"sh", "/work/job.sh"}, redisWant, fillRedis},
		{"python", []string{"python3", "/work/job.py"}, pythonWant, fillPython},
		{"git", []string{"sh", "/work/job.sh"}, gitWant, fillGit},
		{"node", []string{"node", "/work/job.js"}, "hello /49\n100000\ntrue\n2\n42\n", fillNode},
		{"go", []string{"/work/httpserver", "1000"}, "1000 answers\n", fillGo},
		{"gcc", []string{"sh", "/work/job.sh"}, "hello, 5\nhello, 5\n", fillGCC},
		{"static32", []string{"sh", "-c", "/work/many; echo $?"}, "hello 7\n5000 bytes, 32 bits\n3\n", fillStatic32},
		{"bash", []string{"bash", "/work/job.sh"}, bashWant, fillBash},
	}
}

const (
	busyboxWant = `line 41
line 31
line 21
50
a/b/link
600
soon
late
fcd6bcb56c1689fcef28b57c22475bad  -
0
`
	redisWant = `OK
1
value
300
OK
Background append only file rewriting started
OK
`
	pythonWant = `HELLO 19
499500
['db']
42
328350
f5e02aa71e67f41d
`
	gitWant = `ca244a0 merge
7d35651 change 5
c2f2a60 side
f25e1ef change 4
427850a change 3
4707787 change 2
7384dec change 1
 other | 1 +
 1 file changed, 1 insertion(+)
`
	bashWant = `100
5050
hello
5
alarm
2
2c2
< b
---
> c
through
./job.sh
second
signal
bye
`
)

func fillBusybox(t testing.TB, i *Image) {
	i.Busybox(t, "sh", "mkdir", "grep", "sort", "head", "wc", "tar", "gzip", "rm", "ln", "find", "tail", "chmod", "stat", "sleep", "dd", "md5sum", "id")
	i.program(t, "busybox.sh", "/work/job.sh")
}

func fillNginx(t testing.TB, i *Image) {
	i.Program(t, "nginx")
	i.Busybox(t, "sh", "wget", "sleep")
	i.Put(t, "/srv/hello.txt", "hello\n", 0o644)
	i.Put(t, "/srv/slow.txt", strings.Repeat("slow\n", 24_000), 0o644)
	i.Put(t, "/var/log/nginx/error.log", "", 0o644)
	i.program(t, "nginx.conf", "/etc/nginx/nginx.conf")
	i.program(t, "nginx.sh", "/work/job.sh")
}

func fillRedis(t testing.TB, i *Image) {
	i.Program(t, "redis-server", "redis-cli")
	i.Busybox(t, "sh", "sleep", "grep")
	i.program(t, "redis.sh", "/work/job.sh")
}

// fillPython adds the system's Python, not one that stands before it in PATH
// and may be a script, with its standard library.
func fillPython(t testing.TB, i *Image) {
	const python = "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		need.Missing(t, "python3", "no "+python)
	}
	i.Add(t, python)
	library := ask(t, python, "-c", "import os; print(os.path.dirname(os.__file__))")
	entries, err := os.ReadDir(library)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name != "test" && name != "site-packages" && name != "dist-packages" {
			i.Add(t, filepath.Join(library, name))
		}
	}
	i.program(t, "job.py", "/work/job.py")
}

func fillGit(t testing.TB, i *Image) {
	i.Program(t, "git")
	i.Add(t, ask(t, need.Program(t, "git"), "--exec-path"), "/usr/share/git-core?")
	i.Busybox(t, "sh", "cat", "sed", "rm")
	i.program(t, "git.sh", "/work/job.sh")
}

func fillNode(t testing.TB, i *Image) {
	i.Program(t, "node")
	i.Add(t, "/usr/share/nodejs?") // where Debian has parts of it
	i.program(t, "job.js", "/work/job.js")
}

func fillGo(t testing.TB, i *Image) {
	build := exec.CommandContext(t.Context(), need.Program(t, "go"), "build", "-o", i.path("/work/httpserver"), "./internal/image/httpserver")
	build.Dir = need.ModuleRoot(t)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// fillGCC adds a compiler with what it takes to make one program.
func fillGCC(t testing.TB, i *Image) {
	gcc := need.Program(t, "gcc")
	i.Program(t, "gcc", "as", "ld")
	i.Busybox(t, "sh")
	i.program(t, "gcc.sh", "/work/job.sh")
	i.program(t, "hello.c", "/work/hello.c")
	for _, name := range []string{"cc1", "collect2", "lto-wrapper"} {
		i.Add(t, ask(t, gcc, "-print-prog-name="+name))
	}
	for _, name := range []string{
		"crt1.o", "Scrt1.o", "crti.o", "crtn.o", "crtbegin.o", "crtbeginS.o", "crtend.o", "crtendS.o",
		"libc.so", "libc.so.6", "libc_nonshared.a", "libgcc.a", "libgcc_s.so", "libgcc_s.so.1", "liblto_plugin.so",
	} {
		i.Add(t, ask(t, gcc, "-print-file-name="+name))
	}
	for _, header := range strings.Fields(ask(t, gcc, "-O2", "-M", i.path("/work/hello.c"))) {
		if filepath.IsAbs(header) && !strings.HasPrefix(header, i.Dir) {
			i.Add(t, header)
		}
	}
}

// ask runs a program and returns what it says, on one line.
func ask(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func fillStatic32(t testing.TB, i *Image) {
	gcc := need.Program(t, "gcc")
	i.Busybox(t, "sh")
	i.program(t, "many.c", "/work/many.c")
	out, err := exec.CommandContext(t.Context(), gcc, "-m32", "-static", "-pthread", "-D_FILE_OFFSET_BITS=64", "-o", i.path("/work/many"), i.path("/work/many.c")).CombinedOutput()
	if err != nil {
		need.Missing(t, "gcc-multilib", "gcc makes no static 32-bit programs: "+string(out))
	}
}

func fillBash(t testing.TB, i *Image) {
	i.Program(t, "bash", "perl", "sort", "head", "tail", "awk", "cat", "diff", "tar", "gzip", "sed")
	i.Link(t, "bash", "/bin/sh")
	for _, dir := range strings.Fields(ask(t, need.Program(t, "perl"), "-e", `print join " ", @INC`)) {
		i.Add(t, dir+"?")
	}
	i.program(t, "job.pl", "/work/job.pl")
	i.program(t, "bash.sh", "/work/job.sh")
}
