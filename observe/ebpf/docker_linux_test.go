//go:build amd64 || arm64

package ebpf

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe"
)

// TestDocker follows a container by the mark in its filter, and who comes into
// it, and not the one beside it.
func TestDocker(t *testing.T) {
	need.Root(t)
	docker, image := need.Image(t)
	const mark, other = 0x1badcafe5eed1234, 0x1badcafe5eed1235
	profile := func(mark uint64) string {
		path := filepath.Join(t.TempDir(), "profile.json")
		text := fmt.Sprintf(`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["nfsservctl"],"action":"SCMP_ACT_ERRNO",
			"args":[{"index":5,"value":%d,"op":"SCMP_CMP_EQ"}]}]}`, mark)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, v := range variants(t) {
		for _, privileges := range []string{"no-new-privileges:false", "no-new-privileges:true"} {
			t.Run(v.name+"/"+privileges, func(t *testing.T) {
				r := opened(t, v, Options{Mark: mark}, defaultSizes)
				run := func(mark uint64, command ...string) {
					args := append([]string{"run", "--rm", "--security-opt", privileges, "--security-opt", "seccomp=" + profile(mark), image}, command...)
					if out, err := exec.CommandContext(t.Context(), docker, args...).CombinedOutput(); err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
				}
				run(other, "uname")
				run(mark, "/bin/ls")
				rec := finish(t, r)
				complete(t, rec)
				if r.Started() != 1 || !rec.Boundary || r.btf && rec.NoNewPrivs != (privileges == "no-new-privileges:true") {
					t.Errorf("started %d, boundary %v, no_new_privs %v", r.Started(), rec.Boundary, rec.NoNewPrivs)
				}
				phases := map[observe.Phase]map[string]bool{observe.Runtime: {}, observe.Workload: {}}
				for k := range rec.Calls {
					phases[k.Phase][callName(k.ABI, k.NR)] = true
					if k.Executable != "/bin/ls" && k.Phase == observe.Workload {
						t.Errorf("%+v is of another", k)
					}
				}
				runtime, workload := phases[observe.Runtime], phases[observe.Workload]
				if !runtime["execve"] || !workload["getdents64"] || workload["execve"] || workload["uname"] {
					t.Errorf("runtime %v, workload %v", runtime, workload)
				}
				all := maps.Clone(runtime)
				maps.Copy(all, workload)
				t.Logf("%d calls; of the runtime: %v; of the workload: %v", len(all),
					slices.Sorted(maps.Keys(runtime)), slices.Sorted(maps.Keys(workload)))
			})
		}
	}
}

// TestDockerExec follows those who enter a container: with the mark in its
// filter, and when it was attached to as it ran.
func TestDockerExec(t *testing.T) {
	need.Root(t)
	docker, image := need.Image(t)
	name := fmt.Sprintf("callgate-test-%d", os.Getpid())
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), docker, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	run("run", "--detach", "--rm", "--name", name, image, "sleep", "600")
	t.Cleanup(func() { _ = exec.Command(docker, "kill", name).Run() })
	var pid int
	if _, err := fmt.Sscan(run("inspect", "--format", "{{.State.Pid}}", name), &pid); err != nil {
		t.Fatal(err)
	}
	r := opened(t, variants(t)[0], Options{}, defaultSizes)
	if err := r.FollowContainer([]int{pid}); err != nil {
		t.Fatal(err)
	}
	run("exec", name, "/bin/ls", "/bin")
	run("kill", name)
	rec := finish(t, r)
	complete(t, rec)
	if got := names(rec); got["getdents64"] == 0 {
		t.Errorf("%v", got)
	}
	for k := range rec.Calls {
		if k.Executable != "/bin/ls" && k.Executable != "/bin/sleep" && k.Executable != "sleep" {
			t.Errorf("%+v is of another", k)
		}
	}
}
