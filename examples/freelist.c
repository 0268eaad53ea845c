// SPDX-License-Identifier: MIT
/*
 * Free lists, one a CPU: threads take from the CPU they run on and give to the
 * one they run on by then.  The main thread drains all lists meanwhile.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, LOOPS = 300000 };

struct buffer {
	struct buffer *next;
	char data[56];
};

static intptr_t *lists;
static long made, freed;

static void give(struct buffer *b)
{
	int cpu = opv_cpu();
	intptr_t first;

	do {
		first = *(volatile intptr_t *)opv_ptr(lists, cpu);
		b->next = (struct buffer *)first;
	} while (opv_cmpeq_store_release(lists, first, (intptr_t)b, cpu) > 0);
}

/* 0 and a buffer, 1 when the list is empty, or -errno. */
static int take(struct buffer **b, int cpu)
{
	return opv_cmpne_load_off_acquire(lists, 0, offsetof(struct buffer, next), (intptr_t *)b, cpu);
}

static void *work(void *arg)
{
	struct buffer *b;
	int i;

	for (i = 0; i < LOOPS; i++) {
		if (take(&b, OPV_THIS_CPU)) {
			b = malloc(sizeof(*b));
			__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
		}
		give(b);
	}
	return arg;
}

static void drain(void)
{
	struct buffer *b;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(NULL); cpu++)
		for (; !take(&b, cpu); freed++)
			free(b);	/* at once: nobody reads it any more */
}

int main(void)
{
	pthread_t threads[THREADS];
	int i;

	if (opv_new(NULL, &lists))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (i = 0; i < 1000; i++)
		drain();
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	drain();
	printf("made and freed: %s\n", made == freed ? "the same" : "not the same");
	return made != freed;
}
