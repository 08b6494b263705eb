package image

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
)

// Container says how a bundle's container is to be run.
type Container struct {
	Args []string
	// Env is a PATH where it is nil.
	Env []string
	// Cwd is / where it is "".
	Cwd string
	// UID is the user's and the group's number.
	UID             int
	Capabilities    []string
	NoNewPrivileges bool
	// Seccomp is the profile as the runtime specification has it: what an
	// engine makes of a profile.
	Seccomp json.RawMessage
}

// Capabilities are those that Docker gives to a container.
var Capabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// Bundle is a container that runc or crun can run.
type Bundle struct {
	image        *Image
	container    Container
	dir, runtime string
	prefix       []string
}

// Bundle makes a bundle of the image for "runc" or "crun", and skips the test
// where it cannot be run (things "root" and the runtime's name).
func (i *Image) Bundle(t testing.TB, runtime string, c Container) *Bundle {
	t.Helper()
	need.Root(t)
	b := &Bundle{image: i, dir: t.TempDir(), runtime: need.Program(t, runtime)}
	if runtime == "crun" {
		// It refuses version 2 of cgroups mounted below version 1, but does
		// with version 1 alone.
		b.prefix = []string{
			need.Program(t, "unshare"), "--mount", need.Program(t, "sh"), "-c",
			`umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"`, "sh",
		}
	}
	b.Set(t, c)
	return b
}

// Set changes how containers of the bundle are run.
func (b *Bundle) Set(t testing.TB, c Container) {
	t.Helper()
	b.container = c
	b.write(t, "config.json", c.config(b.image.Dir))
}

// write writes a file of the bundle and returns its path.
func (b *Bundle) write(t testing.TB, name string, content object) string {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type object = map[string]any

func (c Container) config(root string) object {
	linux := object{
		"namespaces": []object{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}},
	}
	if c.Seccomp != nil {
		linux["seccomp"] = c.Seccomp
	}
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
	}
	for _, dir := range []string{"/dev/shm", "/root", "/run", "/tmp"} { // each container starts anew
		mounts = append(mounts, object{"destination": dir, "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "mode=1777"}})
	}
	return object{
		"ociVersion": "1.0.2",
		"process":    c.process(),
		"root":       object{"path": root},
		"hostname":   "test",
		"mounts":     mounts,
		"linux":      linux,
	}
}

func (c Container) process() object {
	env := c.Env
	if env == nil {
		env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	}
	cwd := c.Cwd
	if cwd == "" {
		cwd = "/"
	}
	capabilities := append([]string{}, c.Capabilities...) // an empty list, where none
	return object{
		"args": c.Args, "env": env, "cwd": cwd,
		"user":            object{"uid": c.UID, "gid": c.UID},
		"capabilities":    object{"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
		"noNewPrivileges": c.NoNewPrivileges,
	}
}

// NewID is a name for a container that no other has.
func NewID() string { return "callgate-test-" + strings.ToLower(rand.Text()) }

// Command is a command of the runtime, as in Command(t, "run", id), without
// input. What wraps the runtime comes first, as strace and its flags.
func (b *Bundle) Command(t testing.TB, wrap []string, args ...string) *exec.Cmd {
	t.Helper()
	line := append(append(append(append([]string{}, b.prefix...), wrap...), b.runtime), args...)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Dir = b.dir
	return cmd
}

// Exec is a command of the runtime that runs another program in a container of
// the bundle, as the same user and with the same rights.
func (b *Bundle) Exec(t testing.TB, wrap []string, id string, args ...string) *exec.Cmd {
	t.Helper()
	c := b.container
	c.Args = args
	return b.Command(t, wrap, "exec", "--process", b.write(t, "process.json", c.process()), id)
}

// Run runs a container of the bundle to its end and returns what it wrote to
// both its outputs.
func (b *Bundle) Run(t testing.TB) ([]byte, error) {
	t.Helper()
	id := NewID()
	out, err := b.Command(t, nil, "run", id).CombinedOutput()
	if err != nil {
		b.delete(id)
	}
	return out, err
}

// Start starts a container of the bundle in the background, to be killed when
// the test ends, and returns its name.
func (b *Bundle) Start(t testing.TB) (id string, err error) {
	t.Helper()
	id = NewID()
	t.Cleanup(func() { b.delete(id) })
	cmd := b.Command(t, nil, "run", "--detach", id)
	log, err := os.Create(filepath.Join(b.dir, "log")) // a pipe would stay open
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		message, _ := os.ReadFile(log.Name())
		return "", fmt.Errorf("%s run: %w: %s", b.runtime, err, message)
	}
	return id, nil
}

// delete removes what is left of a container.
func (b *Bundle) delete(id string) {
	line := append(append([]string{}, b.prefix...), b.runtime, "delete", "--force", id)
	_ = exec.Command(line[0], line[1:]...).Run() // it is gone, or was never there
}
