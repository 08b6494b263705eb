package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
)

// output runs a command line as a user.
func output(t *testing.T, user *syscall.Credential, args ...string) (status int, out, talk string) {
	t.Helper()
	cmd := callgate(t, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// TestExplainedUsers runs a command with and without --explain as root and as
// nobody: but for what is told, nothing differs.
func TestExplainedUsers(t *testing.T) {
	program, profile := victim(t)
	users := map[string]*syscall.Credential{"caller": nil}
	if os.Geteuid() == 0 {
		uid, gid := need.Nobody(t)
		users["nobody"] = &syscall.Credential{Uid: uid, Gid: gid}
	}
	line := regexp.MustCompile(`^callgate: mkdir(at)?\((AT_FDCWD, )?"/", 0700\): ERRNO\(EPERM\), by ` + regexp.QuoteMeta(profile) + ":1:[0-9]+\n$")
	for user, credential := range users {
		for _, flags := range [][]string{nil, {"--at", "main"}, {"--security-opt", "no-new-privileges"}} {
			flags = append([]string{"run", "--profile", profile}, flags...)
			command := []string{program, "look"}
			status, out, talk := output(t, credential, append(flags, command...)...)
			gotStatus, gotOut, gotTalk := output(t, credential, append(append(flags, "--explain"), command...)...)
			if talk != "" || status != gotStatus || out != gotOut {
				t.Errorf("%s %q: %d, %q, %q; with --explain %d, %q", user, flags, status, out, talk, gotStatus, gotOut)
			}
			if !line.MatchString(gotTalk) {
				t.Errorf("%s %q: it says %q", user, flags, gotTalk)
			}
		}
	}
}

// TestExplainedNotStopped has calls fail in the kernel with the errno that the
// filter has for another call, for want of privilege and without any filter's
// doing.
func TestExplainedNotStopped(t *testing.T) {
	uid, gid := need.Nobody(t)
	_, profile := victim(t)
	chroot := need.Program(t, "chroot")
	status, _, talk := output(t, &syscall.Credential{Uid: uid, Gid: gid}, "run", "--explain", "--profile", profile, chroot, "/", "true")
	if status == 0 || !strings.Contains(talk, "Operation not permitted") || !strings.HasSuffix(talk, "\ncallgate: no call was stopped\n") {
		t.Errorf("status %d, %q", status, talk)
	}
}

// TestExplainedPrograms runs programs of several kinds and wants the lines.
func TestExplainedPrograms(t *testing.T) {
	_, profile := victim(t)
	dir := need.PublicDir(t)
	busybox := need.Static(t, "busybox")
	hidden := filepath.Join(dir, "x\x1b[31m")
	script := filepath.Join(dir, "script")
	text := "#!" + need.Program(t, "sh") + "\n" + need.Program(t, "mkdir") + " made &\nwait\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(need.Program(t, "mkdir"), hidden); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, lines []string }{
		{[]string{busybox, "mkdir", "made"}, []string{`mkdir("made", 0777): ERRNO`}},
		{[]string{busybox, "sh", "-c", busybox + " mkdir a; exec " + busybox + " mkdir b"}, []string{`mkdir("a", 0777)`, `mkdir("b", 0777)`, "2 calls stopped: mkdir 2"}},
		{[]string{script}, []string{`mkdir("made", 0777) in mkdir: ERRNO`}},
		{[]string{"sh", "-c", `"$0" made`, hidden}, []string{`mkdir("made", 0777) in "x\x1b[31m": ERRNO`}},
		{[]string{"sh", "-c", "(exec " + need.Program(t, "sleep") + " 300 <&- >&- 2>&- & echo $!) >child; exit 6"}, []string{"no call was stopped"}},
	} {
		cmd := callgate(t, append([]string{"run", "--explain", "--profile", profile}, c.args...)...)
		cmd.Dir = dir
		var talk bytes.Buffer
		cmd.Stderr = &talk
		_ = cmd.Run()
		var got []string
		for line := range strings.Lines(talk.String()) {
			if said, ok := strings.CutPrefix(line, "callgate: "); ok {
				got = append(got, said)
			}
		}
		if len(got) != len(c.lines) {
			t.Errorf("%q: it says %q, want %q", c.args, got, c.lines)
			continue
		}
		for i, want := range c.lines {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%q: line %d is %q, want %q", c.args, i, got[i], want)
			}
		}
	}
	endChild(t, filepath.Join(dir, "child"))
}

// endChild ends the child that outlived its parent, which must be alive, and
// traced by nobody.
func endChild(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := kernel.ReadStatus(pid); err != nil || s.Tracer != 0 || s.State == 'Z' {
		t.Errorf("the child that outlived its parent: %+v, %v", s, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// TestExplained32 runs a program of 32 bits, whose calls are named as such.
func TestExplained32(t *testing.T) {
	dir := need.PublicDir(t)
	program, profile := filepath.Join(dir, "victim"), filepath.Join(dir, "mkdir.json")
	if out, err := exec.Command(need.Program(t, "gcc"), "-m32", "-O1", "-o", program, "testdata/victim.c").CombinedOutput(); err != nil {
		need.Missing(t, "gcc-multilib", "gcc cannot build for 32 bits: "+string(out))
	}
	for text, want := range map[string]string{
		`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
		  "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}`: `callgate: mkdir("/", 0700) through x86: ERRNO(EPERM), by ` + profile + ":2:",
		`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
		  "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}`: "through x86: KILL_THREAD, by " + profile + " (ABI that is not listed): ended the process\n",
	} {
		if err := os.WriteFile(profile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		status, _, talk := output(t, nil, "run", "--explain", "--profile", profile, program, "look")
		if !strings.Contains(talk, want) || strings.Contains(want, "KILL") != (status == 159) {
			t.Errorf("status %d, %q; want %q", status, talk, want)
		}
	}
}

// TestExplainedOther puts a second filter on the command, which is newer and so
// decides.
func TestExplainedOther(t *testing.T) {
	program, profile := victim(t)
	for action, want := range map[string]string{
		`"SCMP_ACT_ERRNO", "errnoRet": 13`: "stopped by another filter than " + profile + " (ERRNO(EPERM)), its own or one around callgate\n",
		`"SCMP_ACT_KILL_PROCESS"`:          "its own or one around callgate: ended the process\n",
		`"SCMP_ACT_ALLOW"`:                 ": ERRNO(EPERM), by " + profile + ":1:",
	} {
		newer := filepath.Join(need.PublicDir(t), "newer.json")
		text := `{"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": ` + action + `}]}`
		if err := os.WriteFile(newer, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		inner := filepath.Join(need.PublicDir(t), "callgate") // the name by which TestMain knows it
		if err := os.Symlink(self, inner); err != nil {
			t.Fatal(err)
		}
		_, _, talk := output(t, nil, "run", "--explain", "--profile", profile,
			inner, "run", "--profile", newer, program, "look")
		if !strings.Contains(talk, want) {
			t.Errorf("%s: %q; want %q", action, talk, want)
		}
	}
}
