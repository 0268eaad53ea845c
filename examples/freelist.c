// SPDX-License-Identifier: MIT
/*
 * Free lists, one a CPU: threads take from the CPU they run on and give to the one they run
 * on by then.  Where one is empty, half of another one's nodes come over.  The main thread
 * drains all lists meanwhile.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, LOOPS = 300000 };

struct buffer {
	void *next;
	char data[56];
};

static struct opv_freelist lists;
static long made, freed;

static struct buffer *take(void)
{
	struct opv_freelist_chain c;
	void *b;

	if (!opv_freelist_pop(&lists, &b, OPV_THIS_CPU))
		return b;
	if (!opv_freelist_steal(&lists, 16, &c, OPV_ALL_CPUS)) {
		opv_freelist_push_chain(&lists, &c, OPV_THIS_CPU);
		if (!opv_freelist_pop(&lists, &b, OPV_THIS_CPU))
			return b;
	}
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	return malloc(sizeof(struct buffer));
}

static void *work(void *arg)
{
	int i;

	for (i = 0; i < LOOPS; i++)
		opv_freelist_push(&lists, take(), OPV_THIS_CPU);
	return arg;
}

static void drain(void **first)
{
	void *next;
	int cpu;

	if (opv_freelist_drain(&lists, first))
		abort();
	for (cpu = 0; cpu < opv_domain_cpus(NULL); cpu++)
		for (; first[cpu]; first[cpu] = next, freed++) {
			next = opv_freelist_next(&lists, first[cpu]);
			free(first[cpu]);	/* at once: nobody reads it any more */
		}
}

int main(void)
{
	void **first = calloc((size_t)opv_domain_cpus(NULL), sizeof(*first));
	pthread_t threads[THREADS];
	int i;

	if (!first || opv_freelist_init(&lists, NULL, offsetof(struct buffer, next), 0))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (i = 0; i < 1000; i++)
		drain(first);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	drain(first);
	printf("made and freed: %s\n", made == freed ? "the same" : "not the same");
	return made != freed;
}
