//go:build ignore

// An ordinary program, which knows nothing of seccomp: it notes a line in a
// file, and then looks at another file.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void say(const char *text) { (void)!write(1, text, strlen(text)); }

int main(void) {
	int notes = open("notes.txt", O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (notes < 0) {
		perror("notes.txt");
		return 1;
	}
	say("notes.txt is open\n");
	if (write(notes, "noted\n", 6) != 6)
		return 1;
	say("a line is written\n");
	if (open("/etc/passwd", O_RDONLY) < 0)
		perror("/etc/passwd");
	else
		say("/etc/passwd is open, too\n");
	return 0;
}
