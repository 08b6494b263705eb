package source

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

const profileText = `{"defaultAction": "SCMP_ACT_ALLOW",
 "architectures": ["SCMP_ARCH_AARCH64"],
 "syscalls": [{"names": ["mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
`

const policyText = "aarch64 {\n\tERRNO(EPERM): mkdirat\n\telse: ALLOW\n}\nelse: KILL_THREAD\n"

var program = bpf.Program{
	bpf.LoadWord(seccomp.OffsetArch),
	bpf.Jump(bpf.JumpEQ, seccomp.AARCH64.Arch(), 1, 0),
	bpf.Ret(seccomp.KillThread),
	bpf.LoadWord(seccomp.OffsetNR),
	bpf.Jump(bpf.JumpEQ, 34, 0, 1),
	bpf.Ret(seccomp.ReturnErrno(1)),
	bpf.Ret(seccomp.Allow),
}

func options(abi seccomp.ABI, stdin string) Options {
	return Options{
		Env:   profile.DockerEnv(abi, seccomp.Version{Major: 6, Minor: 1}),
		Stdin: strings.NewReader(stdin),
	}
}

// Whatever form a policy has, it is found to be the same policy.
func TestForms(t *testing.T) {
	abi := seccomp.AARCH64
	want, err := policy.Parse(policyText)
	if err != nil {
		t.Fatal(err)
	}
	mkdirat := seccomp.Data{Arch: abi.Arch(), NR: 34}
	for _, c := range []struct {
		name, content string
		kind          Kind
	}{
		{"profile", profileText, Document},
		{"profile with spaces", "\n\t " + profileText, Document},
		{"raw filter", string(bpf.Encode(program, abi.ByteOrder())), Filter},
		{"listing", program.String(), Filter},
		{"policy", policyText, Text},
	} {
		src, err := Open("-", options(abi, c.content))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		p, err := src.Policy()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if same, err := policy.Equal(p, want); src.Kind != c.kind || !same || err != nil || !src.Confined() {
			t.Errorf("%s: kind %d, %v\n%v\nwant kind %d\n%v", c.name, src.Kind, err, p, c.kind, want)
		}
		verdict, err := src.Verdict()
		if err != nil || verdict(mkdirat) != seccomp.ReturnErrno(1) {
			t.Errorf("%s: verdict %v, %v", c.name, verdict(mkdirat), err)
		}
	}
}

// The byte order of a raw filter is that of the ABI.
func TestByteOrder(t *testing.T) {
	big := bpf.Program{bpf.LoadWord(seccomp.OffsetNR), bpf.Ret(seccomp.KillProcess)}
	content := string(bpf.Encode(big, seccomp.S390X.ByteOrder()))
	src, err := Open("-", options(seccomp.S390X, content))
	if err != nil {
		t.Fatal(err)
	}
	if verdict, err := src.Verdict(); err != nil || verdict(seccomp.Data{}) != seccomp.KillProcess {
		t.Errorf("on s390x: %v", err)
	}
	if _, err = Open("-", options(seccomp.X86_64, content)); err == nil || !strings.Contains(err.Error(), "other byte order") {
		t.Errorf("the other byte order: %v, want an error that says so", err)
	}

	// A program that is no filter in either order is not of the other one.
	neither := string(bpf.Encode(big[:1], seccomp.S390X.ByteOrder()))
	src, err = Open("-", options(seccomp.X86_64, neither))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Verdict(); err == nil || !strings.Contains(err.Error(), "the kernel would refuse") {
		t.Errorf("no filter: %v, want that the kernel would refuse it", err)
	}
}

func TestBuiltIn(t *testing.T) {
	src, err := Open("unconfined", options(seccomp.X86_64, ""))
	if err != nil || src.Confined() {
		t.Errorf("unconfined: %+v, %v", src, err)
	}
	src, err = Open("docker:default", options(seccomp.X86_64, ""))
	if err != nil || src.Kind != Document || !src.Confined() {
		t.Fatalf("docker:default: %+v, %v", src, err)
	}
	p, err := src.Policy()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Eval(seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 175}); got != seccomp.ReturnErrno(1) {
		t.Errorf("docker:default answers %v to init_module", got)
	}
	if len(src.Diagnostics) > 0 {
		t.Errorf("docker:default is doubtful: %v", src.Diagnostics)
	}
}

// Every engine's default is there by name, with the lines that decide.
func TestDefaults(t *testing.T) {
	for _, name := range append(profile.Defaults(), "docker:24.0.7", "podman:4.9") {
		o := options(seccomp.X86_64, "")
		o.Env.Engine, _ = profile.DefaultEngine(name)
		src, err := Open(name, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := src.Policy()
		if err != nil || len(src.Diagnostics) > 0 {
			t.Errorf("%s: %v %v", name, err, src.Diagnostics)
			continue
		}
		decision, err := p.Decide(seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: 0})
		if err != nil || decision.Rule == nil {
			t.Errorf("%s: read: %+v, %v", name, decision, err)
			continue
		}
		if line := src.Line(decision.Rule.Origin); !strings.HasPrefix(line, "allow: ... read ") || !strings.HasPrefix(src.Line(src.Default), "default") {
			t.Errorf("%s: read is allowed by %q", name, line)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, content, want, hint string }{
		{"-", "", "stdin: the file is empty", ""},
		{"-", " \n", "stdin: the file is empty", ""},
		{"-", "x86_64 {\n\tDENY: read\n\telse: ALLOW\n}\nelse: ALLOW", "stdin:2:", "as the text of a policy"},
		{"-", "ld nr\nfrobnicate\n", "stdin:2:1: ", "as the text of a filter"},
		{"-", "; nothing\n", "stdin: no instructions", "as the text of a filter"},
		{"-", "\x20\x00\x00", "stdin: read as a raw filter, because it has zero bytes", ""},
		{"-", "\xff\xfe", "stdin: neither text nor a raw filter", ""},
		{"-", `{"defaultAction": "SCMP_ACT_ALOW"}`, "stdin:1:19: ", ""},
		{"-", `[]`, "stdin:1:1: ", ""},
		{"docker:0.1", "", "docker:0.1: no such built-in profile: want one of docker:19.03, ", ""},
		{"cri-o:1.30", "", "cri-o:1.30: no such built-in profile: want cri-o:default", ""},
		{"containerd:", "", "containerd:: no such built-in profile: want one of containerd:", ""},
		{"rkt:default", "", "rkt:default: no such file", ""},
		{"pid:1", "", "cannot be read by name yet", "write the filter to a file"},
		{"container:web", "", "cannot be read by name yet", "write the filter to a file"},
		{"default", "", "default: no such file", "docker:default"},
		{"nonsense", "", "nonsense: no such file", "- for stdin"},
		{"./nonsense", "", "./nonsense: no such file", ""},
	} {
		_, err := Open(c.name, options(seccomp.X86_64, c.content))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want an error with %q", c.name, c.content, err, c.want)
			continue
		}
		hint := ""
		if e := (*Error)(nil); errors.As(err, &e) {
			hint = e.Hint()
		}
		if !strings.Contains(hint, c.hint) {
			t.Errorf("%s %q: hint %q, want %q", c.name, c.content, hint, c.hint)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, options(seccomp.X86_64, "")); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
	_, err := Open(filepath.Join(dir, "no.json"), options(seccomp.X86_64, ""))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
	// A name that ends in .json is JSON, whatever it holds.
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte("defaultAction: SCMP_ACT_ALLOW\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(broken, options(seccomp.X86_64, ""))
	if e := (*profile.Error)(nil); !errors.As(err, &e) {
		t.Errorf("broken.json: %v, want a *profile.Error", err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	if _, err := Open(large, options(seccomp.X86_64, "")); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a file of 1 TiB: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, seed := range []string{profileText, policyText, program.String(), string(bpf.Encode(program, seccomp.AARCH64.ByteOrder())), "{}", "else", "\x06\x00\x00\x00\x00\x00\xff\x7f"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o := options(seccomp.X86_64, "")
		o.Stdin = bytes.NewReader(data)
		src, err := Open("-", o)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a word")
			}
			return
		}
		if src.Kind == Filter && len(src.Program) > 32 {
			return // lifting is somebody else's test
		}
		verdict, notVerdict := src.Verdict()
		p, notPolicy := src.Policy()
		if notVerdict != nil || notPolicy != nil {
			return
		}
		call := seccomp.Data{Arch: seccomp.X86_64.Arch(), NR: uint32(len(data))}
		if got, want := verdict(call).Canonical(), p.Eval(call); got != want {
			t.Errorf("%q: verdict %v, policy %v", data, got, want)
		}
	})
}
