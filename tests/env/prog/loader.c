// SPDX-License-Identifier: MIT
/*
 * loader PLUGIN ROUNDS: load the plugin, have it work in this thread, unload it,
 * and let the kernel preempt us: it looks at what rseq_cs points to.  Prints how
 * often something was left there.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WAYS 7

static uint64_t rseq_cs(void)
{
	uint64_t v;

	__asm__ __volatile__("movq %%fs:8(%1), %0" : "=r"(v) : "r"(opv_rseq()));
	return v;
}

static volatile int busy = 1;

/* Somebody to be preempted by. */
static void *neighbour(void *arg)
{
	(void)arg;
	while (busy)
		sched_yield();
	return NULL;
}

int main(int argc, char **argv)
{
	void (*work)(struct opv_domain *, uint64_t *, intptr_t *, int);
	const struct timespec short_while = { 0, 1000 };
	struct opv_domain *d;
	intptr_t *word;
	uint64_t *h;
	pthread_t thread;
	int i, left = 0;
	void *dl;

	if (argc < 3 || opv_domain_create(&d, NULL) || opv_new(d, &h) || opv_new(d, &word))
		return 2;
	opv_add64(h, 1, OPV_THIS_CPU);
	if (!opv_rseq())
		return 77;
	pthread_create(&thread, NULL, neighbour, NULL);
	for (i = 0; i < atoi(argv[2]); i++) {
		dl = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
		if (!dl)
			return 3;
		*(void **)&work = dlsym(dl, "plugin_work");
		work(d, h, word, i % WAYS);
		dlclose(dl);
		left += rseq_cs() != 0;
		nanosleep(&short_while, NULL);
		sched_yield();
	}
	busy = 0;
	pthread_join(thread, NULL);
	printf("left behind %d times in %d rounds\n", left, i);
	return left ? 1 : 0;
}
