package profile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	moby "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"runtime"

	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// FuzzParse holds the reader to encoding/json and the resolver to moby's, on
// any document: what Docker refuses we refuse, what Docker accepts we accept
// with the same result, or say what the runtime refuses later.
func FuzzParse(f *testing.F) {
	for _, doc := range parityDocuments {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { checkParity(t, doc) })
}

// TestParity runs the same comparison over documents that are full of corners.
func TestParity(t *testing.T) {
	for i, doc := range parityDocuments {
		t.Run(fmt.Sprint(i), func(t *testing.T) { checkParity(t, []byte(doc)) })
	}
	text, err := json.Marshal(moby.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	checkParity(t, text)
}

var parityDocuments = []string{
	`{}`, `null`, ``, ` `, `[]`, `1`, `"x"`, `{"defaultAction":null}`,
	`{"defaultAction":"SCMP_ACT_ALLOW"}`,
	`{"DEFAULTACTION":"SCMP_ACT_ALLOW","ſyscalls":[{"NAMEſ":["read"],"action":"SCMP_ACT_ALLOW"}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"defaultErrnoRet":null}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","write"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_CHOWN"]}},{"name":"open","action":"SCMP_ACT_ALLOW"}],"syscalls":[{"names":["close"]}],"syscalls":[{},{"name":""},{"name":"mkdir","action":"SCMP_ACT_LOG"}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_CHOWN"]},"includes":{"arches":["amd64"]},"excludes":null}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"name":"read","names":["write"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_CHOWN"]}}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},{"names":["write"],"action":"SCMP_ACT_ALLOW","excludes":{"minKernel":""}},{"names":["open"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"255.0"}}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"0.0"}}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"06.017","minKernel":""}}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[null]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":[null,"read"],"action":"SCMP_ACT_ALLOW"}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":5,"value":18446744073709551615,"valueTwo":9007199254740993,"op":"SCMP_CMP_MASKED_EQ"},null]}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551616,"op":"SCMP_CMP_EQ"}]}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1e0,"op":"SCMP_CMP_EQ"}]}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":-0,"op":"SCMP_CMP_EQ"}]}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":"0","value":1,"op":"SCMP_CMP_EQ"}]}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","architectures":[],"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},{"architecture":"SCMP_ARCH_X86_64"}]}`,
	`{"defaultAction":"SCMP_ACT_ERRNO","flags":[],"listenerPath":"/x","listenerMetadata":"\u00e9\ud83d\ude00\ud83d"}`,
	`{"defaultAction":"SCMP_ACT_ERRNO"} x`, `{"defaultAction":"SCMP_ACT_ERRNO",}`, `{"a":[1,]}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`,
	`{"a":1e}`, `{"a":-}`, `{"a":truee}`, `{"a":"\x"}`, `{"a":"\u12"}`, "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", "{\"\xff\":1}", `{"a" 1}`, `{"a":1 "b":2}`,
	`{"a":1,,"b":2}`, `{,}`, `[,]`, `[1 2]`, `{"a":/*x*/1}`, "// x\n{}", `{"a":"\ud800\udc00\udc00"}`, "\ufeff{}", "{}\x00", "{\x00}",
}

// runtimeRefuses are the codes of what Docker lets through and the runtime
// refuses, and of what we refuse by intent.
var runtimeRefuses = []string{
	profile.CodeNoAction, profile.CodeUnknownAction, profile.CodeUnknownOp, profile.CodeUnknownArch,
	profile.CodeUnknownFlag, profile.CodeErrnoRange, profile.CodeIndex, profile.CodeEmptyName,
	profile.CodeNullRule, profile.CodeEncoding, profile.CodeTooLarge,
}

func checkParity(t *testing.T, doc []byte) {
	if bytes.Contains(doc, []byte(`"linux"`)) || bytes.Contains(doc, []byte(`ociVersion`)) {
		t.Skip("not a profile but a config.json")
	}
	want, upstream := mobyResolve(doc)
	got, err := ourResolve(t, doc)
	var refused *profile.Error
	switch {
	case errors.As(err, &refused) && upstream == nil:
		for _, d := range refused.Diagnostics {
			if !slices.Contains(runtimeRefuses, d.Code) {
				t.Errorf("moby accepts %q, we say %v: %v", doc, d.Code, d)
			}
		}
	case err == nil && upstream != nil:
		t.Errorf("moby refuses %q, we accept it: %v", doc, upstream)
	case err == nil && got != want:
		t.Errorf("%q resolves to\n%s\nmoby makes of it\n%s", doc, got, want)
	}
}

// mobyResolve is what the upstream resolver makes of a document on this
// machine. It panics on a null rule.
func mobyResolve(doc []byte) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: profile.DockerCaps.Names()}}}
	resolved, err := moby.LoadProfile(string(doc), spec)
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(resolved)
	return string(out), err
}

func ourResolve(t *testing.T, doc []byte) (string, error) {
	abi, _ := seccomp.NativeABI(runtime.GOARCH)
	p, found, err := profile.Parse("x.json", doc, profile.Docker)
	for _, d := range found {
		if !utf8.ValidString(d.String()) || strings.ContainsAny(d.String(), "\n\x00") || d.Code == "" {
			t.Errorf("diagnostic %q of %q cannot be printed", d, doc)
		}
	}
	if err != nil {
		return "", err
	}
	r, err := p.Resolve(profile.DockerEnv(abi, hostKernel(t)))
	if err != nil {
		return "", err
	}
	if r.Unconfined {
		return "null", nil
	}
	out, err := json.Marshal(r)
	return string(out), err
}

func hostKernel(t *testing.T) seccomp.Version {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	k, err := seccomp.ParseVersion(unix.ByteSliceToString(uts.Release[:]))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
