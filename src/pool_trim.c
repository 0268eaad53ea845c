// SPDX-License-Identifier: MIT
/* Pools: giving back what is not needed, and looking. */
#define _GNU_SOURCE
#include "pool.h"

#include <string.h>

#include <opv/vector.h>

#include "all.h"
#include "break.h"
#include "core.h"
#include "env.h"
#include "map.h"

/* One magazine that is to be emptied: "if the word is still w, let it be 0 long". */
struct victim {
	struct cpu_op ops[2];
	uintptr_t w, after;
	int cpu;
	void **objects;		/* what it held at w */
};

struct trim {
	const struct opv_pool *p;
	struct opv_request *requests;
	struct victim *victims;
	int nr;
	void **objects;
	size_t nr_objects;
};

static uint64_t misses(const struct opv_pool_magazine *m)
{
	return __atomic_load_n(&m->counts[OPV_POOL_COUNT_underflows], __ATOMIC_RELAXED) +
	       __atomic_load_n(&m->counts[OPV_POOL_COUNT_overflows], __ATOMIC_RELAXED);
}

/* A CPU that works, and missed nothing since the last time. */
static void shrink(const struct opv_pool *p, struct opv_pool_magazine *m)
{
	uint32_t capacity = __atomic_load_n(&m->capacity, __ATOMIC_RELAXED), less;

	less = capacity - capacity / 4;
	if (less < p->central->o.batch)
		less = p->central->o.batch;
	if (less >= capacity)
		return;
	__atomic_store_n(&m->capacity, less, __ATOMIC_RELAXED);
	opv_pool_count(m, shrunk, 1);
}

static void add_victim(struct trim *t, struct opv_pool_magazine *m, int cpu, uintptr_t w)
{
	struct victim *v = &t->victims[t->nr];
	uintptr_t len = w & OPV_POOL_LENGTH, i;

	v->w = w;
	v->after = (uintptr_t)opv_pool_after(w, 0);
	v->cpu = cpu;
	v->objects = t->objects + t->nr_objects;
	t->nr_objects += len;
	for (i = 0; i < len; i++)
		v->objects[i] = (void *)OPV_PORT_LOAD(intptr_t, &m->objects[i]);
	v->ops[0] = opv_op_compare_eq(&m->word, &v->w, sizeof(v->w));
	v->ops[1] = opv_op_memcpy_release(&m->word, &v->after, sizeof(v->after));
	t->requests[t->nr++] = (struct opv_request){ v->ops, 2, cpu, 1 };
}

/* Look at each CPU: idle, offline, or at work? */
static void choose(struct trim *t)
{
	const struct opv_pool *p = t->p;
	int cpu;

	for (cpu = 0; cpu < (int)p->domain->nr_cpus; cpu++) {
		struct opv_pool_seen *seen = &p->central->seen[cpu];
		struct opv_pool_magazine *m = opv_pool_magazine(p, cpu);
		uint64_t missed;
		uintptr_t w;
		bool idle;

		if (!opv_cpu_used(p->domain, cpu))
			continue;
		w = opv_pool_word(m);
		missed = misses(m);
		idle = atomic_exchange(&seen->word, w) == w;
		if (atomic_exchange(&seen->misses, missed) == missed && !idle)
			shrink(p, m);
		if ((w & OPV_POOL_LENGTH) && (idle || !opv_cpu_online(cpu)))
			add_victim(t, m, cpu, w);
	}
}

/* What was emptied; a CPU that came to work meanwhile kept what it had. */
static void finish(struct trim *t)
{
	int i;

	for (i = 0; i < t->nr; i++) {
		struct victim *v = &t->victims[i];
		struct opv_pool_magazine *m = opv_pool_magazine(t->p, v->cpu);

		if (t->requests[i].result)
			continue;
		__atomic_store_n(&m->capacity, 0, __ATOMIC_RELAXED);
		atomic_store(&t->p->central->seen[v->cpu].word, v->after);
		opv_pool_count(m, trimmed, v->w & OPV_POOL_LENGTH);
		opv_pool_release(t->p->central, v->objects, (int)(v->w & OPV_POOL_LENGTH));
	}
}

/* What no batch of a depot was needed for since the last time. */
static void trim_depots(struct opv_pool_central *c)
{
	int i;

	for (i = 0; i < (int)c->o.nr_depots; i++) {
		struct opv_pool_depot *d = &c->depots[i];

		opv_pool_release_batches(c, i, atomic_load_explicit(&d->low, memory_order_relaxed));
		atomic_store_explicit(&d->low, atomic_load_explicit(&d->nr, memory_order_relaxed),
				      memory_order_relaxed);
	}
}

/* Room for the objects of all magazines; pages of what is not used never come. */
static size_t scratch(const struct opv_pool *p)
{
	return p->domain->nr_cpus * (size_t)p->central->o.capacity * sizeof(void *);
}

int opv_pool_trim(const struct opv_pool *p)
{
	size_t nr = p->domain->nr_cpus;
	size_t bytes = scratch(p) + nr * (sizeof(struct opv_request) + sizeof(struct victim));
	struct trim t = { .p = p };
	int ret;

	t.objects = opv_map(bytes, MAP_NORESERVE);
	if (!t.objects)
		return -ENOMEM;
	t.victims = (struct victim *)((char *)t.objects + scratch(p));
	t.requests = (struct opv_request *)(t.victims + nr);
	choose(&t);
	ret = opv_vectors(p->domain, t.requests, t.nr);
	if (!ret)
		finish(&t);
	opv_unmap(t.objects, bytes);
	trim_depots(p->central);
	return ret;
}

/* All magazines at one moment. */
struct drain {
	const struct opv_pool *p;
	void **objects;
	size_t nr;
};

static int empty_all(const uint64_t *cpus, void *arg)
{
	struct drain *dr = arg;
	int cpu, end = (int)dr->p->domain->nr_cpus;

	opv_for_each_in(cpus, cpu, end) {
		struct opv_pool_magazine *m = opv_pool_magazine(dr->p, cpu);
		uintptr_t w = opv_pool_word(m), i;

		if (!(w & OPV_POOL_LENGTH))
			continue;
		for (i = 0; i < (w & OPV_POOL_LENGTH); i++)
			dr->objects[dr->nr++] = (void *)OPV_PORT_LOAD(intptr_t, &m->objects[i]);
		__atomic_store_n(&m->word, opv_pool_after(w, 0), __ATOMIC_RELEASE);
	}
	return 0;
}

int opv_pool_drain(const struct opv_pool *p)
{
	struct opv_pool_central *c = p->central;
	struct drain dr = { .p = p };
	int ret, depot;
	size_t i, n;

	dr.objects = opv_map(scratch(p), MAP_NORESERVE);
	if (!dr.objects)
		return -ENOMEM;
	ret = OPV_BROKEN(GATE) ? empty_all((uint64_t[1024]){ ~UINT64_C(0) }, &dr) :
				 opv_as_all(p->domain, empty_all, &dr);
	for (i = 0; i < dr.nr; i += n) {
		n = dr.nr - i < c->o.capacity ? dr.nr - i : c->o.capacity;
		opv_pool_release(c, dr.objects + i, (int)n);
	}
	opv_unmap(dr.objects, scratch(p));
	for (depot = 0; depot < (int)c->o.nr_depots; depot++)
		opv_pool_release_batches(c, depot, INT32_MAX);
	return ret;
}

static void add_stats(const struct opv_pool *p, int cpu, struct opv_pool_stats *s)
{
	const struct opv_pool_magazine *m = opv_pool_magazine(p, cpu);
	uintptr_t w;

	if (!opv_cpu_used(p->domain, cpu))
		return;
	w = opv_pool_word(m);
	s->operations += w / OPV_POOL_OPERATION;
	s->cached += w & OPV_POOL_LENGTH;
	s->capacity += __atomic_load_n(&m->capacity, __ATOMIC_RELAXED);
#define X(name, what)								\
	s->name += __atomic_load_n(&m->counts[OPV_POOL_COUNT_##name], __ATOMIC_RELAXED);
	OPV_POOL_CPU_STATS(X)
#undef X
}

/* What a batch holds may change while we look at it: about. */
static uint64_t stored(const struct opv_pool_central *c)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < (int)atomic_load_explicit(&c->fresh, memory_order_relaxed); i++)
		n += __atomic_load_n(&opv_pool_batch(c, i)->nr, __ATOMIC_RELAXED);
	return n;
}

int opv_pool_stats(const struct opv_pool *p, int cpu, struct opv_pool_stats *stats, size_t size)
{
	size_t n = size < sizeof(*stats) ? size : sizeof(*stats);
	int nr = (int)p->domain->nr_cpus, i;
	struct opv_pool_stats s = { 0 };

	if (cpu != OPV_ALL_CPUS && (cpu < 0 || cpu >= nr))
		return -EINVAL;
	for (i = 0; i < nr; i++)
		if (cpu == OPV_ALL_CPUS || i == cpu)
			add_stats(p, i, &s);
	if (cpu == OPV_ALL_CPUS) {
		s.stored = stored(p->central);
		s.allocated = atomic_load_explicit(&p->central->allocated, memory_order_relaxed);
		s.freed = atomic_load_explicit(&p->central->freed, memory_order_relaxed);
	}
	memset(stats, 0, size);
	memcpy(stats, &s, n);
	return 0;
}
