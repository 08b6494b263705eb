// What the tests hold: a program that knows nothing of tracing. It says where
// it is, and what it finds out about itself.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *text) { (void)!write(1, text, strlen(text)); }

// Writes the lines of /proc/self/status that begin so.
static void status(const char *key) {
	char line[200];
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			say(line);
	if (f)
		fclose(f);
}

__attribute__((noinline, visibility("default"))) void checkpoint(void) {
	__asm__ volatile("" ::: "memory");
	say("checkpoint\n");
}

__attribute__((constructor)) static void construct(void) {
	if (getenv("CONSTRUCT"))
		say(mkdir("/tmp", 0700) ? "constructor\n" : "made\n");
}

static void *thread(void *arg) {
	(void)arg;
	for (;;)
		pause();
}

static volatile int opening;

static void *opener(void *arg) {
	opening = gettid();
	open("/dev/null", O_RDONLY);
	return arg;
}

static void handler(int sig) {
	say(sig == SIGUSR1 ? "usr1\n" : sig == SIGSYS ? "sys\n" : "cont\n");
}

static void *executor(void *arg) {
	char **argv = arg;
	execv(argv[0], argv);
	return NULL;
}

// Answers openat with an action, by a filter of its own. The kernel's headers
// are not there for every C library.
static void filter(unsigned action) {
	struct instruction {
		unsigned short code;
		unsigned char jt, jf;
		unsigned k;
	} program[] = {
		{0x20, 0, 0, 0},          // ld nr
		{0x15, 0, 1, SYS_openat}, // jne openat, 1
		{0x06, 0, 0, action},     // ret
		{0x06, 0, 0, 0x7fff0000}, // ret ALLOW
	};
	struct {
		unsigned short len;
		struct instruction *filter;
	} fprog = {4, program};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, 2, &fprog);
}

int main(int argc, char **argv) {
	say("main\n");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "status")) {
			status("Seccomp:");
			status("NoNewPrivs:");
		} else if (!strcmp(argv[i], "mkdir")) {
			say(mkdir("/", 0700) && access("/", F_OK) == 0 ? "exists\n" : "?\n");
		} else if (!strcmp(argv[i], "open")) {
			int fd = open("/dev/null", O_RDONLY);
			say(fd < 0 ? "open failed\n" : "opened\n");
		} else if (!strcmp(argv[i], "checkpoint")) {
			checkpoint();
		} else if (!strcmp(argv[i], "fork")) {
			pid_t pid = fork();
			if (pid == 0) {
				checkpoint();
				_exit(3);
			}
			int ws;
			waitpid(pid, &ws, 0);
			say(WIFEXITED(ws) && WEXITSTATUS(ws) == 3 ? "child 3\n" : "child died\n");
		} else if (!strcmp(argv[i], "forkopen")) {
			pid_t pid = fork();
			if (pid == 0) {
				open("/dev/null", O_RDONLY);
				_exit(3);
			}
			int ws;
			waitpid(pid, &ws, 0);
			say(WIFEXITED(ws) && WEXITSTATUS(ws) == 3 ? "child 3\n" : "child died\n");
		} else if (!strcmp(argv[i], "threadopen")) {
			pthread_t t;
			pthread_create(&t, NULL, opener, NULL);
			char path[40];
			while (!opening)
				;
			// Joining would wait for a thread that the kernel killed for ever.
			snprintf(path, sizeof path, "/proc/self/task/%d", opening);
			while (access(path, F_OK) == 0)
				;
		} else if (!strcmp(argv[i], "vfork")) {
			int ws = system("exit 4");
			say(WIFEXITED(ws) && WEXITSTATUS(ws) == 4 ? "child 4\n" : "child died\n");
		} else if (!strcmp(argv[i], "thread")) {
			pthread_t t;
			pthread_create(&t, NULL, thread, NULL);
		} else if (!strcmp(argv[i], "threadexec")) {
			pthread_t t;
			pthread_create(&t, NULL, executor, argv + i + 1);
			pthread_join(t, NULL);
			return 9;
		} else if (!strcmp(argv[i], "orphan")) {
			if (fork() == 0) {
				usleep(50000);
				open("/dev/null", O_RDONLY);
				_exit(3);
			}
		} else if (!strcmp(argv[i], "catch")) {
			signal(SIGSYS, handler);
		} else if (!strcmp(argv[i], "eacces")) {
			filter(0x00050000 | EACCES);
		} else if (!strcmp(argv[i], "die")) {
			filter(0);
#ifdef __x86_64__
		} else if (!strcmp(argv[i], "int80")) {
			long result = 1000; // mkdir of a null pointer through x86
			__asm__ volatile("int $0x80" : "=a"(result) : "a"(39), "b"(0), "c"(0700) : "memory");
			say(result == -EFAULT ? "EFAULT\n" : "denied\n");
#endif
		} else if (!strcmp(argv[i], "exec")) {
			execv(argv[i + 1], argv + i + 1);
			return 9;
		} else if (!strcmp(argv[i], "signal")) {
			signal(SIGUSR1, handler);
			raise(SIGUSR1);
		} else if (!strcmp(argv[i], "deathsig")) {
			int sig = -1;
			prctl(PR_GET_PDEATHSIG, &sig);
			say(sig == 0 ? "no death signal\n" : "a death signal\n");
		} else if (!strcmp(argv[i], "traceme")) {
			say(ptrace(PTRACE_TRACEME, 0, 0, 0) ? "not traced\n" : "traced\n");
		} else if (!strcmp(argv[i], "stop")) {
			signal(SIGCONT, handler);
			raise(SIGSTOP);
			say("continued\n");
		} else if (!strcmp(argv[i], "kill")) {
			raise(SIGKILL);
		} else if (!strcmp(argv[i], "trap")) {
			raise(SIGTRAP);
		} else if (!strcmp(argv[i], "abort")) {
			abort();
		} else if (!strcmp(argv[i], "write")) {
			say("written\n");
		} else if (!strcmp(argv[i], "strict")) {
			prctl(PR_SET_SECCOMP, 1);
		} else if (!strcmp(argv[i], "exit")) {
			_exit(7);
		}
	}
	return 5;
}
