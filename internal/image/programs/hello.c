#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
	char *s = strdup("hello");
	printf("%s, %zu\n", s, strlen(s));
	free(s);
	return 0;
}
