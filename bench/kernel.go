package bench

/*
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 2, BATCHES = 10, BATCH = 1000 };

struct call { long nr; unsigned long args[6]; };
struct times { int64_t load, call[CALLS]; }; // nanoseconds

// now makes no system call where the vDSO has the clock: the filter may not
// allow one.
static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t batch(const struct call *c)
{
	int64_t start = now();
	for (int i = 0; i < BATCH; i++)
		syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4], c->args[5]);
	return (now() - start) / BATCH;
}

static void child(const struct sock_fprog *filter, const struct call *calls, struct times *times)
{
	int null = open("/dev/null", O_WRONLY);
	if (null < 0 || dup2(null, 1) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(1);
	if (filter->len > 0) {
		int64_t start = now();
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, filter))
			_exit(2);
		times->load = now() - start;
	}
	for (int b = 0; b < BATCHES; b++)
		for (int c = 0; c < CALLS; c++) {
			int64_t t = batch(&calls[c]);
			if (b == 0 || t < times->call[c])
				times->call[c] = t;
		}
	_exit(0);
}

// measure loads a filter in a child, which ends with it, and makes calls under
// it. It returns the status of wait(2), or a negative errno.
static int measure(struct sock_filter *instructions, unsigned short len, const struct call *calls, struct times *result)
{
	const struct sock_fprog filter = { len, instructions };
	struct times *times = mmap(NULL, sizeof *times, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (times == MAP_FAILED)
		return -errno;
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		child(&filter, calls, times);
	if (pid < 0)
		status = -errno;
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			status = -errno;
			break;
		}
	*result = *times;
	munmap(times, sizeof *times);
	return status;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"github.com/callgate/callgate/bpf"
)

// Times are what the kernel takes with a filter.
type Times struct {
	Load           time.Duration // of seccomp(2), which checks, translates and compiles the filter
	Plain, Checked time.Duration // of one call: the mean of the fastest of ten batches of 1000
}

// Measure loads a filter in a child process and makes two calls there. An empty
// program is no filter.
func Measure(program bpf.Program, plain, checked Call) (Times, error) {
	calls := [C.CALLS]C.struct_call{plain.toC(), checked.toC()}
	raw := bpf.Encode(program, order)
	var filter *C.struct_sock_filter
	if len(raw) > 0 {
		filter = (*C.struct_sock_filter)(unsafe.Pointer(&raw[0]))
	}
	var t C.struct_times
	status := C.measure(filter, C.ushort(len(program)), &calls[0], &t)
	switch w := syscall.WaitStatus(status); {
	case status < 0:
		return Times{}, fmt.Errorf("start a child: %w", syscall.Errno(-status))
	case w.Signaled():
		return Times{}, fmt.Errorf("the filter ended the child by %v", w.Signal())
	case w.ExitStatus() == 2:
		return Times{}, errors.New("the kernel refused the filter")
	case w.ExitStatus() != 0:
		return Times{}, errors.New("the child could not prepare for the filter")
	}
	return Times{time.Duration(t.load), time.Duration(t.call[0]), time.Duration(t.call[1])}, nil
}

func (c Call) toC() C.struct_call {
	to := C.struct_call{nr: C.long(c.Number)}
	for i, a := range c.Args {
		to.args[i] = C.ulong(a)
	}
	return to
}
