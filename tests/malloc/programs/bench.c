// SPDX-License-Identifier: MIT
/*
 * One measurement of the allocator that this runs on, as numbers on one line:
 *
 *	bench pair SIZE		ns of a malloc() and a free(), the block freed at once
 *	bench batch SIZE	the same, 32 blocks allocated, then freed
 *	bench mixed		the same, 256 blocks of 16 to 1039 bytes, one replaced at random
 *	bench handoff SIZE	the same, allocated on CPU 0 and freed on CPU 1, 256 at a time
 *	bench memory N		kB resident with N threads that have 64 such blocks each, after
 *				20000 replacements; and when all are freed, the threads idle
 *
 * Times are of the processor, of all threads; so what else runs here matters less.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The least of some rounds, for what else happens only ever adds. */
static double least(void (*fn)(size_t size), size_t size, int rounds, double pairs)
{
	double best = 1e18, t;

	fn(size);
	while (rounds--) {
		t = cpu_ns();
		fn(size);
		t = (cpu_ns() - t) / pairs;
		if (t < best)
			best = t;
	}
	return best;
}

#define PAIRS 100000

static void pair(size_t size)
{
	void *volatile p;
	int i;

	for (i = 0; i < PAIRS; i++) {
		p = malloc(size);
		free(p);
	}
}

static void batch(size_t size)
{
	void *volatile p[32];
	int i, j;

	for (i = 0; i < PAIRS / 32; i++) {
		for (j = 0; j < 32; j++)
			p[j] = malloc(size);
		for (j = 0; j < 32; j++)
			free(p[j]);
	}
}

static unsigned int next(unsigned int *r)
{
	return (*r = *r * 1664525 + 1013904223) >> 8;
}

/* Small ones are more frequent. */
static size_t some_size(unsigned int r)
{
	return 16 + (r % 1024) * (r >> 12) / 4096 % 1024;
}

static void mixed(size_t size)
{
	static char *p[256];
	unsigned int r = 1;
	int i;

	(void)size;
	for (i = 0; i < PAIRS; i++) {
		char **at = &p[next(&r) % 256];

		free(*at);
		*at = malloc(some_size(next(&r)));
		**at = 1;
	}
}

#define AT_ONCE 256

static struct {
	sem_t full, empty;
	char *p[AT_ONCE];
} box[2];

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *consume(void *arg)
{
	int i, n;

	(void)arg;
	pin(1);
	for (n = 0; n < PAIRS / AT_ONCE; n++) {
		sem_wait(&box[n % 2].full);
		for (i = 0; i < AT_ONCE; i++)
			free(box[n % 2].p[i]);
		sem_post(&box[n % 2].empty);
	}
	return NULL;
}

static void handoff(size_t size)
{
	pthread_t t;
	int i, n;

	pin(0);
	for (i = 0; i < 2; i++) {
		sem_init(&box[i].full, 0, 0);
		sem_init(&box[i].empty, 0, 1);
	}
	if (pthread_create(&t, NULL, consume, NULL))
		exit(1);
	for (n = 0; n < PAIRS / AT_ONCE; n++) {
		sem_wait(&box[n % 2].empty);
		for (i = 0; i < AT_ONCE; i++)
			*(box[n % 2].p[i] = malloc(size)) = 1;
		sem_post(&box[n % 2].full);
	}
	pthread_join(t, NULL);
}

static pthread_barrier_t barrier;

static void *work(void *arg)
{
	unsigned int r = (unsigned int)(uintptr_t)arg * 2654435761u + 1;
	char *p[64] = { NULL };
	int i;

	for (i = 0; i < 20000; i++) {
		char **at = &p[next(&r) % 64];
		size_t size = some_size(next(&r));

		free(*at);
		*at = malloc(size);
		memset(*at, 1, size);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 64; i++)
		free(p[i]);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static long resident(void)
{
	static char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static void memory(int n)
{
	static pthread_t threads[4096];
	pthread_attr_t attr;
	long busy, idle;
	int i;

	pthread_barrier_init(&barrier, NULL, (unsigned int)n + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], &attr, work, (void *)(uintptr_t)i))
			exit(1);
	pthread_barrier_wait(&barrier);
	busy = resident();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	idle = resident();
	pthread_barrier_wait(&barrier);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%ld %ld\n", busy, idle);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 64;

	if (!strcmp(what, "pair"))
		printf("%.2f\n", least(pair, (size_t)n, 20, PAIRS));
	else if (!strcmp(what, "batch"))
		printf("%.2f\n", least(batch, (size_t)n, 20, PAIRS));
	else if (!strcmp(what, "mixed"))
		printf("%.2f\n", least(mixed, 0, 20, PAIRS));
	else if (!strcmp(what, "handoff"))
		printf("%.2f\n", least(handoff, (size_t)n, 5, PAIRS));
	else if (!strcmp(what, "memory") && n > 0 && n <= 4096)
		memory(n);
	else
		return 2;
	return 0;
}
