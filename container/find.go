package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Container is a container that runs.
type Container struct {
	ID     string
	Name   string // "" where it has none but the ID
	Engine Engine
	PID    int // of its first process, as this process sees it
	// Runtime is the OCI runtime as the engine calls it, as in "runc"; ""
	// where the engine does not say.
	Runtime string
}

var (
	// ErrNotFound is matched by the error of Find where no engine that is
	// installed has such a container.
	ErrNotFound = errors.New("no such container")
	// ErrNotRunning is matched by the error of Find for a container that has
	// ended, or not begun.
	ErrNotRunning = errors.New("the container does not run")
)

// finders are the engines that are asked, in this order, and how.
var finders = []struct {
	engine  Engine
	command []string // the container's name follows
	read    func([]byte) (Container, error)
}{
	{Docker, []string{"docker", "container", "inspect"}, readInspect},
	{Podman, []string{"podman", "container", "inspect"}, readInspect},
	{Nerdctl, []string{"nerdctl", "container", "inspect"}, readInspect},
	{Containerd, []string{"crictl", "inspect", "-o", "json"}, readCRI},
	{Runc, []string{"runc", "state"}, readState},
	{Crun, []string{"crun", "state"}, readState},
}

// Find is the running container of a name or an id, or of the beginning of an
// id, that the first of docker, podman, nerdctl, crictl, runc and crun knows.
// Where none does, the error says what those that are in PATH answered.
func Find(ctx context.Context, name string) (Container, error) {
	if name == "" || strings.HasPrefix(name, "-") {
		return Container{}, fmt.Errorf("%w: %q is no name", ErrNotFound, name)
	}
	var answers []string
	for _, f := range finders {
		path, err := exec.LookPath(f.command[0])
		if err != nil {
			continue
		}
		out, err := ask(ctx, path, append(f.command[1:len(f.command):len(f.command)], name)...)
		if err != nil {
			answers = append(answers, f.engine.command()+": "+err.Error())
			continue
		}
		c, err := f.read(out)
		if err != nil {
			return Container{}, fmt.Errorf("%s: %s: %w", f.engine, name, err)
		}
		c.Engine = f.engine
		if f.engine.OCI() {
			c.Runtime = f.engine.String()
		}
		return c, nil
	}
	if answers == nil {
		return Container{}, fmt.Errorf("%w: %s: none of docker, podman, nerdctl, crictl, runc and crun is in PATH", ErrNotFound, name)
	}
	return Container{}, fmt.Errorf("%w: %s\n%s", ErrNotFound, name, strings.Join(answers, "\n"))
}

// command is the program of an engine.
func (e Engine) command() string {
	if e == Containerd || e == CRIO {
		return "crictl"
	}
	return e.String()
}

// ask runs a command and returns what it writes. Its error is the last line of
// its talk.
func ask(ctx context.Context, path string, args ...string) ([]byte, error) {
	var out, talk bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(talk.String()), "\n")
		if last := lines[len(lines)-1]; last != "" {
			return nil, errors.New(last)
		}
		return nil, err
	}
	return out.Bytes(), nil
}

// readInspect reads what docker, podman and nerdctl say of a container.
func readInspect(data []byte) (Container, error) {
	var all []struct {
		ID         string `json:"Id"`
		Name       string
		OCIRuntime string // of podman
		State      struct {
			Pid    int
			Status string
		}
		HostConfig struct{ Runtime string }
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return Container{}, err
	}
	if len(all) != 1 {
		return Container{}, fmt.Errorf("%d containers have this name", len(all))
	}
	i := all[0]
	c := Container{ID: i.ID, Name: strings.TrimPrefix(i.Name, "/"), PID: i.State.Pid, Runtime: i.HostConfig.Runtime}
	if i.OCIRuntime != "" {
		c.Runtime = i.OCIRuntime
	}
	return c, running(c.PID, i.State.Status)
}

// readCRI reads what crictl says of a container.
func readCRI(data []byte) (Container, error) {
	var i struct {
		Status struct {
			ID       string
			State    string
			Metadata struct{ Name string }
		}
		Info struct{ Pid int }
	}
	if err := json.Unmarshal(data, &i); err != nil {
		return Container{}, err
	}
	return Container{ID: i.Status.ID, Name: i.Status.Metadata.Name, PID: i.Info.Pid}, running(i.Info.Pid, i.Status.State)
}

// readState reads what an OCI runtime says of a container.
func readState(data []byte) (Container, error) {
	var s struct {
		ID     string
		Pid    int
		Status string
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return Container{}, err
	}
	if s.Status == "stopped" { // its pid may be that of another by now
		s.Pid = 0
	}
	return Container{ID: s.ID, PID: s.Pid}, running(s.Pid, s.Status)
}

func running(pid int, status string) error {
	if pid > 0 {
		return nil
	}
	if status == "" {
		return ErrNotRunning
	}
	return fmt.Errorf("%w: it is %s", ErrNotRunning, strings.ToLower(status))
}
