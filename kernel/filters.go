package kernel

import (
	"context"

	"github.com/callgate/callgate/bpf"
)

// Filters reads the filters of a process, or of one thread by its id, in the
// order of their installation: the kernel asks them from the last to the
// first, and the strictest answer counts. There are none where the thread has
// no filter.
//
// It needs CAP_SYS_ADMIN in the first user namespace, a caller without a
// filter of its own, and a kernel with CONFIG_CHECKPOINT_RESTORE; 4.4. The
// process must not be traced by another.
//
// The thread is held for a moment, by ptrace, and then let go in the state in
// which it was; one that is stopped stays stopped. As after any such moment a
// few calls in which it slept may fail with EINTR (signal(7) lists them), and
// others are started anew through restart_syscall, which its filter may deny.
// Ctx ends the wait for a thread that cannot be held because it sleeps
// uninterruptibly in the kernel.
func Filters(ctx context.Context, pid int) ([]bpf.Program, error) { return filters(ctx, pid) }
