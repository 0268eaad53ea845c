// SPDX-License-Identifier: MIT
/*
 * A barrier between two operations of a vector orders them for the other CPUs, in a shared
 * domain too, where a vector is computed before it is stored: two CPUs store to a word of their
 * own and read the other's behind the barrier.  Not both miss the other's store.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include "../ops/ops.h"

#define ROUNDS	30000

struct words {
	uint64_t stored, seen;
};

static struct opv_domain *domain;
static struct words *words;
static int cpus[2];
static _Atomic int arrived[2];
static _Atomic int bad;

static void meet(int me, int round)
{
	int spins = 0;

	arrived[me] = round;
	while (arrived[!me] < round && !bad)
		if (++spins % 10000 == 0)
			sched_yield();
}

static void *side(void *arg)
{
	const int me = *(int *)arg;
	struct words *mine = opv_ptr(words, cpus[me]), *others = opv_ptr(words, cpus[!me]);
	uint64_t value;
	int i;

	pin_to(cpus[me]);
	for (i = 1; i <= ROUNDS && !bad; i++) {
		struct cpu_op vec[] = {
			opv_op_memcpy(&mine->stored, &value, 8),
			opv_op_mb(),
			opv_op_memcpy(&mine->seen, &others->stored, 8),
			opv_op_compare_ne(&mine->seen, &value, 8),
			opv_op_add(&mine->seen, 0, 8),
		};

		value = (uint64_t)i;
		meet(me, 3 * i);
		if (opv_vector(domain, vec, 5, cpus[me]) < 0)
			bad = 1;
		meet(me, 3 * i + 1);
		if (mine->seen < value && others->seen < value)
			bad = 2;
		meet(me, 3 * i + 2);
	}
	return NULL;
}

static void test(uint32_t flags, const char *what)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = flags };
	int ids[2] = { 0, 1 };
	pthread_t other;

	bad = arrived[0] = arrived[1] = 0;
	if (opv_domain_create(&domain, &options) || opv_new(domain, &words)) {
		ok(false, "a domain");
		return;
	}
	pthread_create(&other, NULL, side, &ids[1]);
	side(&ids[0]);
	pthread_join(other, NULL);
	is(bad, 0, "%s: of two stores each before a barrier and a look at the other, one is seen", what);
}

int main(void)
{
	cpus[0] = allowed_cpu(0);
	cpus[1] = allowed_cpu(1);
	if (cpus[1] < 0) {
		skip("two CPUs look at each other's stores", "there is one CPU");
		return done();
	}
	test(0, "domain");
	test(OPV_DOMAIN_SHARED, "shared domain");
	return done();
}
