/* Puts itself under a filter that treats getpgid as the first argument says,
 * calls it three times (or once, where it ends the thread), and makes children
 * that do not. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long filter(int nr, unsigned action, unsigned flags) {
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {4, f};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(8);
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
	if (r < 0) _exit(8);
	return r;
}

static void handler(int signal) { (void)signal; }

static void three(void) {
	for (int i = 0; i < 3; i++) syscall(SYS_getpgid, 0);
}

static void *once(void *unused) {
	(void)unused;
	syscall(SYS_getpgid, 0);
	return NULL;
}

static void *doomed(void *unused) {
	filter(SYS_getpgid, SECCOMP_RET_KILL_THREAD, 0);
	return once(unused);
}

static void *doomed_strict(void *unused) {
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(8);
	return once(unused);
}

static void in_thread(void *(*f)(void *)) {
	pthread_t t;
	pthread_create(&t, NULL, f, NULL);
	pthread_join(t, NULL);
}

/* Forks and executes under the filter: none of that is denied. */
static void children(void) {
	for (int i = 0; i < 3; i++) {
		pid_t pid = vfork();
		if (pid == 0) {
			execl("/bin/true", "true", NULL);
			_exit(7);
		}
		waitpid(pid, NULL, 0);
	}
	if (fork() == 0) _exit(0);
	wait(NULL);
}

/* Answers the three calls of a child: an error, a value, go on. */
static void supervise(void) {
	int listener = filter(SYS_getpgid, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (fork() == 0) {
		three();
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		struct seccomp_notif n;
		memset(&n, 0, sizeof n);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) != 0) _exit(8);
		struct seccomp_notif_resp a = {.id = n.id};
		if (i == 0) a.error = -EPERM;
		if (i == 1) a.val = 7;
		if (i == 2) a.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &a) != 0) _exit(8);
	}
	wait(NULL);
}

int main(int argc, char **argv) {
	const char *way = argv[1];
	signal(SIGSYS, handler);
	if (argc > 2) { /* held under a filter that allows everything */
		char c;
		filter(SYS_getpgid, SECCOMP_RET_ALLOW, 0);
		puts("ready");
		fflush(stdout);
		while (read(0, &c, 1) > 0) {}
	}
	if (strcmp(way, "errno") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_ERRNO | EPERM, 0);
		three();
		children();
	} else if (strcmp(way, "late") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_ERRNO | EPERM, 0);
		usleep(500000);
		three();
	} else if (strcmp(way, "errno0") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_ERRNO, 0);
		three();
	} else if (strcmp(way, "trap") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_TRAP, 0);
		three();
		children();
	} else if (strcmp(way, "trace") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_TRACE, 0);
		three();
	} else if (strcmp(way, "log") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_LOG, 0);
		three();
	} else if (strcmp(way, "notify") == 0) {
		supervise();
	} else if (strcmp(way, "kill-process") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_KILL_PROCESS, 0);
		in_thread(once);
	} else if (strcmp(way, "kill-thread") == 0) {
		in_thread(doomed);
		in_thread(doomed);
	} else if (strcmp(way, "kill-only-thread") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_KILL_THREAD, 0);
		three();
	} else if (strcmp(way, "strict") == 0) {
		in_thread(doomed_strict);
	} else if (strcmp(way, "kill-by-signal") == 0) {
		filter(SYS_getpgid, SECCOMP_RET_ALLOW, 0);
		three();
		signal(SIGSYS, SIG_DFL);
		kill(getpid(), SIGSYS);
	}
	return 0;
}
