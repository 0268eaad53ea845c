// SPDX-License-Identifier: MIT
/*
 * Counters under threads, signal handlers and changes of CPU, on every road: nothing lost,
 * nothing counted twice, and an exact sum is what the counter was at one instant.
 */
#define _GNU_SOURCE
#include "many.h"

#define THREADS 3
#define WHO (2 * THREADS)
#define MS 500
#define NR 3

static struct opv_counter total, level;
static struct opv_counters batch;
static struct opv_histogram sizes;
static struct {
	_Alignas(64) int64_t total;
	uint64_t sizes;
	int error;
} ledger[WHO];
static int64_t taken, resets, sums, off_level, off_batch;
static uint64_t counted;
static int64_t snapshot[1000];
static int nr_cpus;

static int some_cpu(uint64_t *random)
{
	return rnd(random) % 16 ? OPV_THIS_CPU : (int)(rnd(random) % (unsigned int)nr_cpus);
}

/* Up on one CPU, down on another: at any instant the level is the number of those in between. */
static int up_and_down(uint64_t *random)
{
	int ret = opv_counter_inc(&level, some_cpu(random));

	return ret ? ret : opv_counter_dec(&level, some_cpu(random));
}

/* Three counters that are changed at once; their sum is 0 at any instant. */
static int turn_batch(uint64_t *random)
{
	int cpu = opv_cpu(), k = (int)(rnd(random) % NR);
	uint64_t *part = opv_ptr(batch.percpu, cpu);
	struct cpu_op vec[] = {
		opv_op_add(&part[k], 2, 8),
		opv_op_add(&part[(k + 1) % NR], -1, 8),
		opv_op_add(&part[(k + 2) % NR], -1, 8),
	};

	return opv_vector(opv_domain_of(batch.percpu), vec, 3, cpu);
}

static void step(unsigned int who, uint64_t *random)
{
	int64_t n = (int64_t)(rnd(random) % 1000) - 300;
	int ret = opv_counter_add(&total, n, some_cpu(random));

	if (!ret) {
		ledger[who].total += n;
		ret = opv_histogram_add(&sizes, rnd(random) % 100000, 1, some_cpu(random));
		ledger[who].sizes += !ret;
	}
	ret = ret ? ret : up_and_down(random);
	ret = ret ? ret : turn_batch(random);
	if (ret)
		ledger[who].error = ret;
}

static void watch(void)
{
	int64_t sum, all[NR];

	if (!opv_counter_reset(&total, &sum)) {
		taken += sum;
		resets++;
	}
	if (!opv_counter_sum(&level, &sum)) {
		off_level += sum < 0 || sum > WHO;
		sums++;
	}
	if (!opv_counters_sum(&batch, all))
		off_batch += all[0] + all[1] + all[2] != 0;
	if (!opv_counters_reset(&sizes.counts, snapshot))
		counted += opv_histogram_total(&sizes, snapshot);
}

static void try(const char *name)
{
	int64_t want = 0, sum, all[NR];
	uint64_t values = 0;
	int i, error = 0;

	memset(ledger, 0, sizeof(ledger));
	taken = resets = sums = off_level = off_batch = 0;
	counted = 0;
	many_run(THREADS, MS, step, watch);
	watch();
	for (i = 0; i < WHO; i++) {
		want += ledger[i].total;
		values += ledger[i].sizes;
		error = ledger[i].error ? ledger[i].error : error;
	}
	diag("%lld resets, %lld sums, %llu values", (long long)resets, (long long)sums,
	     (unsigned long long)values);
	is(error, 0, "%s: every operation was done", name);
	is(taken, want, "%s: what was read and reset is what was added", name);
	is(counted, values, "%s: so is what the histogram counted", name);
	is(off_level, 0, "%s: no sum was one that never was", name);
	is(off_batch, 0, "%s: counters changed at once are seen at once", name);
	ok(!opv_counter_sum(&level, &sum) && !sum && !opv_counter_read(&total) &&
	   !opv_counters_reset(&batch, all), "%s: in the end nothing is left", name);
	ok(resets > 3 && sums > 3 && values > 100, "%s: there was work", name);
}

int main(void)
{
	const char *name;
	int road;

	nr_cpus = opv_domain_cpus(NULL);
	if (!ok(!opv_counter_init(&total, NULL) && !opv_counter_init(&level, NULL) &&
		!opv_counters_init(&batch, NULL, NR) && !opv_histogram_init(&sizes, NULL, 4, 99999) &&
		sizes.counts.nr < 1000, "counters and a histogram"))
		return done();
	for (road = ROAD_HALF; road < OPV_NR_ENGINES; road++) {
		if (!many_road(road, &name))
			continue;
		try(name);
		many_leave(road);
	}
	ok(atomic_load(&many.handlers) > 50, "signal handlers took part");
	return done();
}
