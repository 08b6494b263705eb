/* Makes calls of other ABIs than its own, from the same thread: getppid as x86
 * (64), and where the program has 64 bits as x32 (110) and with numbers that
 * no table has. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

static long int80(long nr) {
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr) : "memory");
	return result;
}

int main(void) {
	for (int i = 0; i < 5; i++) int80(64);
#ifdef __x86_64__
	for (int i = 0; i < 4; i++) syscall(0x40000000 | 110);
	for (int i = 0; i < 2; i++) syscall(5000);
	syscall(511);
	syscall(512);
	syscall(0x7fffffff);
	syscall(-1);
	syscall(SYS_getpgid, 0);
#endif
	return 0;
}
