//go:build ignore

// A program that puts itself into strict mode, and keeps to it if it gets an
// argument: it ends with exit. Without one it ends as C programs do.
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *text) { (void)!write(1, text, strlen(text)); }

int main(int argc, char **argv) {
	(void)argv;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
		say("no strict mode\n");
		return 1;
	}
	say("write works\n");
	if (argc > 1)
		syscall(SYS_exit, 0);
	return 0;
}
