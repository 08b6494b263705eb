package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/callgate/callgate/seccomp"
)

func TestParseQuestion(t *testing.T) {
	const x86_64 = 0xc000003e
	for _, c := range []struct {
		line string
		want seccomp.Data
	}{
		{`{"arch":"x86_64","syscall":"socket","args":[40,1,0]}`, seccomp.Data{Arch: x86_64, NR: 41, Args: [6]uint64{40, 1, 0}}},
		{`{"arch":"SCMP_ARCH_X32","syscall":"read"}`, seccomp.Data{Arch: x86_64, NR: 0x40000000}},
		{`{"arch":"x86_64","nr":41}`, seccomp.Data{Arch: x86_64, NR: 41}},
		{`{"arch":3221225534,"nr":41}`, seccomp.Data{Arch: x86_64, NR: 41}},
		{`{"arch":"3221225534","nr":41}`, seccomp.Data{Arch: x86_64, NR: 41}},
		{`{"arch":"0XC000003E","nr":41}`, seccomp.Data{Arch: x86_64, NR: 41}},
		{`{"arch":"0xc000003e","nr":"0x29"}`, seccomp.Data{Arch: x86_64, NR: 41}},
		{`{"arch":3221225534,"syscall":"socket"}`, seccomp.Data{Arch: x86_64, NR: 41}},
		{`{"arch":305419896,"nr":4294967295}`, seccomp.Data{Arch: 0x12345678, NR: 0xffffffff}},
		{`{"syscall":"openat"}`, seccomp.Data{Arch: 0xc00000b7, NR: 56}},
		{`{"nr":0,"ip":18446744073709551615,"args":[18446744073709551615,"18446744073709551615","0xFFFFFFFFFFFFFFFF"]}`,
			seccomp.Data{Arch: 0xc00000b7, IP: 1<<64 - 1, Args: [6]uint64{1<<64 - 1, 1<<64 - 1, 1<<64 - 1}}},
		{` {"nr" : "7" , "args" : [ ] } `, seccomp.Data{Arch: 0xc00000b7, NR: 7}},
	} {
		got, err := parseQuestion([]byte(c.line), seccomp.AARCH64)
		if err != nil || got != c.want {
			t.Errorf("%s\n got %+v, %v\nwant %+v", c.line, got, err, c.want)
		}
	}
}

func TestParseBadQuestion(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{`, "the object has no end"},
		{`[]`, "want an object, not array"},
		{`{"nr":1} {"nr":2}`, "more than one value"},
		{`{"nr":1,"arg":[1]}`, `unknown key "arg": want arch, `},
		{`{"nr":1,"args":1}`, "args: want an array, not number"},
		{`{"syscall":1}`, "syscall: want a string, not number"},
		{`{"nr":1,}`, "byte 9: invalid character"},
		{`{}`, `want either "syscall" or "nr"`},
		{`{"nr":1,"syscall":"read"}`, `want either "syscall" or "nr"`},
		{`{"nr":-1}`, `nr: "-1" is not a whole number from 0 to 2^32-1`},
		{`{"nr":1.5}`, `nr: "1.5"`},
		{`{"nr":4294967296}`, `nr: "4294967296"`},
		{`{"nr":"0x1_0"}`, `nr: "0x1_0"`},
		{`{"nr":""}`, `nr: ""`},
		{`{"nr":true}`, "want a number or a string"},
		{`{"nr":0,"args":[18446744073709551616]}`, "args[0]:"},
		{`{"nr":0,"args":[1,2,3,4,5,6,7]}`, "7 arguments, a call has 6"},
		{`{"nr":0,"args":[null]}`, "want a number or a string"},
		{`{"nr":0,"ip":"x"}`, "ip:"},
		{`{"arch":"sparc","nr":0}`, `unknown architecture "sparc"`},
		{`{"arch":"0x1ffffffff","nr":0}`, "arch:"},
		{`{"arch":305419896,"syscall":"read"}`, "no ABI has arch 305419896"},
		{`{"syscall":"raed"}`, "did you mean read?"},
		{`{"syscall":"fork"}`, "aarch64 has no system call fork"},
		{`{"arch":"ppc","syscall":"semop"}`, "ppc makes semop through ipc(1, ...)"},
	} {
		got, err := parseQuestion([]byte(c.line), seccomp.AARCH64)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v, want an error with %q", c.line, got, err, c.want)
		} else if strings.Contains(err.Error(), "json:") || strings.Contains(err.Error(), "main.") {
			t.Errorf("%s: %v: this speaks of Go", c.line, err)
		}
	}
}

// socketFamily is a policy that looks at what eval has to hand through.
func socketFamily(d seccomp.Data) seccomp.Action {
	if d.NR == 41 && d.Args[0] == 40 {
		return seccomp.ReturnErrno(1)
	}
	return seccomp.Allow | 7 // the kernel ignores data behind ALLOW
}

func TestAnswer(t *testing.T) {
	for _, c := range []struct{ in, out, err string }{
		{"", "", ""},
		{"{\"nr\":41,\"args\":[40]}\n\n{\"nr\":41}", "{\"action\":\"ERRNO\",\"data\":1,\"ret\":327681}\n{\"action\":\"ALLOW\",\"data\":0,\"ret\":2147418112}\n", ""},
		{"{\"nr\":0}\n\nx\n{\"nr\":0}\n", "{\"action\":\"ALLOW\",\"data\":0,\"ret\":2147418112}\n", "stdin:3: byte 1: invalid character"},
		{strings.Repeat(" ", maxLine+1), "", "stdin:1: longer than"},
	} {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		err := answer(strings.NewReader(c.in), w, seccomp.X86_64, socketFamily)
		w.Flush()
		if got := fmt.Sprint(err); out.String() != c.out || (err == nil) != (c.err == "") || !strings.Contains(got, c.err) && err != nil {
			t.Errorf("%.40q: %q, %v\nwant %q, %q", c.in, out.String(), err, c.out, c.err)
		}
	}
}

// A program that asks one question and waits for the answer gets it.
func TestAnswerConversation(t *testing.T) {
	questions, ask := io.Pipe()
	answers, reply := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := answer(questions, bufio.NewWriter(reply), seccomp.X86_64, socketFamily)
		reply.Close()
		done <- err
	}()
	r := bufio.NewReader(answers)
	for range 3 {
		if _, err := io.WriteString(ask, "{\"nr\":41,\"args\":[40]}\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "327681") {
			t.Fatalf("answer %q, %v", line, err)
		}
	}
	ask.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func FuzzParseQuestion(f *testing.F) {
	f.Add([]byte(`{"arch":"x86_64","syscall":"socket","args":[40,1,0]}`))
	f.Add([]byte(`{"arch":3221225534,"nr":41,"ip":"0x7fffffff"}`))
	f.Add([]byte(`{"nr":-1,"args":[1e3,null]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		call, err := parseQuestion(line, seccomp.X86_64)
		if err != nil {
			return
		}
		// The call, written out in numbers, is the same call.
		text := fmt.Sprintf(`{"arch":%d,"nr":%d,"ip":"%#x","args":[%d,%d,%d,"%#x","%d",%d]}`, call.Arch, call.NR, call.IP,
			call.Args[0], call.Args[1], call.Args[2], call.Args[3], call.Args[4], call.Args[5])
		if again, err := parseQuestion([]byte(text), seccomp.X86_64); err != nil || again != call {
			t.Errorf("%s is %+v, but %s is %+v, %v", line, call, text, again, err)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	const lines = 1000
	in := strings.Repeat(`{"arch":"x86_64","syscall":"socket","args":[40,1,"0xffffffffffffffff"]}`+"\n", lines)
	for b.Loop() {
		if err := answer(strings.NewReader(in), bufio.NewWriter(io.Discard), seccomp.X86_64, socketFamily); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
}
