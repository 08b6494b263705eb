package container

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		want Command // without Args, Program, Global
		with string  // under the profile /p.json, or with the bundle /p.json
	}{
		{"docker run --rm -p 8080:80 nginx", Command{Engine: Docker, Verb: "run", Image: "nginx"},
			"docker run --rm -p 8080:80 --security-opt=seccomp=/p.json nginx"},
		{"docker container run -itd --name web nginx -g x", Command{Engine: Docker, Verb: "run", Detached: true, Interactive: true, Name: "web", Image: "nginx"},
			"docker container run -itd --name web --security-opt=seccomp=/p.json nginx -g x"},
		{"sudo -u root docker run --security-opt seccomp=a.json --security-opt no-new-privileges a b",
			Command{Engine: Docker, Verb: "run", Seccomp: File, SeccompFile: "a.json", NoNewPrivileges: true, Image: "a"},
			"sudo -u root docker run --security-opt no-new-privileges --security-opt=seccomp=/p.json a b"},
		{"docker run --security-opt=seccomp=unconfined -- a", Command{Engine: Docker, Verb: "run", Seccomp: Unconfined, Image: "a"},
			"docker run --security-opt=seccomp=/p.json -- a"},
		{"docker run --security-opt seccomp=builtin a", Command{Engine: Docker, Verb: "run", Seccomp: Builtin, Image: "a"},
			"docker run --security-opt=seccomp=/p.json a"},
		{"docker run --restart=always -t=false a", Command{Engine: Docker, Verb: "run", Restart: "always", Image: "a"},
			"docker run --restart=always -t=false --security-opt=seccomp=/p.json a"},
		{"docker run --privileged a", Command{Engine: Docker, Verb: "run", Privileged: true, Image: "a"},
			"docker run --privileged --security-opt=seccomp=/p.json a"},
		{"docker run --privileged=false --runtime crun a", Command{Engine: Docker, Verb: "run", Runtime: "crun", Image: "a"},
			"docker run --privileged=false --runtime crun --security-opt=seccomp=/p.json a"},
		{"docker create --cidfile f a", Command{Engine: Docker, Verb: "create", Detached: true, CIDFile: "f", Image: "a"},
			"docker create --cidfile f --security-opt=seccomp=/p.json a"},
		{"docker -H tcp://h:1 run a", Command{Engine: Docker, Verb: "run", Remote: "tcp://h:1", Image: "a"},
			"docker -H tcp://h:1 run --security-opt=seccomp=/p.json a"},
		{"podman run --seccomp-policy=image a", Command{Engine: Podman, Verb: "run", Seccomp: Label, Image: "a"},
			"podman run --security-opt=seccomp=/p.json a"},
		{"nerdctl --namespace k8s.io run -d a", Command{Engine: Nerdctl, Verb: "run", Detached: true, Image: "a"},
			"nerdctl --namespace k8s.io run -d --security-opt=seccomp=/p.json a"},
		{"runc --root /r run -b /b c1", Command{Engine: Runc, Verb: "run", Name: "c1", Bundle: "/b", Config: "config.json"},
			"runc --root /r run --bundle=/p.json c1"},
		{"crun run -db b c1", Command{Engine: Crun, Verb: "run", Detached: true, Name: "c1", Bundle: "b", Config: "config.json"},
			"crun run --detach --bundle=/p.json c1"},
		{"env A=b timeout 5 runc run c1", Command{Engine: Runc, Verb: "run", Name: "c1", Bundle: ".", Config: "config.json"},
			"env A=b timeout 5 runc run --bundle=/p.json c1"},
		{"env - A=b stdbuf -oL ionice -c 3 docker run a", Command{Engine: Docker, Verb: "run", Image: "a"},
			"env - A=b stdbuf -oL ionice -c 3 docker run --security-opt=seccomp=/p.json a"},
		{"podman --runtime crun run a", Command{Engine: Podman, Verb: "run", Runtime: "crun", Image: "a"},
			"podman --runtime crun run --security-opt=seccomp=/p.json a"},
	} {
		got, err := ParseCommand(strings.Fields(c.line))
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		with := got.WithProfile("/p.json")
		if got.Engine.OCI() {
			with = got.WithBundle("/p.json")
		}
		if s := strings.Join(with, " "); s != c.with {
			t.Errorf("%s\nwith another profile: %s\nwant: %s", c.line, s, c.with)
		}
		if err := got.CheckPrivileged(); (err != nil) != c.want.Privileged {
			t.Errorf("%s: CheckPrivileged is %v", c.line, err)
		}
		flat := *got
		flat.Args, flat.Program, flat.Global, flat.flags, flat.insert = nil, 0, nil, nil, 0
		if !equalCommands(flat, c.want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", c.line, flat, c.want)
		}
		if !slices.Equal(got.Args, strings.Fields(c.line)) {
			t.Errorf("%s: Args are %q", c.line, got.Args)
		}
	}
}

// equalCommands compares what does not depend on the arguments' places.
func equalCommands(a, b Command) bool {
	return a.Engine == b.Engine && a.Verb == b.Verb && a.Remote == b.Remote && a.Detached == b.Detached &&
		a.Privileged == b.Privileged && a.Interactive == b.Interactive && a.Restart == b.Restart && a.NoNewPrivileges == b.NoNewPrivileges && a.Seccomp == b.Seccomp &&
		a.SeccompFile == b.SeccompFile && a.Name == b.Name && a.CIDFile == b.CIDFile && a.Runtime == b.Runtime &&
		a.Image == b.Image && a.Bundle == b.Bundle && a.Config == b.Config
}

func TestParseCommandErrors(t *testing.T) {
	for _, line := range []string{"", "ls -l", "docker ps", "docker", "runc list", "sudo ls", "podman container ls"} {
		if _, err := ParseCommand(strings.Fields(line)); !errors.Is(err, ErrNoContainer) {
			t.Errorf("%q: %v, want ErrNoContainer", line, err)
		}
	}
	for line, want := range map[string]string{
		"docker run --no-such a":    "--no-such",
		"docker run --rm":           "no image",
		"docker run --name":         "--name",
		"runc run -b x":             "no container id",
		"sudo --odd docker run a":   "--odd",
		"docker run -ti --user a":   "no image",
		"podman run --new-flag=1 a": "--new-flag",
		"docker start -a web":       "docker start",
		"sudo docker compose up":    "docker compose",
		"docker container start a":  "docker start",
		"docker exec c ls":          "docker exec",
		"podman container exec c x": "podman exec",
		"sudo runc exec c ls":       "runc exec",
	} {
		_, err := ParseCommand(strings.Fields(line))
		if err == nil || errors.Is(err, ErrNoContainer) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error about %s", line, err, want)
		}
	}
}

// FuzzParseCommand holds the reader to what a caller relies on: no panic, and
// a rewritten line that reads as the same container with the other profile.
func FuzzParseCommand(f *testing.F) {
	for _, line := range []string{
		"docker run --rm -p 8080:80 nginx", "sudo -E podman run -dit --security-opt seccomp=x a b",
		"crun run -db b c", "env A=1 runc --root /r run --bundle b c", "docker run -- a",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := ParseCommand(strings.Fields(line))
		if err != nil {
			return
		}
		if c.Engine.OCI() {
			again, err := ParseCommand(c.WithBundle("/b"))
			if err != nil || again.Bundle != "/b" || again.Name != c.Name || again.Detached != c.Detached {
				t.Errorf("%q with a bundle: %+v, %v", line, again, err)
			}
			return
		}
		again, err := ParseCommand(c.WithProfile("/p"))
		if err != nil || again.Seccomp != File || again.SeccompFile != "/p" || again.Image != c.Image || again.Detached != c.Detached {
			t.Errorf("%q with a profile: %+v, %v", line, again, err)
		}
	})
}

// TestEnding is about what ends a container, with what stood in front of the
// engine, and its own flags.
func TestEnding(t *testing.T) {
	for line, want := range map[string]string{
		"sudo docker -H unix:///d run --rm a":   "sudo docker -H unix:///d stop -t 5 x",
		"nerdctl --namespace n container run a": "nerdctl --namespace n stop -t 5 x",
		"runc --root /r run c1":                 "runc --root /r kill x KILL",
	} {
		c, err := ParseCommand(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(c.Ending("x", 5), " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	c, _ := ParseCommand(strings.Fields("docker run a b"))
	if got := strings.Join(c.WithProfile("/p", "--cidfile=/c"), " "); got != "docker run --security-opt=seccomp=/p --cidfile=/c a b" {
		t.Error(got)
	}
}
