package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callgate/callgate/container"
	"github.com/callgate/callgate/internal/need"
)

// recorders are those that a command can be recorded by here.
func recorders(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		return []string{recorderNotify, recorderPtrace}
	}
	return []string{recorderEBPF, recorderNotify, recorderPtrace}
}

// ends waits for the end of a command, and returns its status.
func ends(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// TestContainerEndApart has an engine end a container while a signal gets to
// everything that runs in the terminal.
func TestContainerEndApart(t *testing.T) {
	dir := t.TempDir()
	engine := filepath.Join(dir, "docker")
	script := "#!/bin/sh\ncut -d ' ' -f 5 /proc/$$/stat >" + dir + "/group\n"
	if err := os.WriteFile(engine, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	line, err := container.ParseCommand([]string{engine, "run", "--name", "x", "image"})
	if err != nil {
		t.Fatal(err)
	}
	if err := (&startedContainer{line: line}).end(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "group"))
	if err != nil {
		t.Fatal(err)
	}
	if group := strings.TrimSpace(string(text)); group == strconv.Itoa(syscall.Getpgrp()) {
		t.Errorf("the engine runs in the group of the test, %s", group)
	}
}

// TestRecordLeaves has recordings of a command end that does not end itself: at
// the second signal callgate writes what it has, and leaves the command.
func TestRecordLeaves(t *testing.T) {
	for _, recorder := range recorders(t) {
		t.Run(recorder, func(t *testing.T) {
			dir := need.PublicDir(t)
			file, pid := filepath.Join(dir, "a.json"), filepath.Join(dir, "pid")
			script := `trap "" INT TERM; mkdir ` + dir + `/x; echo $$ >` + pid + `; echo ready; while sleep 0.1; do :; done`
			cmd := callgate(t, "record", "--recorder", recorder, "-o", file, "sh", "-c", script)
			start(t, cmd)
			for range 2 {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				time.Sleep(sameRequest + 200*time.Millisecond)
			}
			if status := ends(t, cmd); status != 128+int(syscall.SIGTERM) {
				t.Errorf("status %d", status)
			}
			if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), `"mkdir"`) {
				t.Errorf("the profile: %v\n%s", err, text)
			}
			if _, err := os.Stat(file + ".recording"); err == nil {
				t.Error("a journal is left")
			}
			checkAlive(t, pid)
		})
	}
}

// checkAlive checks that the process goes on whose number is in a file.
func checkAlive(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if state := stateOf(atoi(t, string(text))); state != "S" && state != "R" {
		t.Errorf("the command is in state %q", state)
	}
}

// TestRecordOrphans ends a command that leaves a child behind: one signal is
// enough. A signal that comes twice at once is one.
func TestRecordOrphans(t *testing.T) {
	for _, recorder := range recorders(t) {
		t.Run(recorder, func(t *testing.T) {
			file := filepath.Join(need.PublicDir(t), "a.json")
			cmd := callgate(t, "record", "--recorder", recorder, "-o", file, "sh", "-c", "sleep 30 & echo ready; wait")
			start(t, cmd)
			for range 2 {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			if status := ends(t, cmd); status != 128+int(syscall.SIGTERM) || time.Since(began) > patience/2 {
				t.Errorf("status %d after %v", status, time.Since(began))
			}
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRecordEndedEarly ends recordings as soon as there is a journal: none is
// left behind, and callgate says what it did.
func TestRecordEndedEarly(t *testing.T) {
	for range 5 {
		file := filepath.Join(need.PublicDir(t), "a.json")
		cmd := callgate(t, "record", "-o", file, "sleep", "30")
		var talk strings.Builder
		cmd.Stderr = &talk
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
			if _, err := os.Stat(file + ".recording"); err == nil {
				break
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if status := ends(t, cmd); status != 128+int(syscall.SIGTERM) || talk.Len() == 0 {
			t.Errorf("status %d, %q", status, &talk)
		}
		if _, err := os.Stat(file + ".recording"); err == nil {
			t.Error("a journal is left")
		}
	}
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
