// SPDX-License-Identifier: MIT
/* opv probe: does it really work, and by which road? */
#include "probe.h"

#include <errno.h>
#include <time.h>

#define CALLS 1000		/* of each try */
#define BATCH 64
#define ROUND_NS 1000000	/* of a measurement; the best of ROUNDS counts */
#define ROUNDS 5

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t slow_calls(void)
{
	struct opv_counts c = { 0 };

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	return c.slow;
}

/* All instances together, so that a migration in between loses nothing. */
static uint64_t sum(const uint64_t *h, int cpus)
{
	uint64_t all = 0;
	int cpu;

	for (cpu = 0; cpu < cpus; cpu++)
		all += __atomic_load_n(opv_ptr(h, cpu), __ATOMIC_RELAXED);
	return all;
}

enum what { PLAIN, THIS, OTHER };

/*
 * The CPU for the next call.  Another one than that which we are on by now: the
 * thread may be moved at any time, by a fence too.
 */
static int target(enum what what, const struct probe_look *look)
{
	int cpu = opv_cpu();

	return what == THIS ? cpu : cpu == look->other_cpu ? look->this_cpu : look->other_cpu;
}

static struct probe_try add(enum what what, uint64_t *h, const struct probe_look *look)
{
	int cpus = opv_domain_cpus(opv_domain_of(h)), i;
	struct probe_try t = { .calls = CALLS };
	uint64_t before = sum(h, cpus);

	t.slow = slow_calls();
	for (i = 0; i < CALLS && !t.ret; i++)
		t.ret = opv_add(h, 1, target(what, look));
	t.slow = slow_calls() - t.slow;
	t.good = !t.ret && sum(h, cpus) == before + CALLS;
	return t;
}

static struct probe_try vectors(enum opv_engine engine, uint64_t *h, int cpu)
{
	struct probe_try t = { .calls = CALLS / 10 };
	uint64_t *p = opv_ptr(h, cpu), before = *p, n;

	t.ret = opv_force(engine, 100);
	for (n = 0; n < t.calls && !t.ret; n++) {
		uint64_t expect = before + n;
		struct cpu_op vec[] = { opv_op_compare_eq(p, &expect, sizeof(*p)),
					opv_op_add(p, 1, sizeof(*p)) };

		t.ret = opv_vector(opv_domain_of(h), vec, 2, cpu);
	}
	t.good = !t.ret && *p == before + t.calls;
	opv_force(engine, 0);
	return t;
}

/* Nanoseconds of one, the best of some rounds.  Used in ratios only. */
static double cost(enum what what, uint64_t *h, const struct probe_look *look)
{
	static __thread volatile uint64_t plain;
	double best = 0;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		uint64_t begin = now_ns(), n = 0, spent;
		double each;

		do {
			for (i = 0; i < BATCH; i++) {
				if (what == PLAIN)
					plain++;
				else if (opv_add(h, 1, target(what, look)))
					return 0;
			}
			n += BATCH;
			spent = now_ns() - begin;
		} while (spent < ROUND_NS);
		each = (double)spent / (double)n;
		if (!round || each < best)
			best = each;
	}
	return best;
}

static void try_calls(struct probe_tries *tries, uint64_t *h, const struct probe_look *look)
{
	double this_cost;

	tries->this_cpu = add(THIS, h, look);
	this_cost = cost(THIS, h, look);
	tries->this_cpu.ratio = this_cost / cost(PLAIN, h, look);
	tries->good = tries->this_cpu.good;
	if (look->other_cpu < 0)
		return;
	tries->has_other = true;
	tries->other_cpu = add(OTHER, h, look);
	tries->good &= tries->other_cpu.good;
	if (this_cost > 0)
		tries->other_cpu.ratio = cost(OTHER, h, look) / this_cost;
}

static void try_engines(struct probe_tries *tries, uint64_t *h, const struct probe_look *look)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	int e;

	for (e = 0; e < OPV_NR_ENGINES; e++) {
		opv_engine_info((enum opv_engine)e, &info);
		if (!info.available)
			continue;
		tries->engine[e][0] = vectors((enum opv_engine)e, h, look->this_cpu);
		/* Shares of others that are forced from outside leave no room for it. */
		if (tries->engine[e][0].ret == -EINVAL)
			continue;
		tries->engine_tried[e] = true;
		tries->good &= tries->engine[e][0].good;
		if (look->other_cpu < 0)
			continue;
		tries->engine[e][1] = vectors((enum opv_engine)e, h, look->other_cpu);
		tries->good &= tries->engine[e][1].good;
	}
}

void probe_tries(struct probe_tries *tries, const struct probe_look *look)
{
	struct opv_domain *d;
	uint64_t *h;
	int ret;

	*tries = (struct probe_tries){ 0 };
	ret = opv_domain_create(&d, NULL);
	if (ret) {
		tries->error = "no domain can be made";
		tries->this_cpu.ret = ret;
		return;
	}
	ret = opv_new(d, &h);
	if (!ret) {
		try_calls(tries, h, look);
		try_engines(tries, h, look);
	} else {
		tries->error = "no per-CPU memory can be allocated";
		tries->this_cpu.ret = ret;
	}
	opv_domain_destroy(d);
}
