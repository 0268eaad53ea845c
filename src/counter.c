// SPDX-License-Identifier: MIT
/* Reading counters: <opv/counter.h>. */
#include <opv/counter.h>

#include <errno.h>

#include "all.h"

#define PART_MAX (OPV_DOMAIN_SIZE_MAX / sizeof(uint64_t))

static int make(uint64_t **percpu, struct opv_domain *d, size_t nr)
{
	return nr > PART_MAX ? -ENOMEM : opv_alloc(d, nr * sizeof(**percpu), sizeof(**percpu), percpu);
}

static int64_t load(const uint64_t *part, uint32_t i)
{
	return (int64_t)__atomic_load_n(&part[i], __ATOMIC_RELAXED);
}

static void add_to(int64_t *sum, int64_t n)
{
	*sum = (int64_t)((uint64_t)*sum + (uint64_t)n);
}

/* What the sums of all CPUs' parts are made of: counters, and where they go. */
struct collect {
	struct opv_domain *d;
	const uint64_t *percpu;
	int64_t *sums;
	uint32_t nr;
	bool reset;
};

static void collect_cpu(const struct collect *c, int cpu)
{
	uint64_t *part = opv_ptr((uint64_t *)(uintptr_t)c->percpu, cpu);
	uint32_t i;

	for (i = 0; i < c->nr; i++) {
		int64_t n = load(part, i);

		if (!n)
			continue;	/* a store of 0 would only dirty the line */
		add_to(&c->sums[i], n);
		if (c->reset)
			__atomic_store_n(&part[i], 0, __ATOMIC_RELAXED);
	}
}

static void clear(int64_t *sums, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		sums[i] = 0;
}

static int collect(const uint64_t *cpus, void *arg)
{
	const struct collect *c = arg;
	int cpu, end = (int)c->d->nr_cpus;

	clear(c->sums, c->nr);
	opv_for_each_in(cpus, cpu, end)
		collect_cpu(c, cpu);
	return 0;
}

/* Pages of the result are not to be looked for while all CPUs are closed. */
static void touch(int64_t *sums, uint32_t nr)
{
	const uint32_t page = 4096 / sizeof(*sums);
	volatile int64_t *p = sums;
	uint32_t i;

	for (i = 0; i < nr; i += page)
		p[i] = p[i];
	p[nr - 1] = p[nr - 1];
}

static int collect_all(const uint64_t *percpu, uint32_t nr, int64_t *sums, bool reset)
{
	struct collect c = { opv_domain_of(percpu), percpu, sums, nr, reset };

	touch(sums, nr);
	return opv_as_all(c.d, collect, &c);
}

static void look(const uint64_t *percpu, uint32_t nr, int64_t *sums)
{
	struct collect c = { opv_domain_of(percpu), percpu, sums, nr, false };
	int cpu;

	clear(sums, nr);
	for (cpu = 0; cpu < (int)c.d->nr_cpus; cpu++)
		if (opv_cpu_used(c.d, cpu))
			collect_cpu(&c, cpu);
}

int opv_counter_init(struct opv_counter *c, struct opv_domain *d)
{
	return make(&c->percpu, d, 1);
}

static int unmake(uint64_t *percpu)
{
	return percpu ? opv_free(opv_domain_of(percpu), percpu) : -EINVAL;
}

int opv_counter_fini(struct opv_counter *c)
{
	return unmake(c->percpu);
}

/* As look(), with the sum in a register: a third of the time. */
int64_t opv_counter_read(const struct opv_counter *c)
{
	const struct opv_domain *d = opv_domain_of(c->percpu);
	int cpu, end = (int)d->nr_cpus;
	int64_t sum = 0;

	for (cpu = 0; cpu < end; cpu++)
		if (opv_cpu_used(d, cpu))
			add_to(&sum, load(opv_ptr(c->percpu, cpu), 0));
	return sum;
}

int opv_counter_sum(const struct opv_counter *c, int64_t *sum)
{
	return collect_all(c->percpu, 1, sum, false);
}

int opv_counter_reset(const struct opv_counter *c, int64_t *sum)
{
	return collect_all(c->percpu, 1, sum, true);
}

struct range {
	struct opv_domain *d;
	const struct opv_counter *c;
	struct opv_counter_range *r;
};

static void widen(struct opv_counter_range *r, int64_t n, int cpu)
{
	add_to(&r->sum, n);
	if (!cpu || n < r->min) {
		r->min = n;
		r->min_cpu = cpu;
	}
	if (!cpu || n > r->max) {
		r->max = n;
		r->max_cpu = cpu;
	}
}

/* All CPUs, for one that was never used may have the smallest or the largest part too: 0. */
static int find_range(const uint64_t *cpus, void *arg)
{
	const struct range *g = arg;
	int cpu;

	g->r->sum = 0;
	for (cpu = 0; cpu < (int)g->d->nr_cpus; cpu++) {
		bool in = cpus[cpu / 64] >> cpu % 64 & 1;

		widen(g->r, in ? load(opv_ptr(g->c->percpu, cpu), 0) : 0, cpu);
	}
	return 0;
}

int opv_counter_range(const struct opv_counter *c, struct opv_counter_range *range)
{
	struct range g = { opv_domain_of(c->percpu), c, range };

	return opv_as_all(g.d, find_range, &g);
}

int opv_counters_init(struct opv_counters *c, struct opv_domain *d, uint32_t nr)
{
	int ret = nr ? make(&c->percpu, d, nr) : -EINVAL;

	if (!ret)
		c->nr = nr;
	return ret;
}

int opv_counters_fini(struct opv_counters *c)
{
	return unmake(c->percpu);
}

void opv_counters_read(const struct opv_counters *c, int64_t *sums)
{
	look(c->percpu, c->nr, sums);
}

int opv_counters_sum(const struct opv_counters *c, int64_t *sums)
{
	return collect_all(c->percpu, c->nr, sums, false);
}

int opv_counters_reset(const struct opv_counters *c, int64_t *sums)
{
	return collect_all(c->percpu, c->nr, sums, true);
}
