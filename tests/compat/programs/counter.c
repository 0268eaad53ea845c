// SPDX-License-Identifier: MIT
/* As in 2018: counters, one a CPU; each thread adds on its own CPU and, now and then, on another. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <rseq/percpu-op.h>

#define THREADS 4
#define LOOPS 200000
#define CPUS 4096

static struct {
	intptr_t count;
} __attribute__((aligned(128))) counters[CPUS];

static int nr_cpus;

static void *adds(void *arg)
{
	intptr_t i;

	if (rseq_register_current_thread())
		fprintf(stderr, "note: this thread has no rseq\n");
	for (i = 0; i < LOOPS; i++) {
		int cpu = (int)percpu_current_cpu();

		if (i % 100 == 0)
			cpu = (cpu + 1) % nr_cpus;
		if (percpu_addv(&counters[cpu].count, 1, cpu))
			return arg;
	}
	return rseq_unregister_current_thread() ? arg : NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	intptr_t sum = 0;
	int i, bad = 0;

	nr_cpus = (int)sysconf(_SC_NPROCESSORS_CONF);
	if (!percpu_op_available() || nr_cpus < 1 || nr_cpus > CPUS)
		return 2;
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, adds, &bad))
			return 2;
	for (i = 0; i < THREADS; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		bad += ret != NULL;
	}
	for (i = 0; i < nr_cpus; i++)
		sum += counters[i].count;
	if (bad || sum != (intptr_t)THREADS * LOOPS) {
		fprintf(stderr, "%d threads failed, sum %ld, wanted %ld\n", bad, (long)sum,
			(long)THREADS * LOOPS);
		return 1;
	}
	return 0;
}
