// SPDX-License-Identifier: MIT
/*
 * A counter that many threads add to: a nanosecond an addition, no cache line
 * shared.  Read it cheaply, or exactly and set to 0 at one moment; and a histogram of
 * what was added.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>

#define THREADS 4
#define LOOPS 1000000
#define BITS 3
#define LARGEST 1023

static struct opv_counter hits;
static struct opv_histogram sizes;

/* A static one needs neither a struct nor a beginning. */
static OPV_DEFINE_PER_CPU(uint64_t, loops);

static void *work(void *arg)
{
	uint64_t i;

	for (i = 0; i < LOOPS; i++) {
		opv_counter_inc(&hits, OPV_THIS_CPU);
		opv_histogram_add(&sizes, i % 1000, 1, OPV_THIS_CPU);
		opv_add(opv_per_cpu(loops), 1, OPV_THIS_CPU);
	}
	return arg;
}

static void show_sizes(void)
{
	int64_t snapshot[(65 - BITS) << BITS];

	if (opv_counters_sum(&sizes.counts, snapshot))
		return;
	printf("%llu values, half of them at most %llu, 99 percent at most %llu\n",
	       (unsigned long long)opv_histogram_total(&sizes, snapshot),
	       (unsigned long long)opv_histogram_percentile(&sizes, snapshot, 50),
	       (unsigned long long)opv_histogram_percentile(&sizes, snapshot, 99));
}

int main(void)
{
	struct opv_counter static_one = { opv_per_cpu(loops) };
	pthread_t threads[THREADS];
	int64_t part, sum = 0;
	int i;

	if (opv_counter_init(&hits, NULL) || opv_histogram_init(&sizes, NULL, BITS, LARGEST))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	/* Nothing is counted twice and nothing is lost, however many go on adding. */
	for (i = 0; i < 10 && !opv_counter_reset(&hits, &part); i++)
		sum += part;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	sum += opv_counter_read(&hits);
	printf("%lld of %d, %lld loops\n", (long long)sum, THREADS * LOOPS,
	       (long long)opv_counter_read(&static_one));
	show_sizes();
	opv_histogram_fini(&sizes);
	opv_counter_fini(&hits);
	return sum != THREADS * LOOPS;
}
