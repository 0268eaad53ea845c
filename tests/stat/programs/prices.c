// SPDX-License-Identifier: MIT
/*
 * prices malloc|mutex|read|write threads|alone LIBRARY...: what a turn costs (malloc + free,
 * lock + unlock, read or write of one byte), in nanoseconds, with the functions of the C
 * library and with those of each library; with threads, beside another one, which sleeps.
 *
 * In one process, a few hundred turns with each in alternation, so that whatever else the
 * machine does meets all of them alike; of each the first decile, because it only adds.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	4000
#define MAX	8

struct functions {
	void *(*malloc)(size_t size);
	void (*free)(void *p);
	int (*lock)(pthread_mutex_t *m);
	int (*unlock)(pthread_mutex_t *m);
	ssize_t (*read)(int fd, void *buf, size_t n);
	ssize_t (*write)(int fd, const void *buf, size_t n);
};

static int zero, null;
static double took[MAX][ROUNDS];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void turn_malloc(const struct functions *f, int n)
{
	while (n-- > 0) {
		void *volatile p = f->malloc(64);

		f->free(p);
	}
}

static void turn_mutex(const struct functions *f, int n)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	while (n-- > 0) {
		f->lock(&m);
		f->unlock(&m);
	}
}

static void turn_read(const struct functions *f, int n)
{
	char c;

	while (n-- > 0)
		if (f->read(zero, &c, 1) != 1)
			abort();
}

static void turn_write(const struct functions *f, int n)
{
	while (n-- > 0)
		if (f->write(null, "", 1) != 1)
			abort();
}

static const struct {
	const char *name;
	void (*turn)(const struct functions *f, int n);
} turns[] = {
	{ "malloc", turn_malloc },
	{ "mutex", turn_mutex },
	{ "read", turn_read },
	{ "write", turn_write },
};

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void find(struct functions *f, void *library)
{
	f->malloc = dlsym(library, "malloc");
	f->free = dlsym(library, "free");
	f->lock = dlsym(library, "pthread_mutex_lock");
	f->unlock = dlsym(library, "pthread_mutex_unlock");
	f->read = dlsym(library, "read");
	f->write = dlsym(library, "write");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(void (*turn)(const struct functions *f, int n), const struct functions *f, int nr)
{
	const int n = 300;
	int i, k, r;

	for (r = 0; r < ROUNDS; r++) {
		for (k = 0; k < nr; k++) {
			double began;

			i = (k + r) % nr;
			turn(f + i, 20);
			began = now();
			turn(f + i, n);
			took[i][r] = (now() - began) / n;
		}
	}
	for (i = 0; i < nr; i++) {
		qsort(took[i], ROUNDS, sizeof(took[i][0]), compare);
		printf("%.1f ", took[i][ROUNDS / 10]);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct functions f[MAX];
	pthread_t t;
	size_t i;
	int nr;

	if (argc < 3 || argc - 2 > MAX)
		return 2;
	if (!strcmp(argv[2], "threads") && pthread_create(&t, NULL, sleeper, NULL))
		return 3;
	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	find(f, dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD));
	for (nr = 1; nr < argc - 2; nr++) {
		void *library = dlopen(argv[nr + 2], RTLD_NOW | RTLD_LOCAL);

		if (!library) {
			fprintf(stderr, "prices: %s\n", dlerror());
			return 4;
		}
		find(f + nr, library);
	}
	for (i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
		if (!strcmp(argv[1], turns[i].name))
			measure(turns[i].turn, f, nr);
	return 0;
}
