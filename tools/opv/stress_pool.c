// SPDX-License-Identifier: MIT
/* opv stress: free lists with all that batches can do, and a pool with trims and drains. */
#include "stress.h"

#include <stddef.h>
#include <string.h>

#define OWN 32		/* nodes that each worker starts with, objects that it holds at most */
#define STEPS 8

/* Nodes and objects are numbers; a worker has those that it holds. */
struct hoard {
	unsigned int nr;
	uint32_t held[];
};

static struct hoard *new_hoard(unsigned int room)
{
	return stress_zalloc(sizeof(struct hoard) + room * sizeof(uint32_t));
}

static bool take(struct stress_worker *w, enum stress_scenario scenario, _Atomic uint32_t *owner,
		 uint32_t number)
{
	struct hoard *h = w->own[scenario];
	uint32_t was = atomic_exchange(owner, w->index + 1);

	if (was) {
		stress_lost(w->s, scenario, "number %u had by worker %u while worker %u has it", number,
			    w->index, was - 1);
		return false;
	}
	h->held[h->nr++] = number;
	return true;
}

/* freelist: plain lists and counted ones. */

struct node {
	void *next;
	_Atomic uint32_t owner;		/* worker + 1, 0: in a list */
	uint32_t seen;
};

struct lists {
	struct opv_freelist list[2];
	struct node *nodes;
};

static void freelist_setup(struct stress *s)
{
	struct lists *l = s->data[STRESS_freelist] = stress_zalloc(sizeof(*l));
	uint32_t i, j;

	if (opv_freelist_init(&l->list[0], s->domain, offsetof(struct node, next), 0) ||
	    opv_freelist_init(&l->list[1], s->domain, offsetof(struct node, next),
			      OPV_FREELIST_COUNTED))
		die("stress", "no per-CPU memory for lists");
	l->nodes = stress_zalloc((size_t)s->nr_workers * OWN * sizeof(*l->nodes));
	for (i = 0; i < s->nr_workers; i++) {
		struct hoard *h = s->workers[i].own[STRESS_freelist] = new_hoard(s->nr_workers * OWN);

		for (j = 0; j < OWN; j++) {
			l->nodes[i * OWN + j].owner = i + 1;
			h->held[h->nr++] = i * OWN + j;
		}
	}
}

static void take_list(struct stress_worker *w, const struct opv_freelist *f, void *first)
{
	struct lists *l = w->s->data[STRESS_freelist];
	struct node *n, *next;

	/* A list with a node in it twice may have no end. */
	for (n = first; n; n = next) {
		next = opv_freelist_next(f, n);
		if (!take(w, STRESS_freelist, &n->owner, (uint32_t)(n - l->nodes)))
			break;
	}
}

static void push(struct stress_worker *w, const struct opv_freelist *f, int cpu)
{
	struct lists *l = w->s->data[STRESS_freelist];
	struct hoard *h = w->own[STRESS_freelist];
	struct opv_freelist_chain c = { NULL, NULL, 0 };
	unsigned int nr = 1 + stress_random(w) % 4;
	struct node *n;
	int ret;

	for (; nr && h->nr; nr--) {
		n = &l->nodes[h->held[--h->nr]];
		atomic_store(&n->owner, 0);
		opv_freelist_chain_add(f, &c, n);
	}
	ret = c.nr == 1 ? opv_freelist_push(f, c.first, cpu) : opv_freelist_push_chain(f, &c, cpu);
	if (!stress_expect(w, STRESS_freelist, "opv_freelist_push", ret, 0))
		take_list(w, f, c.first);
}

static void some(struct stress_worker *w, const struct opv_freelist *f, int cpu)
{
	struct opv_freelist_chain c;
	const char *name = "opv_freelist_pop_n";
	int ret;

	if (stress_random(w) & 1) {
		ret = opv_freelist_pop_n(f, 6, &c, cpu);
	} else {
		name = "opv_freelist_steal";
		ret = opv_freelist_steal(f, 6, &c, cpu < 0 ? OPV_ALL_CPUS : cpu);
	}
	if (stress_expect(w, STRESS_freelist, name, ret, 1))
		take_list(w, f, c.first);
}

static void all(struct stress_worker *w, const struct opv_freelist *f, int cpu)
{
	void *first = NULL;
	int ret = opv_freelist_pop_all(f, &first, cpu);

	if (stress_expect(w, STRESS_freelist, "opv_freelist_pop_all", ret, 1))
		take_list(w, f, first);
}

static void drain(struct stress_worker *w, const struct opv_freelist *f)
{
	void *first[w->s->nr_cpus];
	int cpu;

	if (!stress_expect(w, STRESS_freelist, "opv_freelist_drain", opv_freelist_drain(f, first), 0))
		return;
	for (cpu = 0; cpu < w->s->nr_cpus; cpu++)
		take_list(w, f, first[cpu]);
}

static void one(struct stress_worker *w, const struct opv_freelist *f, int cpu)
{
	struct lists *l = w->s->data[STRESS_freelist];
	void *n;
	int ret = opv_freelist_pop(f, &n, cpu);

	if (stress_expect(w, STRESS_freelist, "opv_freelist_pop", ret, 1) && !ret)
		take(w, STRESS_freelist, &((struct node *)n)->owner,
		     (uint32_t)((struct node *)n - l->nodes));
}

static void freelist_step(struct stress *s, struct stress_worker *w)
{
	struct lists *l = s->data[STRESS_freelist];
	struct hoard *h = w->own[STRESS_freelist];
	int i;

	for (i = 0; i < STEPS; i++) {
		const struct opv_freelist *f = &l->list[stress_random(w) & 1];
		int cpu = stress_random(w) & 1 ? OPV_THIS_CPU : stress_cpu(w);
		unsigned int way = stress_random(w) % 128;

		if (way == 0)
			drain(w, f);
		else if (way < 4)
			all(w, f, cpu);
		else if (way < 12)
			some(w, f, cpu);
		else if (h->nr && way & 1)
			push(w, f, cpu);
		else
			one(w, f, cpu);
		w->done[STRESS_freelist]++;
	}
}

static void see(struct stress *s, struct lists *l, uint32_t number)
{
	if (number >= s->nr_workers * OWN)
		stress_lost(s, STRESS_freelist, "%u is no node", number);
	else
		l->nodes[number].seen++;
}

static void freelist_check(struct stress *s)
{
	struct lists *l = s->data[STRESS_freelist];
	uint32_t total = s->nr_workers * OWN, i, j;
	int cpu, which;
	void *n;

	for (which = 0; which < 2; which++)
		for (cpu = 0; cpu < s->nr_cpus; cpu++) {
			int64_t count = which ? opv_freelist_count(&l->list[1], cpu) : 0;

			for (i = 0; i <= total && !opv_freelist_pop(&l->list[which], &n, cpu); i++)
				see(s, l, (uint32_t)((struct node *)n - l->nodes));
			if (i > total || (which && count != i))
				stress_lost(s, STRESS_freelist, "the list of CPU %d has %u nodes, counted %lld",
					    cpu, i, (long long)count);
		}
	for (i = 0; i < s->nr_workers; i++) {
		struct hoard *h = s->workers[i].own[STRESS_freelist];

		for (j = 0; j < h->nr; j++)
			see(s, l, h->held[j]);
	}
	for (i = 0; i < total; i++)
		if (l->nodes[i].seen != 1)
			stress_lost(s, STRESS_freelist, "node %u of %u is there %u times", i, total,
				    l->nodes[i].seen);
}

const struct stress_ops stress_freelist = { freelist_setup, freelist_step, freelist_check, NULL, false };

/* pool: numbers from an allocator that signal handlers may call. */

struct object {
	_Atomic uint32_t given;		/* by the allocator */
	_Atomic uint32_t owner;		/* worker + 1 */
};

struct pools {
	struct opv_pool pool;
	struct stress *s;
	uint32_t nr;
	_Atomic uint32_t next;
	struct object *objects;
};

static int get(void *arg, void **objects, int n, int depot)
{
	struct pools *p = arg;
	uint32_t tries, i;
	int got = 0;

	(void)depot;
	for (tries = 0; got < n && tries < p->nr; tries++) {
		i = atomic_fetch_add(&p->next, 1) % p->nr;
		if (!atomic_exchange(&p->objects[i].given, 1))
			objects[got++] = (void *)(uintptr_t)(i + 1);
	}
	return got;
}

static void put(void *arg, void **objects, int n)
{
	struct pools *p = arg;

	while (n--) {
		uintptr_t i = (uintptr_t)objects[n] - 1;

		if (i >= p->nr || p->objects[i].owner || !atomic_exchange(&p->objects[i].given, 0))
			stress_lost(p->s, STRESS_pool, "%p freed, which was not there to be freed",
				    objects[n]);
	}
}

static void pool_setup(struct stress *s)
{
	struct opv_pool_options o = { .size = sizeof(o), .alloc = get, .free = put };
	struct pools *p = s->data[STRESS_pool] = stress_zalloc(sizeof(*p));
	unsigned int i;

	/* Small, so that it misses often; more objects than all can have at a time. */
	o.batch = 6;
	o.capacity = 24;
	o.depot = 8;
	o.arg = p;
	p->s = s;
	p->nr = s->nr_workers * (OWN + 2 * o.batch) + (uint32_t)s->nr_cpus * o.capacity +
		o.depot * o.batch;
	p->objects = stress_zalloc(p->nr * sizeof(*p->objects));
	if (opv_pool_init(&p->pool, s->domain, &o))
		die("stress", "no per-CPU memory for a pool");
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_pool] = new_hoard(OWN);
}

static void pool_take(struct stress_worker *w, struct pools *p, bool try_only)
{
	void *x = NULL;
	int ret = try_only ? opv_pool_try_alloc(&p->pool, &x) : opv_pool_alloc(&p->pool, &x);

	if (!stress_expect(w, STRESS_pool, "opv_pool_alloc", ret, try_only) || ret)
		return;
	if ((uintptr_t)x - 1 >= p->nr)
		stress_lost(w->s, STRESS_pool, "%p is no object", x);
	else
		take(w, STRESS_pool, &p->objects[(uintptr_t)x - 1].owner, (uint32_t)((uintptr_t)x - 1));
}

static void pool_give(struct stress_worker *w, struct pools *p, bool try_only)
{
	struct hoard *h = w->own[STRESS_pool];
	uint32_t number = h->held[h->nr - 1];
	void *x = (void *)((uintptr_t)number + 1);
	int ret;

	atomic_store(&p->objects[number].owner, 0);
	ret = try_only ? opv_pool_try_free(&p->pool, x) : opv_pool_free(&p->pool, x);
	stress_expect(w, STRESS_pool, "opv_pool_free", ret, try_only);
	if (ret)
		atomic_store(&p->objects[number].owner, w->index + 1);
	else
		h->nr--;
}

static void pool_step(struct stress *s, struct stress_worker *w)
{
	struct pools *p = s->data[STRESS_pool];
	struct hoard *h = w->own[STRESS_pool];
	int i;

	for (i = 0; i < 2 * STEPS; i++) {
		unsigned int way = stress_random(w) % 512;

		if (way == 0)
			stress_expect(w, STRESS_pool, "opv_pool_drain", opv_pool_drain(&p->pool), 0);
		else if (way < 4)
			stress_expect(w, STRESS_pool, "opv_pool_trim", opv_pool_trim(&p->pool), 0);
		else if (h->nr < OWN && (!h->nr || way & 1))
			pool_take(w, p, !(way & 6));
		else
			pool_give(w, p, !(way & 6));
		w->done[STRESS_pool]++;
	}
}

static void pool_check(struct stress *s)
{
	struct pools *p = s->data[STRESS_pool];
	uint32_t i, there = 0, held = 0;
	struct opv_pool_stats stats;

	opv_pool_stats(&p->pool, OPV_ALL_CPUS, &stats, sizeof(stats));
	for (i = 0; i < p->nr; i++)
		there += p->objects[i].given;
	for (i = 0; i < s->nr_workers; i++)
		held += ((struct hoard *)s->workers[i].own[STRESS_pool])->nr;
	if (there != held + stats.cached + stats.stored)
		stress_lost(s, STRESS_pool, "%u objects out, %u held, %llu in magazines, %llu in depots",
			    there, held, (unsigned long long)stats.cached,
			    (unsigned long long)stats.stored);
	opv_pool_fini(&p->pool);
	for (there = i = 0; i < p->nr; i++)
		there += p->objects[i].given;
	if (there != held)
		stress_lost(s, STRESS_pool, "%u objects out, %u held", there, held);
}

const struct stress_ops stress_pool = { pool_setup, pool_step, pool_check, NULL, false };
