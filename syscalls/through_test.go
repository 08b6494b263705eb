package syscalls

import (
	"reflect"
	"testing"

	"github.com/callgate/callgate/seccomp"
)

func TestThrough(t *testing.T) {
	const whole, half = 0xffffffff, 0xffff
	for _, c := range []struct {
		abi  seccomp.ABI
		name string
		want Multiplexed
	}{
		{seccomp.X86, "socket", Multiplexed{"socketcall", 102, 1, whole, []int8{-1, -1, -1}}},
		{seccomp.X86, "accept", Multiplexed{"socketcall", 102, 5, whole, []int8{-1, -1, -1}}},
		{seccomp.S390X, "sendto", Multiplexed{"socketcall", 102, 11, whole, []int8{-1, -1, -1, -1, -1, -1}}},
		{seccomp.MIPSEL, "sendmmsg", Multiplexed{"socketcall", 4102, 20, whole, []int8{-1, -1, -1, -1}}},
		{seccomp.X86, "semop", Multiplexed{"ipc", 117, 1, half, []int8{1, 4, 2}}},
		{seccomp.PPC64LE, "semctl", Multiplexed{"ipc", 117, 3, half, []int8{1, 2, 3, -1}}},
		{seccomp.M68K, "semtimedop", Multiplexed{"ipc", 117, 4, half, []int8{1, 4, 2, 5}}},
		{seccomp.S390, "semtimedop", Multiplexed{"ipc", 117, 4, whole, []int8{1, 4, 2, 3}}},
		{seccomp.S390X, "semtimedop", Multiplexed{"ipc", 117, 4, whole, []int8{1, 4, 2, 3}}},
		{seccomp.MIPS, "msgrcv", Multiplexed{"ipc", 4117, 12, half, []int8{1, -1, 2, -1, 3}}},
		{seccomp.SH, "msgsnd", Multiplexed{"ipc", 117, 11, half, []int8{1, 4, 2, 3}}},
		{seccomp.S390X, "shmat", Multiplexed{"ipc", 117, 21, whole, []int8{1, 4, 2}}},
		{seccomp.PPC, "shmdt", Multiplexed{"ipc", 117, 22, half, []int8{4}}},
		{seccomp.X86, "shmctl", Multiplexed{"ipc", 117, 24, half, []int8{1, 2, 4}}},
	} {
		got, ok := Through(c.abi, c.name)
		if !ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Through(%v, %q) = %+v, %v, want %+v", c.abi, c.name, got, ok, c.want)
		}
	}
	for _, c := range []struct {
		abi  seccomp.ABI
		name string
	}{
		{seccomp.X86_64, "socket"}, {seccomp.ARM, "semop"}, {seccomp.PARISC, "recv"},
		{seccomp.MIPS64, "socket"}, {seccomp.X86, "read"}, {seccomp.X86, "socketcall"},
		{seccomp.X86, "recvmmsg_time64"}, {seccomp.X86, "no_such_call"}, {seccomp.ABI(0), "socket"},
	} {
		if got, ok := Through(c.abi, c.name); ok {
			t.Errorf("Through(%v, %q) = %+v, want none", c.abi, c.name, got)
		}
	}
}

// TestThroughAll checks that the multiplexers tell their calls apart, and that
// they are those of linux/net.h and linux/ipc.h, on every ABI that has them.
func TestThroughAll(t *testing.T) {
	with := 0
	for _, abi := range seccomp.ABIs() {
		if _, ok := Number(abi, "socketcall"); !ok {
			continue
		}
		with++
		calls := map[[2]uint32]string{}
		for _, name := range Names() {
			m, ok := Through(abi, name)
			if !ok {
				continue
			}
			key := [2]uint32{m.Number, m.Call}
			if other, ok := calls[key]; ok {
				t.Errorf("%v: %s and %s are both call %d of %s", abi, other, name, m.Call, m.By)
			}
			calls[key] = name
			if got, _ := Name(abi, m.Number); got != m.By {
				t.Errorf("%v: %s goes through %s, which has the number of %s", abi, name, m.By, got)
			}
			if len(m.Args) != len(Args(name)) {
				t.Errorf("%v: %s has %d arguments, %d through %s", abi, name, len(Args(name)), len(m.Args), m.By)
			}
		}
		if len(calls) != 20+12 {
			t.Errorf("%v: %d multiplexed calls, want 20 of socketcall and 12 of ipc", abi, len(calls))
		}
	}
	if with != 11 {
		t.Errorf("%d ABIs have socketcall, want 11", with)
	}
}

// TestThroughIsCopy checks that a caller cannot change the table.
func TestThroughIsCopy(t *testing.T) {
	m, _ := Through(seccomp.X86, "semop")
	m.Args[0] = 9
	if m, _ = Through(seccomp.X86, "semop"); m.Args[0] != 1 {
		t.Errorf("register of argument 0 is now %d", m.Args[0])
	}
}
