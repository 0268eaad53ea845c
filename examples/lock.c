// SPDX-License-Identifier: MIT
/*
 * A table for each CPU, too large for a call or a vector to work on: threads take the lock of the
 * CPU that they run on, which costs them no atomic operation.  The main thread looks after the
 * tables of all CPUs, idle ones too, by the same call.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, LOOPS = 200000, BUCKETS = 64 };

struct table {
	uint64_t entries, bucket[BUCKETS];
};

static struct opv_lock lock;
static struct table *tables;	/* plain memory: the lock guards it */
static int errors;

static void *work(void *arg)
{
	uint64_t i;
	int cpu;

	for (i = 0; i < LOOPS; i++) {
		cpu = opv_cpu();
		if (opv_lock_take(&lock, cpu)) {
			__atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED);
			continue;
		}
		/* We may be moved while we are in here; the table is ours all the same. */
		tables[cpu].bucket[i % BUCKETS]++;
		tables[cpu].entries++;
		opv_lock_release(&lock, cpu);
	}
	return arg;
}

/* Empties a table; it must add up, whoever was working on it. */
static uint64_t collect(int cpu)
{
	struct table *t = &tables[cpu];
	uint64_t sum = 0, i;

	if (opv_lock_take(&lock, cpu))
		return 0;
	for (i = 0; i < BUCKETS; i++) {
		sum += t->bucket[i];
		t->bucket[i] = 0;
	}
	errors += sum != t->entries;
	t->entries = 0;
	opv_lock_release(&lock, cpu);
	return sum;
}

int main(void)
{
	int i, round, cpus = opv_domain_cpus(NULL);
	pthread_t threads[THREADS];
	uint64_t sum = 0;

	tables = calloc((size_t)cpus, sizeof(*tables));
	if (!tables || opv_lock_init(&lock, NULL))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (round = 0; round < 100; round++)
		for (i = 0; i < cpus; i++)
			sum += collect(i);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < cpus; i++)
		sum += collect(i);
	printf("%llu of %d\n", (unsigned long long)sum, THREADS * LOOPS);
	return errors || sum != THREADS * LOOPS || opv_lock_fini(&lock);
}
