// SPDX-License-Identifier: MIT
/* Free lists: what is more than one call.  (N1) to (N5) are in docs/structures.md. */
#define _GNU_SOURCE
#include <opv/freelist.h>

#include "all.h"
#include "break.h"
#include "core.h"
#include "count.h"
#include "domain.h"
#include "engine.h"

#define WALK_MAX	256	/* nodes that a batch follows behind a gate */
#define STEAL_MAX	4096

int opv_freelist_init(struct opv_freelist *f, struct opv_domain *d, size_t next,
		      unsigned int flags)
{
	struct opv_freelist_head *heads;
	int ret;

	if ((flags & ~(unsigned int)OPV_FREELIST_COUNTED) || next % sizeof(intptr_t) ||
	    next > PTRDIFF_MAX)
		return -EINVAL;
	if (!d)
		d = opv_domain_default();
	if (!d)
		return -ENOMEM;
	ret = opv_new(d, &heads);
	if (ret)
		return ret;
	*f = (struct opv_freelist){ d, heads, (ptrdiff_t)next, flags };
	return 0;
}

int opv_freelist_fini(struct opv_freelist *f)
{
	return opv_free(f->domain, f->heads);
}

static intptr_t *next_of(const struct opv_freelist *f, intptr_t node)
{
	return (intptr_t *)(node + f->next);
}

static intptr_t load(const intptr_t *p)
{
	return OPV_PORT_LOAD(intptr_t, p);
}

static void store(intptr_t *p, intptr_t v)
{
	OPV_PORT_STORE(intptr_t, p, v);
}

/* Behind a node that nothing follows any more there is NULL, for opv_freelist_next(). */
static void append(const struct opv_freelist *f, struct opv_freelist_chain *c, void *node)
{
	if (c->nr++)
		store(next_of(f, (intptr_t)c->last), (intptr_t)node);
	else
		c->first = node;
	c->last = node;
	store(next_of(f, (intptr_t)node), 0);
}

/*
 * Counted lists.  The number of the CPU is fixed first, so that both words are of the
 * same one, (N4).
 */
static int fixed(int cpu)
{
	return cpu == OPV_THIS_CPU ? opv_cpu() : cpu;
}

static int add_count(const struct opv_freelist *f, intptr_t n, int cpu)
{
	return opv_add(&f->heads->count, n, cpu);
}

static int push_plain(const struct opv_freelist *f, void *first, void *last, int cpu)
{
	return opv_push_release(&f->heads->first,
				(ptrdiff_t)((uintptr_t)last - (uintptr_t)first) + f->next, first, cpu);
}

int opv_freelist_push_counted(const struct opv_freelist *f, void *first, void *last, size_t nr,
			      int cpu)
{
	int ret;

	cpu = fixed(cpu);
	ret = add_count(f, (intptr_t)nr, cpu);
	if (ret)
		return ret;
	ret = push_plain(f, first, last, cpu);
	if (ret)
		add_count(f, -(intptr_t)nr, cpu);
	return ret;
}

int opv_freelist_pop_counted(const struct opv_freelist *f, void **node, int cpu)
{
	intptr_t got;
	int ret;

	cpu = fixed(cpu);
	ret = opv_cmpne_load_off_acquire(&f->heads->first, 0, f->next, &got, cpu);
	if (ret)
		return ret;
	*node = (void *)got;
	add_count(f, -1, cpu);
	return 0;
}

static intptr_t length(const struct opv_freelist *f, void *first)
{
	intptr_t n = 0;

	for (; first; first = opv_freelist_next(f, first))
		n++;
	return n;
}

int opv_freelist_pop_all_counted(const struct opv_freelist *f, void **first, int cpu)
{
	struct opv_freelist plain = *f;
	int ret;

	plain.flags = 0;
	cpu = fixed(cpu);
	ret = opv_freelist_pop_all(&plain, first, cpu);
	if (!ret)
		add_count(f, -length(f, *first), cpu);
	return ret;
}

/*
 * What no vector can say, because it follows pointers: the gate of a CPU closed, and
 * plain C, (N3).
 */
struct walk {
	const struct opv_freelist *f;
	struct opv_freelist_head *head;
	size_t max;
	struct opv_freelist_chain *c;
	size_t nr;
};

static int gate(const struct opv_freelist *f, int cpu, int (*fn)(void *arg), struct walk *w)
{
	int ret;

	if (cpu < 0 || cpu >= (int)f->domain->nr_cpus)
		return -EINVAL;
	w->f = f;
	w->head = opv_ptr(f->heads, cpu);
	opv_count(cpu, slow);
	opv_count(cpu, other_cpu);
	ret = OPV_BROKEN(GATE) ? fn(w) : opv_fence_engine_call(f->domain, cpu, fn, w);
	if (ret < 0)
		opv_count(cpu, errors);
	return ret;
}

/* Cut the list behind a node that is in it; c gets what is in front. */
static void cut(struct walk *w, intptr_t last, size_t nr)
{
	struct opv_freelist_head *h = w->head;
	intptr_t first = load(&h->first);

	store(&h->first, load(next_of(w->f, last)));
	if (w->f->flags & OPV_FREELIST_COUNTED)
		store(&h->count, load(&h->count) - (intptr_t)nr);
	if (w->c->nr)
		store(next_of(w->f, (intptr_t)w->c->last), first);
	else
		w->c->first = (void *)first;
	store(next_of(w->f, last), 0);
	w->c->last = (void *)last;
	w->c->nr += nr;
}

static int take_n(void *arg)
{
	struct walk *w = arg;
	intptr_t last = load(&w->head->first), next;
	size_t nr = 1;

	if (!last)
		return 1;
	for (; nr < w->max && (next = load(next_of(w->f, last))); nr++)
		last = next;
	cut(w, last, nr);
	return 0;
}

/* One pointer goes two steps for each of the other. */
static int take_half(void *arg)
{
	struct walk *w = arg;
	intptr_t last = load(&w->head->first), end;
	size_t nr = 1;

	if (!last)
		return 1;
	end = load(next_of(w->f, last));
	while (nr < w->max && end && (end = load(next_of(w->f, end)))) {
		end = load(next_of(w->f, end));
		last = load(next_of(w->f, last));
		nr++;
	}
	cut(w, last, nr);
	return 0;
}

int opv_freelist_pop_n(const struct opv_freelist *f, size_t n, struct opv_freelist_chain *c,
		       int cpu)
{
	struct walk w = { .c = c };
	int ret = 0;
	void *node;

	*c = (struct opv_freelist_chain){ NULL, NULL, 0 };
	while (c->nr < n && !ret) {
		if (cpu != OPV_THIS_CPU && cpu != opv_cpu()) {
			w.max = n - c->nr < WALK_MAX ? n - c->nr : WALK_MAX;
			ret = gate(f, cpu, take_n, &w);
			continue;
		}
		ret = opv_freelist_pop(f, &node, cpu);
		if (!ret)
			append(f, c, node);
	}
	return c->nr ? 0 : ret ? ret : 1;
}

/* The next CPU whose list does not look empty, after this one and without it; or -1. */
static int victim(const struct opv_freelist *f)
{
	int nr = (int)f->domain->nr_cpus, here = opv_cpu(), i, cpu;

	for (i = 1; i < nr; i++) {
		cpu = (here + i) % nr;
		if (opv_cpu_used(f->domain, cpu) && !opv_freelist_empty(f, cpu))
			return cpu;
	}
	return -1;
}

int opv_freelist_steal(const struct opv_freelist *f, size_t max, struct opv_freelist_chain *c,
		       int cpu)
{
	struct walk w = { .c = c, .max = max < STEAL_MAX ? max : STEAL_MAX };

	*c = (struct opv_freelist_chain){ NULL, NULL, 0 };
	if (!max || (cpu < 0 && cpu != OPV_ALL_CPUS) || cpu >= (int)f->domain->nr_cpus)
		return -EINVAL;
	if (cpu == OPV_ALL_CPUS)
		cpu = victim(f);
	if (cpu < 0 || opv_freelist_empty(f, cpu))
		return 1;
	return gate(f, cpu, take_half, &w);
}

/* All lists at one moment. */
struct all {
	const struct opv_freelist *f;
	void **first;
	int64_t count;
};

static int take_all(const uint64_t *cpus, void *arg)
{
	struct all *a = arg;
	int cpu, end = (int)a->f->domain->nr_cpus;

	opv_for_each_in(cpus, cpu, end) {
		intptr_t *head = &opv_ptr(a->f->heads, cpu)->first;

		if (!load(head))
			continue;
		a->first[cpu] = (void *)load(head);
		store(head, 0);
	}
	return 0;
}

/* What was taken is discounted after, so that nobody waits while it is counted. */
static int discount_all(const uint64_t *cpus, void *arg)
{
	struct all *a = arg;
	int cpu, end = (int)a->f->domain->nr_cpus;

	opv_for_each_in(cpus, cpu, end) {
		intptr_t *count = &opv_ptr(a->f->heads, cpu)->count;

		if (a->first[cpu])
			store(count, load(count) - length(a->f, a->first[cpu]));
	}
	return 0;
}

int opv_freelist_drain(const struct opv_freelist *f, void **first)
{
	struct all a = { .f = f, .first = first };
	uint32_t cpu;
	int ret;

	/* Before any gate is closed, so that it faults here if it does. */
	for (cpu = 0; cpu < f->domain->nr_cpus; cpu++)
		first[cpu] = NULL;
	ret = opv_as_all(f->domain, take_all, &a);
	if (!ret && (f->flags & OPV_FREELIST_COUNTED))
		opv_as_all(f->domain, discount_all, &a);
	return ret;
}

static int this_or(int cpu)
{
	return cpu == OPV_THIS_CPU ? opv_cpu() : cpu;
}

static bool is_cpu(const struct opv_freelist *f, int cpu)
{
	return cpu >= 0 && cpu < (int)f->domain->nr_cpus;
}

int64_t opv_freelist_count(const struct opv_freelist *f, int cpu)
{
	int64_t sum = 0;

	cpu = this_or(cpu);
	if (!(f->flags & OPV_FREELIST_COUNTED) || (cpu != OPV_ALL_CPUS && !is_cpu(f, cpu)))
		return -EINVAL;
	if (cpu != OPV_ALL_CPUS)
		return load(&opv_ptr(f->heads, cpu)->count);
	for (cpu = 0; is_cpu(f, cpu); cpu++)
		if (opv_cpu_used(f->domain, cpu))
			sum += load(&opv_ptr(f->heads, cpu)->count);
	return sum;
}

static int walk_lists(const uint64_t *cpus, void *arg)
{
	struct all *a = arg;
	int cpu, end = (int)a->f->domain->nr_cpus;

	opv_for_each_in(cpus, cpu, end)
		a->count += length(a->f, (void *)load(&opv_ptr(a->f->heads, cpu)->first));
	return 0;
}

static int walk_list(void *arg)
{
	struct walk *w = arg;

	w->nr = (size_t)length(w->f, (void *)load(&w->head->first));
	return 0;
}

int64_t opv_freelist_count_exact(const struct opv_freelist *f, int cpu)
{
	struct all a = { .f = f };
	struct walk w = { .nr = 0 };
	int ret;

	cpu = this_or(cpu);
	if (cpu == OPV_ALL_CPUS) {
		ret = opv_as_all(f->domain, walk_lists, &a);
		return ret ? ret : a.count;
	}
	if (is_cpu(f, cpu) && opv_freelist_empty(f, cpu))
		return 0;
	ret = gate(f, cpu, walk_list, &w);
	return ret ? ret : (int64_t)w.nr;
}
