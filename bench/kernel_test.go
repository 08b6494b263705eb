package bench

import (
	"testing"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/seccomp"
)

// TestMeasure sees the kernel load a filter, and the calls under it.
func TestMeasure(t *testing.T) {
	getppid := Call{Number: 110}
	none, err := Measure(nil, getppid, getppid)
	if err != nil || none.Load != 0 || none.Plain == 0 {
		t.Errorf("without a filter %+v, %v", none, err)
	}
	deny := bpf.Program{bpf.LoadWord(seccomp.OffsetNR), bpf.Jump(bpf.JumpEQ, 110, 0, 1), bpf.Ret(seccomp.KillProcess), bpf.Ret(seccomp.Allow)}
	if _, err := Measure(deny, getppid, getppid); err == nil {
		t.Error("a filter that kills the child measures")
	}
	if times, err := Measure(deny, Call{Number: 39}, Call{Number: 39}); err != nil || times.Load == 0 || times.Checked == 0 {
		t.Errorf("under a filter %+v, %v", times, err)
	}
	if _, err := Measure(bpf.Program{bpf.LoadWord(1), bpf.Ret(seccomp.Allow)}, getppid, getppid); err == nil {
		t.Error("a filter that the kernel refuses measures")
	}
}
