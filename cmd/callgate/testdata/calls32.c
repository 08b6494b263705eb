/*
 * Makes system calls of 32-bit x86, each in a child, as its arguments say:
 * NUMBER[,ARG...], where an ARG of @A:B:C is the address of three words. For each
 * it prints a line: the errno, 0 for success, or -N where signal N ended it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long words[6][3];

static long parse(char *text, int i)
{
	char *p = text + 1;
	int k;

	if (text[0] != '@')
		return strtoul(text, NULL, 0);
	for (k = 0; k < 3; k++) {
		words[i][k] = strtoul(p, &p, 0);
		if (*p == ':')
			p++;
	}
	return (long)words[i];
}

static long call(const long *a)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r)
		: "a"(a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]), "S"(a[4]), "D"(a[5]) : "memory");
	return r;
}

int main(int argc, char **argv)
{
	int i, n, status;

	for (i = 1; i < argc; i++) {
		long a[6] = { 0 };
		char *part;
		pid_t child;

		for (n = 0, part = strtok(argv[i], ","); part && n < 6; part = strtok(NULL, ","), n++)
			a[n] = parse(part, n);
		child = fork();
		if (child == 0) {
			long r = call(a);
			_exit(r < 0 ? -r : 0);
		}
		waitpid(child, &status, 0);
		printf("%d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
		fflush(stdout);
	}
	return 0;
}
