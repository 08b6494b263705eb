// What the tests hold: a program that keeps to read, write, _exit and the
// return from a signal handler.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t got;

static void handler(int sig) { got = sig; }

__attribute__((noinline)) void wait_for_signal(void) {
	while (!got)
		;
}

int main(int argc, char **argv) {
	(void)argv;
	signal(SIGUSR1, handler);
	if (argc > 1) {
		wait_for_signal();
		(void)!write(1, "handled\n", 8);
		syscall(SYS_exit, 3);
	}
	for (;;)
		;
}
