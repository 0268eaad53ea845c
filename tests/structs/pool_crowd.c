// SPDX-License-Identifier: MIT
/*
 * Pools under a crowd: one to four threads a CPU, signal handlers that try, migration, trims
 * and drains from afar, every engine and all mixed: no object is lost and none had twice.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdatomic.h>

#define OBJECTS 4000
#define OWN 40

/* What an allocator gave, and who has it. */
static _Atomic uint32_t given[OBJECTS], owner[OBJECTS];
static _Atomic unsigned int next_object;
static _Atomic int wrong, misplaced;

static struct opv_pool pool;

struct hoard {
	int nr;
	intptr_t held[OWN];
};

static int get(void *arg, void **objects, int n, int depot)
{
	int got = 0, i;

	(void)arg, (void)depot;
	for (i = 0; i < OBJECTS && got < n; i++) {
		unsigned int o = atomic_fetch_add(&next_object, 1) % OBJECTS;

		if (!atomic_exchange(&given[o], 1))
			objects[got++] = (void *)(intptr_t)(o + 1);
	}
	return got;
}

static void put(void *arg, void **objects, int n)
{
	(void)arg;
	while (n--) {
		intptr_t o = (intptr_t)objects[n] - 1;

		if (o < 0 || o >= OBJECTS || owner[o] || !atomic_exchange(&given[o], 0))
			wrong++;
	}
}

static int home(void *arg, void *object)
{
	(void)arg;
	return (int)((intptr_t)object & 1);
}

static int depot_of_cpu(void *arg, int cpu)
{
	(void)arg;
	return cpu & 1;
}

static void take(struct member *m, bool handler)
{
	struct hoard *h = m->own;
	void *x = NULL;
	int ret;

	ret = handler || rnd(&m->random) % 8 == 0 ? opv_pool_try_alloc(&pool, &x) :
						    opv_pool_alloc(&pool, &x);
	if (ret) {
		/* A handler, or a pool that keeps a few, may find what there is on its way elsewhere. */
		misplaced += ret != 1;
		return;
	}
	if ((intptr_t)x < 1 || (intptr_t)x > OBJECTS ||
	    atomic_exchange(&owner[(intptr_t)x - 1], m->index + 1)) {
		wrong++;
		return;
	}
	h->held[h->nr++] = (intptr_t)x;
}

static void give_from(struct member *m, struct hoard *h, bool handler)
{
	intptr_t x = h->held[--h->nr];

	atomic_store(&owner[x - 1], 0);
	if ((handler || rnd(&m->random) % 8 == 0) && opv_pool_try_free(&pool, (void *)x) == 0)
		return;
	if (!handler) {
		wrong += opv_pool_free(&pool, (void *)x) != 0;
		return;
	}
	atomic_store(&owner[x - 1], m->index + 1);
	h->nr++;
}

static void give(struct member *m, bool handler)
{
	give_from(m, m->own, handler);
}

static void step(struct member *m)
{
	struct hoard *h = m->own;
	uint64_t r = rnd(&m->random);
	bool handler = m->index & 1;

	if (!handler && r % 2048 == 0)
		wrong += (r & 1 << 20 ? opv_pool_trim(&pool) : opv_pool_drain(&pool)) != 0;
	if (h->nr < OWN && (!h->nr || r & 1))
		take(m, handler);
	else
		give(m, handler);
}

static void tick(void)
{
	wrong += opv_pool_trim(&pool) != 0;
}

static int left(void)
{
	int n = 0, i;

	for (i = 0; i < OBJECTS; i++)
		n += given[i] || owner[i];
	return n;
}

static void conserve(int threads, int road, uint64_t seed)
{
	struct crowd c = { threads, step, tick, 150, crowd_members(threads, seed) };
	struct opv_pool_options o = { .size = sizeof(o), .alloc = get, .free = put };
	struct hoard *hoards = calloc((size_t)(2 * threads), sizeof(*hoards));
	struct opv_pool_stats s;
	int i;

	/* Small, so that the slow ways are taken often; with homes every other time. */
	o.batch = seed % 3 ? 2 : 8;
	o.capacity = o.batch * (1 + (uint32_t)(seed % 4));
	o.depot = 4;
	if (seed % 2) {
		o.nr_depots = 2;
		o.home = home;
		o.depot_of_cpu = depot_of_cpu;
	}
	wrong = misplaced = 0;
	memset(given, 0, sizeof(given));
	memset(owner, 0, sizeof(owner));
	opv_pool_init(&pool, NULL, &o);
	for (i = 0; i < 2 * threads; i++)
		c.members[i].own = &hoards[i];
	crowd_run(&c);
	opv_pool_stats(&pool, OPV_ALL_CPUS, &s, sizeof(s));
	for (i = 0; i < 2 * threads; i++)
		while (hoards[i].nr)
			give_from(&c.members[i], &hoards[i], false);
	opv_pool_fini(&pool);
	i = left();
	if (!ok(!i && !wrong && !misplaced, "%d threads, %s: all objects went back, once", threads,
		crowd_road_name(road)))
		diag("%d left, %d wrong, %d refused", i, wrong, misplaced);
	diag("%llu operations, %llu trimmed, %llu stolen, batch %u", (unsigned long long)s.operations,
	     (unsigned long long)s.trimmed, (unsigned long long)s.stolen, o.batch);
	free(hoards);
	free(c.members);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_from(argc, argv) % 1000000;
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), road, threads;

	if (cpus > 4)
		cpus = 4;
	for (road = ROAD_USUAL; road <= ROAD_MIXED; road++) {
		if (!crowd_road(road))
			continue;
		for (threads = 1; threads <= 4 * cpus; threads *= 2)
			conserve(threads, road, seed++);
		crowd_leave(road);
	}
	is(crowd_errno, 0, "handlers leave errno alone");
	return done();
}
