/* What a 32-bit program calls that a 64-bit one does not: socketcall, ids of
 * 32 and offsets of 64 bits, times of 32 and of 64 bits. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *thread(void *arg) {
	struct timespec t = {0, 1000000};
	nanosleep(&t, NULL);
	return arg;
}

int main(void) {
	int pair[2], status;
	char text[6] = "";
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	pid_t child = fork();
	if (child == 0) {
		send(pair[1], "hello", 5, 0);
		_exit(7);
	}
	recv(pair[0], text, 5, MSG_WAITALL);
	if (waitpid(child, &status, 0) != child)
		return 2;
	printf("%s %d\n", text, WEXITSTATUS(status));
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, thread, NULL))
			return 3;
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	int fd = open("/tmp/file", O_RDWR | O_CREAT | O_LARGEFILE, 0600);
	struct stat s;
	if (fd < 0 || ftruncate(fd, 5000) || lseek(fd, 10, SEEK_SET) != 10 || fstat(fd, &s))
		return 4;
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || fcntl(fd, F_GETFL) < 0 || setuid(getuid()))
		return 5;
	p[0] = 'x';
	printf("%d bytes, %d bits\n", (int)s.st_size, (int)sizeof(long) * 8);
	return system("exit 3") >> 8;
}
