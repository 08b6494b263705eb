package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/callgate/callgate/container"
)

// This file ends what callgate has started, where it has to: a run that is
// there only to verify a profile, and, before it, the one that --duration has
// limited.

// killAfter is the time between the request to end and SIGKILL.
const killAfter = 5 * time.Second

// startedContainer is a container that a command line has started.
type startedContainer struct {
	line    *container.Command
	cidFile string // to which the engine writes the container's id; "" for none
	// greeting says under which profile it runs; "" where there is nothing to
	// say, or it has been said.
	greeting string
	open     bool        // the profile allows everything
	begun    func() bool // reports whether it was seen to start
}

// end ends the command, or the container that it has started.
func (w *workload) end() error {
	var failed error
	if w.container != nil {
		failed = w.container.end()
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-w.command:
		default:
			_ = w.signal(s)
			_ = w.signal(syscall.SIGCONT)
		}
		select {
		case <-w.command:
			return failed
		case <-time.After(killAfter):
		}
	}
	return errors.Join(failed, errors.New("the command could not be ended"))
}

// end has the engine end the container. That has no answer where the container
// has not been created, or has ended already.
func (c *startedContainer) end() error {
	id := c.id()
	if id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*killAfter)
	defer cancel()
	line := c.line.Ending(id, int(killAfter.Seconds()))
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	// What is typed at the terminal must not get to it: a second Ctrl-C would
	// leave the container there.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err == nil || strings.Contains(strings.ToLower(text), "no such container") || strings.Contains(text, "does not exist") {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, text)
}

// id is what the engine knows the container by, "" where that is not known.
func (c *startedContainer) id() string {
	if text, err := os.ReadFile(c.cidFile); err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text))
	}
	return c.line.Name
}

// warning says that the container stays under a profile which is only there for
// the recording, "" where it does not: it has ended, or the profile was its own.
func (c *startedContainer) warning(alive bool, file string) string {
	again := c.line.Restart != "" && c.line.Restart != "no"
	how := "its own profile"
	if file != "" {
		how = "--security-opt seccomp=" + file
		if c.line.Engine.OCI() {
			how = "the profile of " + file + " in its bundle"
		}
	}
	switch {
	case !c.open || !alive && !again:
		return ""
	case !alive:
		return "the engine may start the container again, under a profile that allows everything: remove it, and start one with " + how
	}
	return "the container goes on under a profile that allows everything, and keeps it: start it anew with " + how
}
