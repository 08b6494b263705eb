package seccomp_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	. "github.com/callgate/callgate/seccomp"
)

func TestActionText(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Action
		out  string
	}{
		{"ALLOW", Allow, "ALLOW"},
		{"SCMP_ACT_ERRNO", 0x50001, "ERRNO(EPERM)"},
		{"errno(ENOSYS)", 0x50026, "ERRNO(ENOSYS)"},
		{"ERRNO(0)", 0x50000, "ERRNO(0)"},
		{"ERRNO(5000)", 0x51388, "ERRNO(5000)"},
		{"trace(7)", 0x7ff00007, "TRACE(7)"},
		{"SECCOMP_RET_USER_NOTIF", Notify, "NOTIFY"},
		{"KILL", KillThread, "KILL_THREAD"},
		{"SCMP_ACT_KILL_PROCESS", KillProcess, "KILL_PROCESS"},
		{"LOG", Log, "LOG"},
		{"TRAP", Trap, "TRAP"},
		{"0x12340007", 0x12340007, "0x12340007"},
	} {
		got, err := ParseAction(c.in)
		if err != nil || got != c.want || got.String() != c.out {
			t.Errorf("ParseAction(%q) = %#x %v (%v), want %#x %v", c.in, uint32(got), got, err, uint32(c.want), c.out)
		}
		if again, err := ParseAction(got.String()); err != nil || again != got {
			t.Errorf("ParseAction(%q) = %v, %v: does not round-trip", got.String(), again, err)
		}
	}
	for _, bad := range []string{"", "DENY", "ERRNO(", "ERRNO(EFOO)", "ERRNO(65536)", "TRACE(x)", "ALLOW)", "0x123456789"} {
		if got, err := ParseAction(bad); err == nil {
			t.Errorf("ParseAction(%q) = %v, want an error", bad, got)
		}
	}
}

func TestActionCanonical(t *testing.T) {
	for in, want := range map[Action]Action{
		Allow | 0x1234: Allow,
		Err | 5000:     Err | 4095,
		Err:            Err,
		Trace | 7:      Trace | 7,
		Trap | 9:       Trap | 9,
		Notify | 3:     Notify,
		KillThread | 1: KillThread,
		0x12340000:     KillProcess,
	} {
		if got := in.Canonical(); got != want {
			t.Errorf("%#x.Canonical() = %#x, want %#x", uint32(in), uint32(got), uint32(want))
		}
	}
}

func TestActionOrder(t *testing.T) {
	kinds := Kinds()
	for i, a := range kinds {
		for j, b := range kinds {
			if got, want := a.Stricter(b), i < j; got != want {
				t.Errorf("%v.Stricter(%v) = %v, want %v", a, b, got, want)
			}
		}
	}
}

func TestErrno(t *testing.T) {
	for in, want := range map[string]Errno{"EPERM": 1, "enosys": 38, "EWOULDBLOCK": 11, "ENOTSUP": 95, "0x26": 38, "38": 38} {
		if got, err := ParseErrno(in); err != nil || got != want {
			t.Errorf("ParseErrno(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "EFOO", "-1", "65536"} {
		if got, err := ParseErrno(bad); err == nil {
			t.Errorf("ParseErrno(%q) = %v, want an error", bad, got)
		}
	}
}

func TestABI(t *testing.T) {
	if got := len(ABIs()); got != 23 {
		t.Errorf("%d ABIs, want the 23 that libseccomp 2.6.1 knows", got)
	}
	for _, a := range ABIs() {
		for _, name := range []string{a.String(), a.OCI()} {
			if got, err := ParseABI(name); err != nil || got != a {
				t.Errorf("ParseABI(%q) = %v, %v", name, got, err)
			}
		}
		if got, ok := ABIOf(a.Arch(), a.Base()+1); !ok || got != a {
			t.Errorf("ABIOf(%#x, %#x) = %v, %v, want %v", a.Arch(), a.Base()+1, got, ok, a)
		}
		if little := a.Arch()&0x40000000 != 0; little != (a.ByteOrder() == binary.ByteOrder(binary.LittleEndian)) {
			t.Errorf("%v: AUDIT_ARCH %#x and byte order %v disagree", a, a.Arch(), a.ByteOrder())
		}
	}
	if a, _ := ABIOf(0xc000003e, 0xffffffff); a != X86_64 {
		t.Errorf("number -1 belongs to %v, want x86_64", a)
	}
	if a, ok := ABIOf(0x12345678, 0); ok {
		t.Errorf("unknown arch is %v", a)
	}
	if a, err := ParseABI("sparc"); err == nil {
		t.Errorf("ParseABI(sparc) = %v, want an error", a)
	}
}

func TestDataWords(t *testing.T) {
	d := Data{NR: 0x01020304, Arch: 0x05060708, IP: 0x1112131415161718}
	for i := range d.Args {
		d.Args[i] = 0x2122232425262700 + uint64(i)
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		b := d.Bytes(order)
		for off := uint32(0); off < DataSize; off += 4 {
			if got, want := d.Word(order, off), order.Uint32(b[off:]); got != want {
				t.Errorf("%v: word at %d is %#x, bytes say %#x", order, off, got, want)
			}
		}
		high, low := ArgOffsets(order, 5)
		if d.Word(order, high) != 0x21222324 || d.Word(order, low) != 0x25262705 {
			t.Errorf("%v: ArgOffsets(5) = %d, %d reads the wrong words", order, high, low)
		}
	}
}

func ExampleParseAction() {
	a, err := ParseAction("SCMP_ACT_ERRNO(ENOSYS)")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%v %#x stricter than ALLOW: %v\n", a, uint32(a), a.Stricter(Allow))
	// Output: ERRNO(ENOSYS) 0x50026 stricter than ALLOW: true
}

func ExampleABIOf() {
	abi, _ := ABIOf(0xc000003e, 0x40000000)
	fmt.Println(abi, abi.OCI(), abi.WordBits())
	// Output: x32 SCMP_ARCH_X32 32
}
