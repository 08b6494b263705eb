// What the tests of run put under policies.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *text) {
	if (write(1, text, strlen(text)) < 0)
		_exit(99);
}

static void handler(int signal) {
	char line[] = "signal 00\n";
	int n = strlen("signal ");
	if (signal >= 10)
		line[n++] = '0' + signal / 10;
	line[n++] = '0' + signal % 10;
	line[n++] = '\n';
	line[n] = 0;
	say(line);
}

static void status(const char *key) {
	char line[200];
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			say(line);
	if (f)
		fclose(f);
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	int made = mkdir("/", 0700);
	if (!strcmp(what, "look")) {
		if (made < 0) {
			say("mkdir: ");
			say(strerror(errno));
			say("\n");
		}
		status("Seccomp:");
		status("NoNewPrivs:");
		return 4;
	}
	if (!strcmp(what, "signals")) {
		int caught[] = {SIGHUP, SIGINT, SIGUSR1, SIGUSR2};
		for (unsigned i = 0; i < sizeof caught / sizeof *caught; i++)
			signal(caught[i], handler);
		say("ready\n");
		for (;;)
			pause();
	}
	if (!strcmp(what, "read")) {
		char c;
		say("ready\n");
		if (read(0, &c, 1) == 1)
			say("read\n");
		syscall(SYS_exit, 9);
	}
	return 1;
}
