/* Copies single bytes from /dev/zero to /dev/null, as dd bs=1 does, and writes
 * the nanoseconds that a call took in the quickest of many batches: what else
 * the machine does meanwhile is not in them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(void) {
	enum { batches = 2000, calls = 200 };
	int in = open("/dev/zero", O_RDONLY), out = open("/dev/null", O_WRONLY);
	double best = 1e18;
	for (int i = 0; i < batches; i++) {
		char c;
		double began = now();
		for (int j = 0; j < calls / 2; j++)
			if (read(in, &c, 1) != 1 || write(out, &c, 1) != 1) return 1;
		double took = (now() - began) / calls;
		if (took < best) best = took;
	}
	fprintf(stderr, "%.1f\n", best);
	return 0;
}
