package observe_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/seccomp"
)

func TestReadAudit(t *testing.T) {
	for _, c := range []struct {
		what string
		log  []string
		want []string
	}{
		{"auditd", []string{
			`type=SECCOMP msg=audit(1469115211.123:345): auid=1000 uid=1000 gid=1000 ses=2 subj=unconfined pid=12 comm="srv" exe="/usr/bin/srv" sig=0 arch=c000003e syscall=257 compat=0 ip=0x7fef code=0x7ffc0000`,
			`type=SECCOMP msg=audit(1469115212.123:346): pid=12 comm="srv" exe="/usr/bin/srv" sig=31 arch=40000003 syscall=20 compat=1 ip=0x7fef code=0x0`,
			`type=SECCOMP msg=audit(1469115212.123:347): pid=12 comm="srv" exe="/usr/bin/srv" sig=0 arch=c000003e syscall=257 compat=0 ip=0x7fef code=0x50001`,
			`type=PROCTITLE msg=audit(1469115212.123:347): proctitle="srv"`,
		}, []string{"/usr/bin/srv x86 getpid 0 !1", "/usr/bin/srv x86_64 openat 1 !1"}},
		{"auditd with interpreted fields behind", []string{
			`node=box type=SECCOMP msg=audit(1.5:1): pid=12 exe="/bin/a b" sig=0 arch=c00000b7 syscall=172 compat=0 ip=0x1 code=0x7ffc0000` + "\x1d" + `ARCH=aarch64 SYSCALL=getpid AUID="root" exe="/other"`,
		}, []string{"/bin/a b aarch64 getpid 1"}},
		{"dmesg", []string{
			`[28838.670309] audit: type=1326 audit(1795451948.729:583204): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=9934 comm="denials" exe="/tmp/denials" sig=9 arch=c000003e syscall=121 compat=0 ip=0x7f7ef41dc829 code=0x80000000`,
			`[28838.670310] usb 1-1: new device`,
		}, []string{"/tmp/denials x86_64 getpgid 0 !1"}},
		{"journald", []string{
			`Jul 21 10:00:00 box kernel: audit: type=1326 audit(1795451948.729:583204): pid=1 comm="a" exe="/a" sig=0 arch=c000003e syscall=1073741863 compat=0 ip=0x1 code=0x7ffc0000`,
			`Jul 21 10:00:00 box audit[99]: SECCOMP auid=1 pid=99 comm="a" exe="/a" sig=31 arch=c000003e syscall=39 compat=0 ip=0x1 code=0x30000`,
		}, []string{"/a x86_64 getpid 0 !1", "/a x32 getpid 1"}},
		{"ausearch -i", []string{
			`----`,
			`type=SECCOMP msg=audit(07/21/2016 10:00:11.123:345) : auid=user uid=root pid=12 comm=srv exe=/usr/bin/srv sig=SIG0 arch=x86_64 syscall=openat compat=0 ip=0x7fef code=log`,
			`type=SECCOMP msg=audit(07/21/2016 10:00:11.124:346) : pid=12 comm=srv exe=/usr/bin/srv sig=SIGSYS arch=i386 syscall=getpid compat=1 ip=0x7fef code=kill`,
			`type=SECCOMP msg=audit(07/21/2016 10:00:11.125:347) : pid=12 exe=/usr/bin/srv sig=SIGSYS arch=armv7l syscall=getpid compat=1 ip=0x7fef code=errno`,
		}, []string{"/usr/bin/srv x86 getpid 0 !1", "/usr/bin/srv x86_64 openat 1", "/usr/bin/srv arm getpid 0 !1"}},
		{"rules of auditctl", []string{
			`type=SYSCALL msg=audit(1469115211.123:345): arch=c000003e syscall=59 success=yes exit=0 a0=55d a1=55e a2=55f a3=8 items=2 ppid=1 pid=2 auid=0 comm="ls" exe="/bin/ls" key=(null)`,
			`type=1300 audit(1469115211.123:346): arch=c000003e syscall=2 success=no exit=-2 exe="/bin/ls"`,
		}, []string{"/bin/ls x86_64 open 1", "/bin/ls x86_64 execve 1"}},
		{"a call that was stopped, and its end", []string{
			`type=SECCOMP msg=audit(1.000:7): exe="/a" sig=0 arch=c000003e syscall=83 code=0x50001`,
			`type=SYSCALL msg=audit(1.000:7): arch=c000003e syscall=83 success=no exit=-1 exe="/a"`,
			`type=SECCOMP msg=audit(1.000:8): exe="/a" sig=0 arch=c000003e syscall=83 code=0x7ffc0000`,
		}, []string{"/a x86_64 mkdir 1 !1"}},
		{"old kernels, and paths in hexadecimal", []string{
			`type=SECCOMP msg=audit(1.000:7): exe=2F746D702F6120C3A4 sig=31 arch=c000003e syscall=83`,
			`type=SECCOMP msg=audit(1.000:8): exe="?" sig=0 arch=c000003e syscall=83 code=0x7ffc0000`,
			`type=SECCOMP msg=audit(1.000:9): exe=(null) sig=0 arch=c000003e syscall=83 code=0x7ffc0000`,
			`type=SECCOMP msg=audit(1.000:9): sig=0 arch=c000003e syscall=-1 code=0x7ffc0000`,
			`type=SECCOMP msg=audit(1.000:9): sig=0 arch=c000003e syscall=9999`,
		}, []string{"x86_64 mkdir 2", "x86_64 9999 1", "x86_64 4294967295 1", "/tmp/a ä x86_64 mkdir 0 !1"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			o, err := observe.ReadAudit("x.log", strings.NewReader(strings.Join(c.log, "\n")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, told(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadAuditFacts(t *testing.T) {
	const log = `audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64
[1.0] kauditd_printk_skb: 35 callbacks suppressed
audit: type=1326 audit(1469115211.123:345): exe="/a" sig=0 arch=c000003e syscall=39 code=0x7ffc0000
audit: audit_lost=7 audit_rate_limit=0 audit_backlog_limit=64
[1.0] kauditd_printk_skb: 5 callbacks suppressed
[1.0] something else: 50 callbacks suppressed
audit: type=1326 audit(1469115212.5:346): exe="/a" sig=0 arch=c000003e syscall=39 code=0x7ffc0000
`
	o, err := observe.ReadAudit("x.log", strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	r := o.Recordings[0]
	s := r.Calls[observe.Key{Executable: "/a", ABI: seccomp.X86_64, NR: 39}]
	if r.Start != 1469115211123000000 || r.End != 1469115212500000000 || s.First != r.Start || s.Last != r.End {
		t.Errorf("from %d to %d, the call from %d to %d", r.Start, r.End, s.First, s.Last)
	}
	if r.Lost != 47 || r.Recorder != "audit" || !slices.Equal(r.Target, []string{"x.log"}) {
		t.Errorf("lost %d; %s of %q", r.Lost, r.Recorder, r.Target)
	}
}

func TestReadAuditErrors(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"", "x.log:1:1: no line of the file is a record"},
		{"type=AVC msg=audit(1:2): x=y", "x.log:1:1: no line"},
		{"\ntype=SECCOMP msg=audit(1.000:8): exe=\"/a\"", "x.log:2:1: a record of a system call without arch and syscall"},
		{"type=SECCOMP msg=audit(1.000:8): arch=vax syscall=3", `x.log:1:39: arch: "vax" is neither`},
		{"type=SECCOMP msg=audit(1.000:8): arch=12345678 syscall=3", `x.log:1:39: arch: `},
		{"type=SECCOMP msg=audit(1.000:8): arch=x86_64 syscall=mmap2", `x.log:1:54: syscall: x86_64 has no call "mmap2"`},
		{"type=SECCOMP msg=audit(1.000:8): arch=x86_64 syscall=3 code=7z", `x.log:1:61: code: "7z" is no answer`},
	} {
		_, err := observe.ReadAudit("x.log", strings.NewReader(c.log))
		var at *observe.SyntaxError
		if !errors.As(err, &at) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.log, err, c.want)
		}
	}
}

func FuzzReadAudit(f *testing.F) {
	f.Add(`type=SECCOMP msg=audit(1469115211.123:345): exe="/usr/bin/srv" sig=0 arch=c000003e syscall=257 ip=0x7fef code=0x7ffc0000`)
	f.Add("type=SECCOMP msg=audit(07/21/2016 10:00:11.123:345) : exe=/a sig=SIGSYS arch=i386 syscall=getpid code=kill\naudit_lost=1 ")
	f.Fuzz(func(t *testing.T, log string) {
		o, err := observe.ReadAudit("x.log", strings.NewReader(log))
		if err != nil {
			return
		}
		again, err := observe.Read("x.obs", strings.NewReader(text(t, o)))
		if err != nil || text(t, again) != text(t, o) {
			t.Fatalf("not the same when read again: %v", err)
		}
	})
}
