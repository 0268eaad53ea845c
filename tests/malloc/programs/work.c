// SPDX-License-Identifier: MIT
/* A known number of calls: work MODE N SIZE. */
#define _GNU_SOURCE
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void pairs(long n, size_t size)
{
	while (n--)
		free(malloc(size));
}

/* All of them at once. */
static void pile(long n, size_t size)
{
	static void *p[100000];
	long i;

	for (i = 0; i < n; i++)
		p[i] = malloc(size);
	for (i = 0; i < n; i++)
		free(p[i]);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		exit(6);
}

/* Fill the cache of one CPU, leave it, and keep the slower half busy on another one. */
static void leave(long n, size_t size)
{
	struct timespec begin, t;

	pin(1);
	pile(n, size);
	pin(0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		pile(1000, 3 * size);
		usleep(1000);
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (t.tv_sec - begin.tv_sec < 4);
}

int main(int argc, char **argv)
{
	const char *mode = argv[1];
	long n = argc > 2 ? atol(argv[2]) : 0;
	size_t size = argc > 3 ? (size_t)atol(argv[3]) : 0;

	if (!strcmp(mode, "pairs") || !strcmp(mode, "kill"))
		pairs(n, size);
	if (!strcmp(mode, "kill"))
		raise(SIGKILL);
	if (!strcmp(mode, "pile") || !strcmp(mode, "trim"))
		pile(n, size);
	if (!strcmp(mode, "trim"))
		malloc_trim(0);
	if (!strcmp(mode, "fork")) {
		if (fork())
			wait(NULL);
		pairs(n, size);
	}
	if (!strcmp(mode, "exec")) {
		pairs(n, size);
		execl(argv[0], argv[0], "pairs", argv[2], argv[3], (char *)NULL);
	}
	if (!strcmp(mode, "leave"))
		leave(n, size);
	return !strcmp(mode, "five") ? 5 : 0;
}
