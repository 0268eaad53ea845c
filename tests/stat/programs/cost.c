// SPDX-License-Identifier: MIT
/* cost malloc|mutex|read|write N: as prices.c, for ltrace: called as programs call. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void turn_malloc(long n)
{
	while (n-- > 0) {
		void *volatile p = malloc(64);

		free(p);
	}
}

static void turn_mutex(long n)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	while (n-- > 0) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
}

static void turn_read(long n)
{
	int fd = open("/dev/zero", O_RDONLY);
	char c;

	while (n-- > 0)
		if (read(fd, &c, 1) != 1)
			abort();
}

static void turn_write(long n)
{
	int fd = open("/dev/null", O_WRONLY);

	while (n-- > 0)
		if (write(fd, "", 1) != 1)
			abort();
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[2]) : 0;
	double began = now();

	if (!strcmp(what, "malloc"))
		turn_malloc(n);
	else if (!strcmp(what, "mutex"))
		turn_mutex(n);
	else if (!strcmp(what, "read"))
		turn_read(n);
	else if (!strcmp(what, "write"))
		turn_write(n);
	else
		return 2;
	printf("%.2f\n", (now() - began) / (double)n);
	return 0;
}
