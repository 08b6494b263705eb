package profile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/profile"
)

// sameText compares profiles but for the positions in them.
var sameText = cmp.FilterPath(func(p cmp.Path) bool {
	return p.Last().Type() == reflect.TypeFor[profile.Pos]() || p.Last().String() == ".File"
}, cmp.Ignore())

func written(t *testing.T, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rewritten holds that p is read from what is written of it, and that this is
// written in the same way.
func rewritten(t *testing.T, p *profile.Profile, engine profile.Engine) {
	t.Helper()
	text := written(t, p)
	again, found, err := profile.Parse("again.json", text, engine)
	if err != nil {
		t.Fatalf("%v\n%s", found, text)
	}
	if diff := cmp.Diff(p, again, sameText); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if !bytes.Equal(text, written(t, again)) {
		t.Error("written in another way the second time")
	}
}

func TestWriteDefaults(t *testing.T) {
	for _, name := range profile.Defaults() {
		t.Run(name, func(t *testing.T) {
			p, err := profile.Default(name)
			if err != nil {
				t.Fatal(err)
			}
			p.Code = false // which no document says
			rewritten(t, p, profile.Podman)
			for i, line := range bytes.Split(written(t, p), []byte("\n")) {
				if len(line) > 100 {
					t.Errorf("line %d has %d bytes: %s", i+1, len(line), line)
				}
			}
		})
	}
}

func TestWriteDocuments(t *testing.T) {
	for _, pattern := range []string{"moby-default/*", "podman"} {
		files, err := filepath.Glob(filepath.Join(need.Data(t, "."), pattern, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatal("no documents: ", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, _, err := profile.Parse(file, data, profile.Podman)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			rewritten(t, p, profile.Podman)
		}
	}
}

func TestWriteDocument(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", `{}`, "{}\n"},
		{"nothing left out",
			`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EPERM","flags":[],"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":[]}],
			"syscalls":[{"comment":"<&>","names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"value":18446744073709551615,"valueTwo":2,"op":"SCMP_CMP_MASKED_EQ"}],
			"includes":{"caps":["CAP_CHOWN"],"minKernel":""},"excludes":{}}]}`,
			`{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrno": "EPERM",
  "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}],
  "flags": [],
  "syscalls": [
    {
      "comment": "<&>",
      "names": ["read"],
      "action": "SCMP_ACT_ALLOW",
      "args": [
        {"index": 1, "value": 18446744073709551615, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}
      ],
      "includes": {"caps": ["CAP_CHOWN"], "minKernel": ""},
      "excludes": {}
    }
  ]
}
`},
		{"a list over several lines",
			`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["` + strings.Repeat(`getpid","`, 20) + `read"],"action":"SCMP_ACT_LOG"}]}`,
			`{
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [
    {
      "names": [
        "getpid", "getpid", "getpid", "getpid", "getpid", "getpid", "getpid", "getpid", "getpid",
        "getpid", "getpid", "getpid", "getpid", "getpid", "getpid", "getpid", "getpid", "getpid",
        "getpid", "getpid", "read"
      ],
      "action": "SCMP_ACT_LOG"
    }
  ]
}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, found, err := profile.Parse("x.json", []byte(c.in), profile.Podman)
			if err != nil {
				t.Fatal(found)
			}
			if diff := cmp.Diff(c.want, string(written(t, p))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			rewritten(t, p, profile.Podman)
		})
	}
}
