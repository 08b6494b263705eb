/* Makes children in every way that the kernel knows. Each child makes a call
 * that nobody else makes, twice or more often. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *self;

static void done(int pid)
{
	int status;
	if (pid < 0 || waitpid(pid, &status, __WALL) != pid || status != 0)
		_exit(3);
}

static void in_fork(void)
{
	int pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "renamed", 0, 0, 0);
		syscall(SYS_getsid, 0);
		_exit(0);
	}
	done(pid);
}

static void in_vfork(void)
{
	int pid = vfork();
	if (pid == 0) {
		syscall(SYS_getpgid, 0);
		_exit(0);
	}
	done(pid);
}

static int cloned(void *unused)
{
	syscall(SYS_sched_yield);
	return 0;
}

static void in_clone(int flags)
{
	char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	done(clone(cloned, stack + 65536, flags | SIGCHLD, 0));
}

static void in_clone3(void)
{
#ifdef SYS_clone3
	uint64_t args[11] = {0};
	args[4] = SIGCHLD;
	int pid = syscall(SYS_clone3, args, sizeof args);
	if (pid == 0) {
		syscall(SYS_getpriority, 0, 0);
		_exit(0);
	}
	if (pid < 0 && errno == ENOSYS)
		return;
	done(pid);
#endif
}

static void spawn(const char *mode)
{
	char *argv[] = {(char *)self, (char *)mode, 0};
	int pid;
	if (posix_spawn(&pid, self, 0, 0, argv, environ))
		_exit(4);
	done(pid);
}

static void *in_thread(void *unused)
{
	syscall(SYS_sched_get_priority_max, 1);
	spawn("leaf");
	return 0;
}

static void threads(void)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++) {
		pthread_create(&t[i], 0, in_thread, 0);
		pthread_join(t[i], 0);
	}
}

static void double_fork(void)
{
	int fds[2];
	char c;
	if (pipe(fds))
		_exit(5);
	int pid = fork();
	if (pid == 0) {
		close(fds[0]);
		if (fork() == 0) {
			setsid();
			syscall(SYS_sched_get_priority_min, 1);
			_exit(0);
		}
		_exit(0);
	}
	close(fds[1]);
	done(pid);
	if (read(fds[0], &c, 1) != 0) /* until the grandchild is gone */
		_exit(6);
}

static void *executes(void *mode)
{
	char *argv[] = {(char *)self, mode, 0};
	execve(self, argv, environ);
	_exit(7);
}

static void *executes_later(void *mode)
{
	usleep(20000); /* until the first thread has nothing left to do */
	return executes(mode);
}

static void thread_exec(const char *mode)
{
	int pid = fork();
	if (pid == 0) {
		pthread_t t;
		pthread_create(&t, 0, executes_later, (void *)mode);
		pthread_join(t, 0);
		_exit(8);
	}
	done(pid);
}

static void many(int n)
{
	for (int i = 0; i < n; i++) {
		int pid = fork();
		if (pid == 0) {
			syscall(SYS_getsid, 0);
			_exit(0);
		}
		if (i % 16 == 15 || i == n - 1)
			while (waitpid(-1, 0, 0) > 0)
				;
	}
}

static void chain(int n)
{
	char mode[32];
	if (n == 0)
		return;
	sprintf(mode, "chain%d", n - 1);
	executes(mode);
}

static volatile int alarms;

static void on_alarm(int unused) { alarms++; }

/* Calls under a storm of signals. With SA_RESTART none may fail. */
static void storm(int flags, int n)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerval every = {{0, 200}, {0, 200}};
	sigaction(SIGALRM, &sa, 0);
	setitimer(ITIMER_REAL, &every, 0);
	for (int i = 0; i < n; i++) {
		int r = syscall(SYS_getpgid, 0);
		if (r < 0 && (errno != EINTR || flags & SA_RESTART))
			_exit(9);
	}
	memset(&every, 0, sizeof every);
	while (setitimer(ITIMER_REAL, &every, 0) && errno == EINTR)
		;
	if (alarms == 0)
		_exit(10);
}

static void int80(int n)
{
#ifdef __x86_64__
	for (int i = 0; i < n; i++) {
		long r;
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "r8", "r9", "r10", "r11", "memory"); /* getpid */
		if (r != getpid())
			_exit(11);
	}
#endif
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	self = argv[0];
	if (!strcmp(mode, "fork"))
		in_fork();
	else if (!strcmp(mode, "vfork"))
		in_vfork();
	else if (!strcmp(mode, "clone"))
		in_clone(0);
	else if (!strcmp(mode, "clone-vm"))
		in_clone(CLONE_VM);
	else if (!strcmp(mode, "clone-vfork"))
		in_clone(CLONE_VM | CLONE_VFORK);
	else if (!strcmp(mode, "clone-parent"))
		in_clone(CLONE_FILES | CLONE_FS);
	else if (!strcmp(mode, "clone3"))
		in_clone3();
	else if (!strcmp(mode, "spawn"))
		spawn("leaf");
	else if (!strcmp(mode, "threads"))
		threads();
	else if (!strcmp(mode, "double-fork"))
		double_fork();
	else if (!strcmp(mode, "thread-exec"))
		thread_exec("leaf");
	else if (!strncmp(mode, "chain", 5))
		chain(atoi(mode + 5));
	else if (!strncmp(mode, "many", 4))
		many(atoi(mode + 4));
	else if (!strncmp(mode, "storm", 5))
		storm(SA_RESTART, atoi(mode + 5));
	else if (!strncmp(mode, "unrestarted", 11))
		storm(0, atoi(mode + 11));
	else if (!strncmp(mode, "int80-", 6))
		int80(atoi(mode + 6));
	else if (!strcmp(mode, "leaf"))
		syscall(SYS_getpgid, 0);
	else
		return 2;
	return 0;
}
