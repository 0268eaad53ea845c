// SPDX-License-Identifier: MIT
/*
 * CPUs that are used for the first time while others sum up: (A1) of docs/structures.md.  Down
 * on a new CPU, then up on an old one: at any instant the level is -1 or 0.
 */
#define _GNU_SOURCE
#include "many.h"

#define SLOTS 200
#define ROUNDS 40

static struct opv_counter level;
static struct opv_ref ref;
static pthread_barrier_t begin;
static _Atomic bool finished;
static int nr_cpus, errors;

static void *first_uses(void *arg)
{
	int cpu;

	(void)arg;
	pthread_barrier_wait(&begin);
	for (cpu = 1; cpu < nr_cpus; cpu++) {
		errors += opv_counter_dec(&level, cpu) != 0;
		errors += opv_counter_inc(&level, 0) != 0;
		errors += opv_ref_get(&ref, cpu) != 0;
		errors += opv_ref_put(&ref, 0) != 0;
	}
	atomic_store(&finished, true);
	return NULL;
}

static int released;

static void release(struct opv_ref *r)
{
	(void)r;
	released++;
}

static bool one_round(int round, uint64_t *sums)
{
	struct opv_domain_options options = { .size = sizeof(options), .nr_cpus = SLOTS };
	struct opv_domain *d;
	pthread_t thread;
	bool good, killed = false;
	int64_t sum;

	if (opv_domain_create(&d, &options) || opv_counter_init(&level, d) || opv_ref_init(&ref, d, release))
		return false;
	nr_cpus = opv_domain_cpus(d);
	atomic_store(&finished, false);
	released = 0;
	opv_ref_get(&ref, 0);		/* the thread's, who may come later than kill */
	pthread_create(&thread, NULL, first_uses, NULL);
	pthread_barrier_wait(&begin);
	for (good = true; good && !atomic_load(&finished); ++*sums) {
		good = !opv_counter_sum(&level, &sum) && sum >= -1 && sum <= 0;
		if (!good)
			diag("a level of %lld", (long long)sum);
		if (!killed && *sums % 64 == (uint64_t)round)
			killed = !opv_ref_kill(&ref);
	}
	pthread_join(thread, NULL);
	good &= killed || !opv_ref_kill(&ref);
	good &= !released && !opv_ref_put(&ref, 0) && released == 1;
	opv_domain_destroy(d);
	return good;
}

int main(void)
{
	uint64_t sums = 0;
	bool good = true;
	int round;

	if (!take_road(the_road()))
		return done();
	pthread_barrier_init(&begin, NULL, 2);
	for (round = 0; good && round < part_of(ROUNDS); round++)
		good = one_round(round, &sums);
	is(errors, 0, "every operation was done");
	ok(good, "no sum and no reference misses a CPU that is used for the first time (%llu sums)",
	   (unsigned long long)sums);
	leave_road(the_road());
	return done();
}
