// SPDX-License-Identifier: MIT
/*
 * A counter that many threads add to: a nanosecond an addition, no cache line
 * shared.  Read it cheaply, or exactly and set to 0 in one moment.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define LOOPS 1000000

static uint64_t *hits;

static void *work(void *arg)
{
	int i;

	for (i = 0; i < LOOPS; i++)
		opv_add(hits, 1, OPV_THIS_CPU);
	return arg;
}

/* Each word is right; what is added while this runs may or may not be in it. */
static uint64_t read_about(void)
{
	uint64_t sum = 0;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(opv_domain_of(hits)); cpu++)
		sum += *(volatile uint64_t *)opv_ptr(hits, cpu);
	return sum;
}

/* Nothing is counted twice and nothing is lost, however many go on adding. */
static int read_and_reset(uint64_t *sum)
{
	struct opv_domain *d = opv_domain_of(hits);
	int cpu, ret, nr = opv_domain_cpus(d);
	struct opv_request *requests = calloc(nr, sizeof(*requests));
	struct cpu_op (*vec)[2] = calloc(nr, sizeof(*vec));
	uint64_t *copy = calloc(nr, sizeof(*copy)), zero = 0;

	for (cpu = 0; cpu < nr; cpu++) {
		vec[cpu][0] = opv_op_memcpy(&copy[cpu], opv_ptr(hits, cpu), sizeof(*hits));
		vec[cpu][1] = opv_op_memcpy(opv_ptr(hits, cpu), &zero, sizeof(*hits));
		requests[cpu] = (struct opv_request){ vec[cpu], 2, cpu, 0 };
	}
	ret = opv_vectors(d, requests, nr);
	for (*sum = 0, cpu = 0; !ret && cpu < nr; cpu++)
		*sum += copy[cpu];
	free(requests);
	free(vec);
	free(copy);
	return ret;
}

int main(void)
{
	pthread_t threads[THREADS];
	uint64_t part, sum = 0;
	int i;

	if (opv_new(NULL, &hits))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (i = 0; i < 10 && !read_and_reset(&part); i++)
		sum += part;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%llu of %d\n", (unsigned long long)(sum + read_about()), THREADS * LOOPS);
	return sum + read_about() != THREADS * LOOPS;
}
