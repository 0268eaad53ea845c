// SPDX-License-Identifier: MIT
/*
 * As in 2018: a list for each CPU.  Threads pop a node where they are and push it
 * where they are by then; one thread takes from all CPUs in turn.  No node is
 * lost or twice there.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rseq/percpu-op.h>

#define THREADS 3
#define LOOPS 200000
#define NODES 100
#define CPUS 4096

struct node {
	struct node *next;
	intptr_t data;
};

static struct {
	struct node *head;
} __attribute__((aligned(128))) lists[CPUS];

static int nr_cpus;

static void push(struct node *node, int cpu)
{
	intptr_t *head = (intptr_t *)&lists[cpu].head, expect;

	do {
		expect = *(volatile intptr_t *)head;
		node->next = (struct node *)expect;
	} while (percpu_cmpeqv_storev(head, expect, (intptr_t)node, cpu) > 0);
}

static struct node *pop(int cpu)
{
	intptr_t head;
	int ret;

	ret = percpu_cmpnev_storeoffp_load((intptr_t *)&lists[cpu].head, 0,
					   offsetof(struct node, next), &head, cpu);
	if (ret < 0)
		abort();
	return ret ? NULL : (struct node *)head;
}

static void *mixes(void *arg)
{
	int i;

	for (i = 0; i < LOOPS; i++) {
		/* A tenth of them from a CPU that is mostly another one. */
		int from = i % 10 ? (int)rseq_cpu_start() : i / 10 % nr_cpus;
		struct node *node = pop(from);

		if (i % 50 == 0)
			sched_yield();
		if (node)
			push(node, (int)rseq_cpu_start());
	}
	return arg;
}

int main(void)
{
	pthread_t threads[THREADS];
	intptr_t sum = 0;
	struct node *node;
	int i, count = 0;

	nr_cpus = (int)sysconf(_SC_NPROCESSORS_CONF);
	if (nr_cpus < 1 || nr_cpus > CPUS)
		return 2;
	for (i = 0; i < NODES; i++) {
		node = (struct node *)malloc(sizeof(*node));
		node->data = i;
		push(node, i % nr_cpus);
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, mixes, NULL))
			return 2;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < nr_cpus; i++) {
		while ((node = pop(i))) {
			sum += node->data;
			count++;
			free(node);
		}
	}
	if (count != NODES || sum != NODES * (NODES - 1) / 2) {
		fprintf(stderr, "%d nodes, sum %ld\n", count, (long)sum);
		return 1;
	}
	return 0;
}
