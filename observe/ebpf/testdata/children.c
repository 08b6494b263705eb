/* Makes a child in the way that the first argument names. Each child makes the
 * marker call three times: getpgid(-1), which fails. What is executed is this
 * program with the argument "marker". */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *self;

static void marker(void) {
	for (int i = 0; i < 3; i++) syscall(SYS_getpgid, -1);
}

static void become(const char *argument) {
	char *argv[] = {(char *)self, (char *)argument, NULL};
	execve(self, argv, environ);
	_exit(9);
}

static void spawn(void) {
	char *argv[] = {(char *)self, "marker", NULL};
	pid_t pid;
	if (posix_spawn(&pid, self, NULL, NULL, argv, environ) != 0) _exit(9);
	waitpid(pid, NULL, 0);
}

static void *thread(void *way) {
	if (way == NULL) marker();
	else if (strcmp(way, "spawn") == 0) spawn();
	else become("marker");
	return NULL;
}

static void run_thread(char *way) {
	pthread_t t;
	if (pthread_create(&t, NULL, thread, way) != 0) _exit(9);
	pthread_join(t, NULL);
}

static int marked(void *unused) {
	(void)unused;
	marker();
	_exit(0);
}

static void fork_child(void) {
	if (fork() == 0) marked(NULL);
	wait(NULL);
}

static void *waiting(void *unused) {
	(void)unused;
	char c;
	while (read(0, &c, 1) > 0) {}
	marker();
	return NULL;
}

int main(int argc, char **argv) {
	if (argc < 2) return 9;
	self = argv[0];
	const char *way = argv[1];
	if (strcmp(way, "marker") == 0) {
		marker();
	} else if (strcmp(way, "fork") == 0) {
		fork_child();
	} else if (strcmp(way, "vfork") == 0) {
		if (vfork() == 0) become("marker");
		wait(NULL);
	} else if (strcmp(way, "clone") == 0) {
		static char stack[1 << 16] __attribute__((aligned(16)));
		clone(marked, stack + sizeof stack, CLONE_VM | CLONE_FS | SIGCHLD, NULL);
		wait(NULL);
	} else if (strcmp(way, "clone-parent") == 0) {
		if (fork() == 0) {
			static char stack[1 << 16] __attribute__((aligned(16)));
			clone(marked, stack + sizeof stack, CLONE_PARENT | SIGCHLD, NULL);
			_exit(0);
		}
		wait(NULL);
		wait(NULL);
	} else if (strcmp(way, "clone3") == 0) {
		struct clone_args a = {.exit_signal = SIGCHLD};
		if (syscall(SYS_clone3, &a, sizeof a) == 0) marked(NULL);
		wait(NULL);
	} else if (strcmp(way, "namespaces") == 0) {
		struct clone_args a = {.exit_signal = SIGCHLD, .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS};
		if (syscall(SYS_clone3, &a, sizeof a) == 0) become("fork");
		wait(NULL);
	} else if (strcmp(way, "thread") == 0) {
		run_thread(NULL);
	} else if (strcmp(way, "spawn") == 0) {
		spawn();
	} else if (strcmp(way, "thread-spawn") == 0) {
		run_thread("spawn");
	} else if (strcmp(way, "thread-exec") == 0) {
		run_thread("exec");
	} else if (strcmp(way, "orphan") == 0) {
		if (fork() == 0) {
			if (fork() == 0) {
				usleep(200000);
				fork_child();
				_exit(0);
			}
			_exit(0);
		}
		wait(NULL);
	} else if (strcmp(way, "daemon") == 0) {
		if (daemon(0, 0) != 0) return 9;
		usleep(100000);
		become("fork");
	} else if (strcmp(way, "rename") == 0) {
		if (fork() == 0) {
			prctl(PR_SET_NAME, "sshd", 0, 0, 0);
			marked(NULL);
		}
		wait(NULL);
	} else if (strcmp(way, "exec") == 0) {
		become("exec2");
	} else if (strcmp(way, "exec2") == 0) {
		become("fork");
	} else if (strcmp(way, "signal") == 0) {
		/* The child dies in the midst of a call. */
		pid_t pid = fork();
		if (pid == 0) {
			marker();
			pause();
		}
		usleep(50000);
		kill(pid, SIGKILL);
		wait(NULL);
	} else if (strcmp(way, "leader-exits") == 0) {
		pthread_t t;
		pthread_create(&t, NULL, thread, "spawn");
		pthread_exit(NULL);
	} else if (strcmp(way, "many") == 0) {
		/* A thousand at a time, a thread and an exec among them. */
		int n = atoi(argv[2]);
		for (int i = 0; i < n; i++) {
			pid_t pid = fork();
			if (pid == 0) marked(NULL);
			if (pid < 0) wait(NULL), i--;
		}
		while (wait(NULL) > 0 || errno == EINTR) {}
	} else if (strcmp(way, "unshare") == 0) {
		/* All children live at once, each in a mount namespace of its own. */
		int n = atoi(argv[2]), go[2];
		if (pipe(go) != 0) return 9;
		for (int i = 0; i < n; i++) {
			pid_t pid = fork();
			if (pid < 0) return 9;
			if (pid == 0) {
				char c;
				close(go[1]);
				if (unshare(CLONE_NEWNS) != 0) _exit(9);
				if (read(go[0], &c, 1) != 0) _exit(9);
				marked(NULL);
			}
		}
		close(go[0]);
		close(go[1]);
		for (int status; wait(&status) > 0;) if (status != 0) return 9;
	} else if (strcmp(way, "numbers") == 0) {
		int n = atoi(argv[2]);
		for (int i = 0; i < n; i++) syscall(10000 + i);
	} else if (strcmp(way, "sockets") == 0) {
		int n = atoi(argv[2]);
		for (int i = 0; i < 2 * n; i++) syscall(SYS_socket, 1000L + i % n, (5L << 32) + 7, 0L);
	} else if (strcmp(way, "wait") == 0) {
		/* Threads and a child, which all go on at the end of the input. */
		char c;
		pthread_t t;
		pthread_create(&t, NULL, waiting, NULL);
		pid_t pid = fork();
		puts("ready");
		fflush(stdout);
		while (read(0, &c, 1) > 0) {}
		marker();
		if (pid == 0) return 0;
		wait(NULL);
		pthread_join(t, NULL);
		fork_child();
	} else if (strcmp(way, "storm") == 0) {
		long n = atol(argv[2]);
		for (long i = 0; i < n; i++) {
			if (i == n / 2) marker();
			syscall(SYS_getppid);
		}
	} else {
		return 9;
	}
	return 0;
}
