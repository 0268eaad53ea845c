// SPDX-License-Identifier: MIT
/* One thread: counters, batches of them, and what they refuse, against a model, on every road. */
#define _GNU_SOURCE
#include "many.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define NR 5

static struct opv_domain *domain;
static int nr_cpus;

static int any_cpu(uint64_t *random)
{
	return (int)(rnd(random) % (unsigned int)(nr_cpus + 1)) - 1;
}

struct model {
	int64_t part[64][NR + 1];	/* by CPU; NR is the counter alone */
};

static int64_t model_sum(const struct model *m, int i)
{
	uint64_t sum = 0;
	int cpu;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		sum += (uint64_t)m->part[cpu][i];
	return (int64_t)sum;
}

static void model_zero(struct model *m, int from, int end)
{
	int cpu, i;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		for (i = from; i < end; i++)
			m->part[cpu][i] = 0;
}

/* A change of one part; the CPU that it was made on, for the thread does not move. */
static bool change(const struct opv_counter *c, const struct opv_counters *b, struct model *m,
		   uint64_t *random, int here)
{
	int cpu = any_cpu(random), as = cpu == OPV_THIS_CPU ? here : cpu, i = (int)(rnd(random) % NR);
	int64_t n = (int64_t)rnd_value(random), *alone = &m->part[as][NR];

	switch (rnd(random) % 6) {
	case 0:
		*alone = (int64_t)((uint64_t)*alone + (uint64_t)n);
		return !opv_counter_add(c, n, cpu);
	case 1:
		*alone = (int64_t)((uint64_t)*alone + 1);
		return !opv_counter_inc(c, cpu);
	case 2:
		*alone = (int64_t)((uint64_t)*alone - 1);
		return !opv_counter_dec(c, cpu);
	case 3:
		*alone = n > *alone ? n : *alone;
		return !opv_counter_max(c, n, cpu);
	case 4:
		*alone = n < *alone ? n : *alone;
		return !opv_counter_min(c, n, cpu);
	default:
		m->part[as][i] = (int64_t)((uint64_t)m->part[as][i] + (uint64_t)n);
		return !opv_counters_add(b, (uint32_t)i, n, cpu);
	}
}

static bool range_is(const struct opv_counter *c, const struct model *m)
{
	struct opv_counter_range r, w = { model_sum(m, NR), INT64_MAX, INT64_MIN, -1, -1 };
	int cpu;

	for (cpu = nr_cpus - 1; cpu >= 0; cpu--) {
		if (m->part[cpu][NR] <= w.min) {
			w.min = m->part[cpu][NR];
			w.min_cpu = cpu;
		}
		if (m->part[cpu][NR] >= w.max) {
			w.max = m->part[cpu][NR];
			w.max_cpu = cpu;
		}
	}
	return !opv_counter_range(c, &r) && r.sum == w.sum && r.min == w.min && r.max == w.max &&
	       r.min_cpu == w.min_cpu && r.max_cpu == w.max_cpu;
}

static bool batch_is(const int64_t *got, const struct model *m)
{
	int i;

	for (i = 0; i < NR; i++)
		if (got[i] != model_sum(m, i))
			return false;
	return true;
}

static bool look(const struct opv_counter *c, const struct opv_counters *b, struct model *m,
		 uint64_t *random)
{
	int64_t sum = -1, sums[NR] = { -1, -1, -1, -1, -1 };
	bool good = true;

	switch (rnd(random) % 7) {
	case 0:
		return opv_counter_read(c) == model_sum(m, NR);
	case 1:
		return !opv_counter_sum(c, &sum) && sum == model_sum(m, NR);
	case 2:
		return range_is(c, m);
	case 3:
		good = !opv_counter_reset(c, &sum) && sum == model_sum(m, NR);
		model_zero(m, NR, NR + 1);
		return good && range_is(c, m);
	case 4:
		opv_counters_read(b, sums);
		return batch_is(sums, m);
	case 5:
		return !opv_counters_sum(b, sums) && batch_is(sums, m);
	default:
		good = !opv_counters_reset(b, sums) && batch_is(sums, m);
		model_zero(m, 0, NR);
		return good;
	}
}

static void test_model(int road, const char *name, uint64_t *random)
{
	struct opv_counters b;
	struct opv_counter c;
	struct model m = { { { 0 } } };
	int here = allowed_cpu(1) >= 0 ? allowed_cpu(1) : allowed_cpu(0), i;
	bool good;

	(void)road;
	pin_to(here);
	good = !opv_counter_init(&c, domain) && !opv_counters_init(&b, domain, NR);
	for (i = 0; good && i < 5000; i++)
		good = change(&c, &b, &m, random, here) && (i % 8 || look(&c, &b, &m, random));
	ok(good, "%s: %d random operations do what the model does", name, i);
	ok(!opv_counters_fini(&b) && !opv_counter_fini(&c), "%s: and their memory is given back", name);
}

static void test_refusals(void)
{
	struct opv_counters b = { NULL, 0 }, none = { NULL, 7 };
	struct opv_counter c, gone;
	int64_t sum = 5;

	is(opv_counters_init(&none, domain, 0), -EINVAL, "no counters at all: EINVAL");
	is(opv_counters_init(&none, domain, UINT32_MAX), -ENOMEM, "more than fit: ENOMEM");
	ok(!none.percpu && none.nr == 7, "a struct that was refused is untouched");
	is(opv_counter_init(&c, domain), 0, "one counter");
	is(opv_counter_add(&c, 1, nr_cpus), -EINVAL, "a CPU that is none: EINVAL");
	is(opv_counter_add(&c, 1, -3), -EINVAL, "a negative one too");
	is(opv_counter_read(&c), 0, "and nothing was added");
	gone = c;
	is(opv_counter_fini(&c), 0, "it goes");
	is(opv_counter_fini(&gone), -EINVAL, "once: EINVAL");
	is(opv_counters_fini(&b), -EINVAL, "none goes: EINVAL");
	is(opv_counter_init(&c, NULL), 0, "the default domain");
	errno = 77;
	opv_counter_inc(&c, OPV_THIS_CPU);
	opv_counter_sum(&c, &sum);
	ok(errno == 77 && sum == 1, "works, and leaves errno alone");
	opv_counter_fini(&c);
}

static bool is_resident(void *p)
{
	unsigned char there = 1;

	mincore((void *)((uintptr_t)p & ~(uintptr_t)4095), 4096, &there);
	return there & 1;
}

static void test_untouched(void)
{
	struct opv_counter_range r;
	struct opv_counters c;
	int64_t sums[512];
	int cpus, good;
	struct opv_domain *d = wide_domain(&cpus);

	good = !opv_counters_init(&c, d, 512) && !opv_counters_add(&c, 1, 1, OPV_THIS_CPU) &&
	       !opv_counters_sum(&c, sums) && sums[1] == 1 && !opv_counters_reset(&c, sums) &&
	       sums[1] == 1 && !opv_counter_range(&(struct opv_counter){ c.percpu }, &r);
	opv_counters_read(&c, sums);
	ok(good && !sums[1] && !is_resident(opv_ptr(c.percpu, cpus - 1)),
	   "memory of a CPU that never runs is not touched by reading");
	good = !opv_counters_add(&c, 1, 1, cpus - 1) && !opv_counters_sum(&c, sums);
	ok(good && sums[1] == 1 && is_resident(opv_ptr(c.percpu, cpus - 1)),
	   "until something is done as that CPU, which counts");
	opv_domain_destroy(d);
}

/* Another process makes its struct from the offset. */
static void test_shared(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct opv_domain *d, *theirs;
	struct opv_counter c, other;
	int64_t sum = 0;
	int status = -1;
	pid_t pid;

	if (!ok(!opv_domain_create(&d, &options) && !opv_counter_init(&c, d), "a counter in shared memory"))
		return;
	opv_counter_add(&c, 1000, OPV_THIS_CPU);
	pid = fork();
	if (!pid) {
		if (opv_domain_attach(&theirs, opv_domain_fd(d), NULL))
			_exit(1);
		other.percpu = opv_handle(theirs, opv_handle_offset(c.percpu));
		if (opv_counter_add(&other, 1, 0) || opv_counter_add(&other, 1, OPV_THIS_CPU) ||
		    opv_counter_sum(&other, &sum))
			_exit(2);
		_exit(sum == 1002 ? 0 : 3);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "a process that attached it adds and reads");
	ok(!opv_counter_reset(&c, &sum) && sum == 1002 && !opv_counter_read(&c),
	   "its owner sees all of it, and resets it");
	opv_domain_destroy(d);
}

static void test_fork(void)
{
	struct opv_counter c;
	int64_t sum = 0;
	int status = -1;
	pid_t pid;

	opv_counter_init(&c, domain);
	opv_counter_add(&c, 3, 0);
	pid = fork();
	if (!pid) {
		opv_counter_inc(&c, OPV_THIS_CPU);
		_exit(opv_counter_reset(&c, &sum) || sum != 4 || opv_counter_read(&c));
	}
	waitpid(pid, &status, 0);
	ok(!status && opv_counter_read(&c) == 3, "a child of fork has a copy of its own");
	opv_counter_fini(&c);
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);
	const char *name;
	int road;

	domain = wide_domain(&nr_cpus);
	if (!ok(domain && nr_cpus <= 64, "a domain with CPUs that are never online"))
		return done();
	for (road = ROAD_HALF; road < OPV_NR_ENGINES; road++) {
		if (!many_road(road, &name))
			continue;
		test_model(road, name, &random);
		many_leave(road);
	}
	test_refusals();
	test_untouched();
	test_shared();
	test_fork();
	return done();
}
