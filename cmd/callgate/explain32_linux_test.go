package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

// TestExplain32 has a 32-bit program make calls in containers, directly and
// through socketcall and ipc, and compares what becomes of them with what
// explain says.
func TestExplain32(t *testing.T) {
	need.Root(t)
	need.Unfiltered(t)
	root := image.New(t)
	if out, err := exec.Command(need.Program(t, "gcc"), "-m32", "-static", "-O1", "-o", filepath.Join(root.Dir, "calls32"), "testdata/calls32.c").CombinedOutput(); err != nil {
		need.Missing(t, "gcc-multilib", string(out))
	}
	docker, name := root.Import(t)
	stack := installedStack(t, docker)
	calls := []struct{ explain, call string }{
		{"mkdir", "39,0,0"},
		{"socket 40", "359,40,1,0"},
		{"socket 1", "359,1,1,0"},
		{"socketcall 1", "102,1,@40:1:0"}, // what it is about is in memory
		{"socketcall 3", "102,3,@1000:0:0"},
		{"connect 1000", "362,1000,0,0"},
		{"shmget", "395,0,0,0"},
		{"ipc 23", "117,23,0,0"},
		{"ipc 4 0 5", "117,4,0,5,0,0"},
		{"chown32", "212,0,0,0"},
		{"getppid", "64"},
		{"personality 0xffffffff", "136,0xffffffff"},
	}
	for title, profile := range map[string]string{
		"sockets by family": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
			{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},
			{"names": ["shmget", "chown32"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}`,
		"calls of the article": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
			"syscalls": [{"name": "mkdir", "action": "SCMP_ACT_ERRNO", "errnoRet": 95}, {"names": ["socket", "connect"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97}]}`,
		"semtimedop": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
			{"names": ["semtimedop"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "args": [{"index": 2, "value": 5, "op": "SCMP_CMP_EQ"}]},
			{"names": ["socketcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}]}]}`,
		"a call that there is not": `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
			{"names": ["accept"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
			{"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97, "args": [{"index": 0, "value": 4294967295, "op": "SCMP_CMP_EQ"}]}]}`,
		"another architecture": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}`,
	} {
		t.Run(title, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "profile.json")
			if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
				t.Fatal(err)
			}
			var words []string
			for _, c := range calls {
				words = append(words, c.call)
			}
			args := append([]string{"run", "--rm", "--security-opt", "seccomp=" + file, name, "/calls32"}, words...)
			out, err := exec.Command(docker, args...).Output()
			lines := strings.Fields(string(out))
			if title == "another architecture" {
				if len(lines) != 0 || err == nil {
					t.Errorf("a program of an ABI that is not listed wrote %q, %v", out, err)
				}
				lines = make([]string, len(calls))
				for i := range lines {
					lines[i] = "-31"
				}
			} else if err != nil || len(lines) != len(calls) {
				t.Fatalf("%v\n%s", err, out)
			}
			for i, c := range calls {
				checkExplained(t, append(append([]string{"explain", "--format", "json", "--abi", "x86", file}, strings.Fields(c.explain)...), stack...), lines[i])
			}
		})
	}
}

// installedStack are the flags for Docker and its runc that are here.
func installedStack(t *testing.T, docker string) []string {
	t.Helper()
	runc, library := need.Runc(t)
	return []string{"--engine", "docker-" + need.DockerRelease(t, docker), "--runtime", "runc-" + runc, "--libseccomp", library}
}

// checkExplained compares what explain says with an errno, or a signal below
// zero.
func checkExplained(t *testing.T, args []string, got string) {
	t.Helper()
	out, _ := callgate(t, args...).Output() // the status is the answer
	var ways []struct {
		Syscall  string
		Outcomes []struct {
			Action string
			Data   int
		}
	}
	if err := json.Unmarshal(out, &ways); err != nil || len(ways) == 0 || len(ways[0].Outcomes) == 0 {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	o := ways[0].Outcomes[len(ways[0].Outcomes)-1]
	switch action, _ := seccomp.ParseAction(o.Action); {
	case action.Allows():
		if got == "95" || got == "97" || got[0] == '-' {
			t.Errorf("%q says ALLOW, the call got %s", args, got)
		}
	case action.Kind() == seccomp.Err:
		if got != fmt.Sprint(o.Data) {
			t.Errorf("%q says errno %d, the call got %s", args, o.Data, got)
		}
	default:
		if got != "-31" {
			t.Errorf("%q says %s, the call got %s", args, o.Action, got)
		}
	}
}
