// SPDX-License-Identifier: MIT
/*
 * Pools: making them, and what happens when a magazine is empty or full.  Depots are in
 * pool_depot.c, trimming in pool_trim.c; (M1) to (M6) stand in docs/structures.md.
 */
#define _GNU_SOURCE
#include "pool.h"


#include "all.h"
#include "break.h"
#include "core.h"
#include "env.h"
#include "map.h"

/*
 * Tries of one operation on a magazine.  One fails when this thread moved or another came
 * between; what is left then goes another way.
 */
#define TRIES 8

#define DEFAULT_BATCH		32
#define DEFAULT_CAPACITY	512
#define DEFAULT_DEPOT		64
#define DEPOT_MAX		65536
#define NR_DEPOTS_MAX		1024
#define PAGE			4096

/* Making and unmaking. */

static int read_options(struct opv_pool_options *o, const struct opv_pool_options *options)
{
	const char *from = (const char *)options;
	size_t i;

	if (!options || options->size < sizeof(o->size) || options->size > PAGE)
		return -EINVAL;
	*o = (struct opv_pool_options){ 0 };
	for (i = 0; i < options->size; i++) {
		if (i < sizeof(*o))
			((char *)o)[i] = from[i];
		else if (from[i])
			return -EINVAL;
	}
	if (!o->alloc || !o->free)
		return -EINVAL;
	if (!o->nr_depots)
		o->nr_depots = opv_env()->nr_nodes ? opv_env()->nr_nodes : 1;
	if (!o->batch)
		o->batch = o->capacity && o->capacity < DEFAULT_BATCH ? o->capacity : DEFAULT_BATCH;
	if (!o->capacity)
		o->capacity = DEFAULT_CAPACITY;
	if (!o->depot)
		o->depot = DEFAULT_DEPOT;
	return o->batch > OPV_POOL_BATCH_MAX || o->capacity > OPV_POOL_CAPACITY_MAX ||
	       o->batch > o->capacity || o->depot > DEPOT_MAX || o->nr_depots > NR_DEPOTS_MAX ?
	       -EINVAL : 0;
}

static size_t round_up(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

struct map {
	struct opv_pool_central *c;
	uint32_t nr_cpus;
};

static void map_node(void *arg, unsigned int node, unsigned int cpu)
{
	const struct map *map = arg;

	if (cpu < map->nr_cpus && node < map->c->o.nr_depots)
		map->c->depot_of_cpu[cpu] = (uint16_t)node;
}

static int map_cpus(struct opv_pool_central *c, uint32_t nr_cpus)
{
	struct map map = { c, nr_cpus };
	uint32_t cpu;
	int depot;

	if (!c->o.depot_of_cpu) {
		opv_for_each_node_cpu(map_node, &map);
		return 0;
	}
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		depot = c->o.depot_of_cpu(c->o.arg, (int)cpu);
		if (depot < 0 || depot >= (int)c->o.nr_depots)
			return -EINVAL;
		c->depot_of_cpu[cpu] = (uint16_t)depot;
	}
	return 0;
}

/* Depots, batches and what is known of CPUs, in one mapping; pages come when they are used. */
static int make_central(struct opv_pool_central **cp, const struct opv_pool_options *o,
			uint32_t nr_cpus)
{
	size_t depots = round_up(sizeof(**cp) + o->nr_depots * sizeof(struct opv_pool_depot));
	size_t seen = round_up(nr_cpus * sizeof(struct opv_pool_seen));
	size_t map = round_up(nr_cpus * sizeof(uint16_t));
	size_t batch = round_up(sizeof(struct opv_pool_batch) + o->batch * sizeof(void *));
	size_t bytes = depots + seen + map + o->depot * batch;
	struct opv_pool_central *c;
	int ret;

	c = opv_map(bytes, MAP_NORESERVE);
	if (!c)
		return -ENOMEM;
	c->o = *o;
	c->bytes = bytes;
	c->seen = (struct opv_pool_seen *)((char *)c + depots);
	c->depot_of_cpu = (uint16_t *)((char *)c->seen + seen);
	c->batches = (char *)c->depot_of_cpu + map;
	c->batch_bytes = batch;
	ret = map_cpus(c, nr_cpus);
	if (ret)
		opv_unmap(c, bytes);
	else
		*cp = c;
	return ret;
}

int opv_pool_init(struct opv_pool *p, struct opv_domain *d,
		  const struct opv_pool_options *options)
{
	struct opv_pool pool = { .domain = d ? d : opv_domain_default() };
	struct opv_pool_options o;
	int ret;

	ret = read_options(&o, options);
	if (ret)
		return ret;
	if (!pool.domain)
		return -ENOMEM;
	if (pool.domain->shared)
		return -EINVAL;
	ret = make_central(&pool.central, &o, pool.domain->nr_cpus);
	if (ret)
		return ret;
	ret = opv_alloc(pool.domain, sizeof(struct opv_pool_magazine) + o.capacity * sizeof(void *),
			64, &pool.magazines);
	if (ret) {
		opv_unmap(pool.central, pool.central->bytes);
		return ret;
	}
	*p = pool;
	return 0;
}

int opv_pool_fini(struct opv_pool *p)
{
	int cpu, depot, ret;

	for (cpu = 0; cpu < (int)p->domain->nr_cpus; cpu++) {
		struct opv_pool_magazine *m = opv_pool_magazine(p, cpu);

		if (!opv_cpu_used(p->domain, cpu))
			continue;
		opv_pool_release(p->central, (void **)m->objects,
				 (int)(opv_pool_word(m) & OPV_POOL_LENGTH));
	}
	for (depot = 0; depot < (int)p->central->o.nr_depots; depot++)
		opv_pool_release_batches(p->central, depot, INT32_MAX);
	ret = opv_free(p->domain, p->magazines);
	opv_unmap(p->central, p->central->bytes);
	return ret;
}

/* Operations on magazines, a batch in one commit. */

int opv_pool_cut(const struct opv_pool *p, int cpu, uintptr_t w, void **objects, uintptr_t n)
{
	struct opv_pool_magazine *m = opv_pool_magazine(p, cpu);
	uintptr_t len = (w & OPV_POOL_LENGTH) - n, i;

	for (i = 0; i < n; i++)
		objects[i] = (void *)OPV_PORT_LOAD(intptr_t, &m->objects[len + i]);
	if (OPV_BROKEN(OPERATION))
		w = opv_pool_word(m);	/* whatever it is by now */
	return opv_cmpeq_store_release(&p->magazines->word, (intptr_t)w, opv_pool_after(w, len), cpu);
}

/* The last of up to n objects, as many as this CPU has room for; answers how many. */
static int fill_magazine(const struct opv_pool *p, void **objects, int n)
{
	int tries, cpu, room, len;
	uintptr_t w;

	for (tries = 0; n && tries < TRIES; tries++) {
		cpu = opv_cpu();
		w = opv_pool_word(opv_pool_magazine(p, cpu));
		len = (int)(w & OPV_POOL_LENGTH);
		room = (int)__atomic_load_n(&opv_pool_magazine(p, cpu)->capacity, __ATOMIC_RELAXED) - len;
		if (room <= 0)
			return 0;
		if (room > n)
			room = n;
		if (!opv_cmpeq_copy_store_release(&p->magazines->word, (intptr_t)w,
						  &p->magazines->objects[len], objects + n - room,
						  (size_t)room * sizeof(void *),
						  opv_pool_after(w, (uintptr_t)(len + room)), cpu))
			return room;
	}
	return 0;
}

/* Up to n objects from the end of this CPU's magazine; answers how many. */
static int flush(const struct opv_pool *p, void **objects, int n)
{
	uintptr_t w, len;
	int tries, cpu;

	for (tries = 0; tries < TRIES; tries++) {
		cpu = opv_cpu();
		w = opv_pool_word(opv_pool_magazine(p, cpu));
		len = w & OPV_POOL_LENGTH;
		if (len > (uintptr_t)n)
			len = (uintptr_t)n;
		if (!len)
			return 0;
		if (!opv_pool_cut(p, cpu, w, objects, len))
			return (int)len;
	}
	return 0;
}

/*
 * A CPU had no object, or no room.  Its capacity is only ever a hint, written by
 * atomics and not as that CPU.
 */
static void miss(const struct opv_pool *p, int cpu, uint32_t lacks)
{
	const struct opv_pool_options *o = &p->central->o;
	struct opv_pool_magazine *m = opv_pool_magazine(p, cpu);
	uint32_t capacity = __atomic_load_n(&m->capacity, __ATOMIC_RELAXED);
	uint32_t lacked = __atomic_exchange_n(&m->lacked, lacks, __ATOMIC_RELAXED);

	if (lacks == OPV_POOL_LACKED_OBJECTS)
		opv_pool_count(m, underflows, 1);
	else if (capacity)
		opv_pool_count(m, overflows, 1);
	if (capacity >= o->capacity || (capacity && (!lacked || lacked == lacks)))
		return;
	if (capacity)
		opv_pool_count(m, grown, 1);
	capacity += o->batch;
	__atomic_store_n(&m->capacity, capacity < o->capacity ? capacity : o->capacity,
			 __ATOMIC_RELAXED);
}

/* Taking. */

/* One of a batch that is in a depot, the others into the magazine as far as they go there. */
static bool take_from_depot(const struct opv_pool *p, int depot, void **object)
{
	struct opv_pool_central *c = p->central;
	int index = opv_pool_batch_pop(c, depot);
	struct opv_pool_batch *b;

	if (index < 0)
		return false;
	b = opv_pool_batch(c, index);
	*object = b->objects[--b->nr];
	b->nr -= (uint32_t)fill_magazine(p, b->objects, (int)b->nr);
	if (b->nr)
		opv_pool_batch_push(c, depot, index);
	else
		opv_pool_batch_drop(c, index);
	return true;
}

static int take_from_callback(const struct opv_pool *p, int cpu, void **object)
{
	struct opv_pool_central *c = p->central;
	void *objects[OPV_POOL_BATCH_MAX];
	int n;

	n = c->o.alloc(c->o.arg, objects, (int)c->o.batch, c->depot_of_cpu[cpu]);
	if (n <= 0)
		return n;
	atomic_fetch_add_explicit(&c->allocated, (uint64_t)n, memory_order_relaxed);
	*object = objects[--n];
	n -= fill_magazine(p, objects, n);
	if (n)
		opv_pool_store(c, cpu, objects, n);
	return 1;
}

/* Half of what the next CPU has that has something, up to a batch; for lack of memory. */
static bool steal(const struct opv_pool *p, int here, void **object)
{
	int nr = (int)p->domain->nr_cpus, i, n, cpu;
	void *objects[OPV_POOL_BATCH_MAX];

	for (i = 1; i < nr; i++) {
		uintptr_t w, len;

		cpu = (here + i) % nr;
		if (!opv_cpu_used(p->domain, cpu))
			continue;
		w = opv_pool_word(opv_pool_magazine(p, cpu));
		len = ((w & OPV_POOL_LENGTH) + 1) / 2;
		if (len > p->central->o.batch)
			len = p->central->o.batch;
		if (!len || opv_pool_cut(p, cpu, w, objects, len))
			continue;
		opv_pool_count(opv_pool_magazine(p, cpu), stolen, len);
		n = (int)len;
		*object = objects[--n];
		n -= fill_magazine(p, objects, n);
		if (n)
			opv_pool_store(p->central, here, objects, n);
		return true;
	}
	return false;
}

/* As the fast path, again: the CPU may have been used by others just now, or for the first time. */
static int take_again(const struct opv_pool *p, void **object, int *cpu)
{
	int tries;
	uintptr_t w;

	for (tries = 0; tries < TRIES; tries++) {
		*cpu = opv_cpu();
		w = opv_pool_word(opv_pool_magazine(p, *cpu));
		if (!(w & OPV_POOL_LENGTH))
			return 1;
		if (!opv_pool_cut(p, *cpu, w, object, 1))
			return 0;
	}
	return 1;
}

int opv_pool_alloc_slow(const struct opv_pool *p, void **object, int try_only)
{
	struct opv_pool_central *c = p->central;
	int cpu, depot, i, ret = 0;
	void *got;

	if (!take_again(p, &got, &cpu))
		goto done;
	miss(p, cpu, OPV_POOL_LACKED_OBJECTS);
	depot = c->depot_of_cpu[cpu];
	if (take_from_depot(p, depot, &got))
		goto done;
	if (!try_only) {
		ret = take_from_callback(p, cpu, &got);
		if (ret > 0)
			goto done;
	}
	for (i = 1; i < (int)c->o.nr_depots; i++)
		if (take_from_depot(p, (depot + i) % (int)c->o.nr_depots, &got))
			goto done;
	if (try_only)
		return 1;
	if (!steal(p, cpu, &got))
		return ret ? ret : -ENOMEM;
done:
	*object = got;
	return 0;
}

/* Giving. */

int opv_pool_free_slow(const struct opv_pool *p, void *object, int try_only)
{
	struct opv_pool_central *c = p->central;
	void *objects[OPV_POOL_BATCH_MAX];
	int cpu, n;

	if (fill_magazine(p, &object, 1))
		return 0;
	cpu = opv_cpu();
	miss(p, cpu, OPV_POOL_LACKED_ROOM);
	if (fill_magazine(p, &object, 1))
		return 0;
	if (try_only)
		return opv_pool_store_one(c, cpu, object) ? 0 : 1;
	n = flush(p, objects, (int)c->o.batch - 1);
	objects[n++] = object;
	opv_pool_store(c, cpu, objects, n);
	return 0;
}
