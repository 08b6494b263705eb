package enforce_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/callgate/callgate/enforce"
	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/internal/image"
	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// crunObjects are objects that crun's own code reads otherwise than Go's JSON, or
// judges otherwise than runc. ALLOW stands for a default action, RULE for what a
// rule begins with.
var crunObjects = []string{
	`{ALLOW, "syscalls": [{RULE, "errnoRet": 5}]}`,
	`{ALLOW, "Syscalls": [{RULE, "errnoRet": 5}]}`,
	`{"DefaultAction": "SCMP_ACT_ALLOW", "syscalls": [{RULE}]}`,
	`{ALLOW, "syscalls": [{RULE, "ErrnoRet": 5}]}`,
	`{ALLOW, "syscalls": [{"Names": ["mkdir"], RULE}]}`,
	`{ALLOW, "syscalls": [{"names": ["kcmp"], "Action": "SCMP_ACT_ERRNO"}]}`,
	`{ALLOW, "syscalls": [{RULE, "errnoRet": 5, "errnoRet": 7}]}`,
	`{ALLOW, "syscalls": [{RULE, "errnoRet": null, "errnoRet": 7}]}`,
	`{ALLOW, "syscalls": [{RULE}], "syscalls": []}`,
	`{ALLOW, "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{RULE}]}`,
	`{"syscalls": [{RULE}]}`, `{"defaultAction": "", "syscalls": [{RULE}]}`, `{"defaultAction": 5}`, `{}`, `null`, `[]`, `"x"`,
	`{ALLOW, "syscalls": [null]}`, `{ALLOW, "syscalls": ["x"]}`, `{ALLOW, "syscalls": {RULE}}`, `{ALLOW}`,
	`{ALLOW, "syscalls": [{"action": "SCMP_ACT_ERRNO"}]}`,
	`{ALLOW, "syscalls": [{"names": null, "action": "SCMP_ACT_ERRNO"}]}`,
	`{ALLOW, "syscalls": [{"names": "kcmp", "action": "SCMP_ACT_ERRNO"}]}`,
	`{ALLOW, "syscalls": [{"names": "x", RULE}]}`,
	`{ALLOW, "syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]}`,
	`{ALLOW, "syscalls": [{"names": [], "action": "ERRNO"}]}`,
	`{ALLOW, "syscalls": [{"names": ["", "kcmp"], "action": "SCMP_ACT_ERRNO"}]}`,
	`{ALLOW, "syscalls": [{"names": [5, "kcmp"], "action": "SCMP_ACT_ERRNO"}]}`,
	`{ALLOW, "syscalls": [{RULE, "errnoRet": "5"}]}`, `{ALLOW, "syscalls": [{RULE, "errnoRet": -1}]}`,
	`{ALLOW, "syscalls": [{RULE, "errnoRet": 5.0}]}`, `{ALLOW, "syscalls": [{RULE, "errnoRet": 65541}]}`,
	`{ALLOW, "syscalls": [{RULE, "errnoRet": 4294967301}]}`,
	`{ALLOW, "defaultErrnoRet": 5, "syscalls": [{RULE}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": null}]}`, `{ALLOW, "syscalls": [{RULE, "args": [null]}]}`, `{ALLOW, "syscalls": [{RULE, "args": {}}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"value": 1, "op": "SCMP_CMP_EQ"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 1, "op": "SCMP_CMP_EQ"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 1, "value": 1}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 1, "value": "0x1", "op": "SCMP_CMP_EQ"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 1, "value": -1, "op": "SCMP_CMP_LT"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 1, "value": 1e0, "op": "SCMP_CMP_LT"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 1, "value": 18446744073709551616, "op": "SCMP_CMP_LT"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": -1, "value": 1, "op": "SCMP_CMP_EQ"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 4294967296, "value": 1, "op": "SCMP_CMP_EQ"}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [BAD]}]}`,
	`{ALLOW, "syscalls": [{"names": ["nothing"], "action": "SCMP_ACT_ERRNO", "args": [BAD]}]}`,
	`{ALLOW, "syscalls": [{"names": ["kcmp"], "action": "SCMP_ACT_ALLOW", "args": [BAD]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [{"index": 1, "value": 1, "op": "EQ"}]}]}`,
	`{ALLOW, "syscalls": [{"names": ["nothing"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 1, "op": "EQ"}]}]}`,
	`{ALLOW, "syscalls": [{"names": ["kcmp"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 1, "op": ""}]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [ONE(0), ONE(1), ONE(2), ONE(3), ONE(4), ONE(5), ONE(5)]}]}`,
	`{ALLOW, "syscalls": [{RULE, "args": [ONE(0), ONE(1), ONE(2), ONE(3), ONE(4), ONE(5), BAD]}]}`,
	`{ALLOW, "architectures": "SCMP_ARCH_X86"}`, `{ALLOW, "architectures": ["x86"]}`, `{ALLOW, "architectures": [""]}`,
	`{ALLOW, "architectures": ["SCMP_ARCH_NOTHING"]}`,
	`{ALLOW, "flags": "SECCOMP_FILTER_FLAG_LOG"}`, `{ALLOW, "flags": ["LOG"]}`, `{ALLOW, "flags": [5]}`, `{ALLOW, "flags": null}`,
	`{ALLOW, "listenerPath": "rel.sock"}`, `{ALLOW, "listenerPath": ""}`, `{ALLOW, "listenerPath": 5}`,
}

// TestCrunReads predicts what crun makes of objects in a config.json that nobody
// has written anew: the same filter, none, or a container that does not start.
func TestCrunReads(t *testing.T) {
	need.Root(t)
	need.Unfiltered(t)
	_, version := installed(t)
	root := image.New(t)
	root.Busybox(t, "sleep")
	for _, object := range crunObjects {
		object = strings.NewReplacer("ALLOW,", `"defaultAction": "SCMP_ACT_ALLOW",`, "{ALLOW}", `{"defaultAction": "SCMP_ACT_ALLOW"}`,
			"RULE", `"names": ["kcmp"], "action": "SCMP_ACT_ERRNO"`, "BAD", `{"index": 9, "value": 1, "op": "SCMP_CMP_EQ"}`,
			"ONE(", `{"value": 1, "op": "SCMP_CMP_EQ", "index": `, ")", "}").Replace(object)
		t.Run(object, func(t *testing.T) {
			want, refused := crunFilter([]byte(object), version)
			bundle := root.Bundle(t, "crun", image.Container{
				Args: []string{"sleep", "600"}, Capabilities: image.Capabilities, Seccomp: json.RawMessage(object),
			})
			id, err := bundle.Start(t)
			switch {
			case (refused != nil) != (err != nil):
				t.Fatalf("predicted %v, crun says %v", refused, err)
			case err != nil:
			case want.Confined():
				readBack(t, bundlePID(t, bundle, id), want)
			default:
				if programs, err := kernel.Filters(t.Context(), bundlePID(t, bundle, id)); err != nil || len(programs) > 0 {
					t.Errorf("%d filters, %v, want none", len(programs), err)
				}
			}
		})
	}
}

// crunFilter is what crun should install for an object.
func crunFilter(object []byte, version libseccomp.Version) (*enforce.Filter, error) {
	p, _, err := profile.Parse("config.json", object, profile.OCICrun)
	if err != nil {
		return nil, err
	}
	r, err := p.Resolve(profile.Env{Engine: profile.OCICrun, ABI: seccomp.X86_64, Kernel: seccomp.Version{Major: 6}})
	if err != nil {
		return nil, err
	}
	return enforce.New(r, enforce.Stack{Runtime: enforce.Crun, Libseccomp: version})
}
