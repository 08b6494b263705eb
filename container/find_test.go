package container

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
)

func TestReadAnswers(t *testing.T) {
	for _, c := range []struct {
		name string
		read func([]byte) (Container, error)
		text string
		want Container
		err  error
	}{
		{"docker", readInspect, `[{"Id": "abc", "Name": "/web", "State": {"Pid": 7, "Status": "running"}, "HostConfig": {"Runtime": "runc"}}]`,
			Container{ID: "abc", Name: "web", PID: 7, Runtime: "runc"}, nil},
		{"docker, ended", readInspect, `[{"Id": "abc", "State": {"Pid": 0, "Status": "exited"}}]`, Container{ID: "abc"}, ErrNotRunning},
		{"podman", readInspect, `[{"Id": "abc", "Name": "web", "OCIRuntime": "crun", "State": {"Pid": 7}, "HostConfig": {"Runtime": "oci"}}]`,
			Container{ID: "abc", Name: "web", PID: 7, Runtime: "crun"}, nil},
		{"crictl", readCRI, `{"status": {"id": "abc", "state": "CONTAINER_RUNNING", "metadata": {"name": "web"}}, "info": {"pid": 7}}`,
			Container{ID: "abc", Name: "web", PID: 7}, nil},
		{"runc", readState, `{"id": "abc", "pid": 7, "status": "running"}`, Container{ID: "abc", PID: 7}, nil},
		{"runc, ended", readState, `{"id": "abc", "pid": 7, "status": "stopped"}`, Container{ID: "abc"}, ErrNotRunning},
	} {
		got, err := c.read([]byte(c.text))
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if _, err := c.read([]byte("no JSON")); err == nil {
			t.Errorf("%s: what is no JSON was read", c.name)
		}
	}
}

// TestFind finds a container of Docker, and says what there is none of.
func TestFind(t *testing.T) {
	docker, image := need.Image(t)
	out, err := exec.Command(docker, "run", "-d", "--rm", image, "sleep", "60").Output()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command(docker, "rm", "-f", id).Run() })
	c, err := Find(t.Context(), id[:12])
	if err != nil || c.ID != id || c.PID == 0 || c.Engine != Docker {
		t.Errorf("Find: %+v, %v", c, err)
	}
	for _, name := range []string{"no-such-container", "", "--all"} {
		if c, err := Find(t.Context(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %+v, %v", name, c, err)
		}
	}
}
